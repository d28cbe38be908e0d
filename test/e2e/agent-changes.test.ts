import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import { wholeValue } from '#api/meta/quantity.ts';
import { systemExec } from '#process/exec.ts';
import { probe } from '../bed/net.ts';
import { freePorts } from '../bed/ports.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import {
  apply,
  conditionOf,
  eventSaid,
  exec,
  getPod,
  isReady,
  mainOf,
  onlyNode,
  pod,
  publishImage,
  shell,
  sleeper,
  startTarget,
} from './agent/pods.ts';
import { restartWith } from './restart.ts';

const MIB = 2 ** 20;

const cluster = useCluster('e2e-agent-changes', { nodes: 1, apiservers: 1 });
const { node, until } = onlyNode(cluster);

/** Lines of a log written at a time, 12 MB as Docker keeps them, and how often. */
const BURST = 80_000;
const BURSTS = 4;

const resources = (cpu: string, memory: string) => ({ limits: { cpu, memory }, requests: { cpu, memory } });
const resize = (name: string, wanted: object) =>
  cluster().kubectl([
    ...['patch', 'pod', name, '--subresource', 'resize', '--patch'],
    JSON.stringify({ spec: { containers: [{ name: 'main', resources: wanted }] } }),
  ]);
const quota = async (name: string): Promise<string> =>
  (
    await exec(
      cluster(),
      name,
      'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 /sys/fs/cgroup/cpu.max',
    )
  ).trim();

beforeAll(async () => {
  const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
  await apply(
    cluster(),
    pod('sized', sleeper({ resources: resources('200m', '32Mi') })),
    pod('restarting', sleeper({ resources: resources('200m', '32Mi'), resizePolicy })),
    pod('plain', shell('echo ready; trap "exit 0" TERM; sleep 3600 & wait')),
    pod('hello', { name: 'main', image: 'coxswain/hello:1', imagePullPolicy: 'Never' }),
    pod('cat', shell('while read line; do echo "got $line"; done', { stdin: true, stdinOnce: true }), {
      restartPolicy: 'Never',
    }),
  );
  for (const name of ['sized', 'restarting', 'plain', 'hello', 'cat']) await until(name, isReady);
});

describe('resize in place', () => {
  test('CPU and memory change under the running process', async () => {
    const before = mainOf(await getPod(cluster(), 'sized'));
    expect(before).toMatchObject({ allocatedResources: { cpu: '200m' }, resources: resources('200m', '32Mi') });
    expect(await quota('sized')).toBe('20000');
    expect((await resize('sized', resources('400m', '48Mi'))).stderr).toBe('');
    const after = mainOf(await until('sized', (p) => mainOf(p)?.resources?.limits?.cpu === '400m'));
    expect(after).toMatchObject({
      containerID: before?.containerID,
      restartCount: 0,
      resources: resources('400m', '48Mi'),
    });
    expect(await quota('sized')).toBe('40000');
    expect(conditionOf(await getPod(cluster(), 'sized'), 'PodResizeInProgress')).toBeUndefined();
  });

  test('or by a restart, where the policy says so', async () => {
    await resize('restarting', resources('200m', '40Mi'));
    const p = await until('restarting', (x) => mainOf(x)?.restartCount === 1 && isReady(x));
    expect(mainOf(p)?.resources).toEqual(resources('200m', '40Mi'));
  });

  test('what the node does not have is pending, and can be taken back', async () => {
    await resize('sized', resources('4000', '48Mi'));
    const p = await until('sized', (x) => conditionOf(x, 'PodResizePending'));
    expect(conditionOf(p, 'PodResizePending')).toMatchObject({ status: 'True', reason: 'Infeasible' });
    expect(mainOf(p)).toMatchObject({ allocatedResources: { cpu: '400m' }, resources: { limits: { cpu: '400m' } } });
    await resize('sized', resources('400m', '48Mi'));
    await until('sized', (x) => !conditionOf(x, 'PodResizePending'));
  });

  test.each([
    [
      'another class',
      { limits: { cpu: '400m', memory: '48Mi' }, requests: { cpu: '100m', memory: '48Mi' } },
      'Pod QOS Class may not change',
    ],
    ['less memory', resources('400m', '16Mi'), 'memory limits cannot be decreased'],
    ['another resource', { limits: { 'ephemeral-storage': '1Gi' } }, 'only cpu and memory resources are mutable'],
  ])('%s is refused', async (_, wanted, complaint) => {
    const r = await resize('sized', wanted);
    expect(r.code).toBe(1);
    expect(r.stderr).toContain(complaint);
  });
});

describe('kubectl debug', () => {
  test('adds a container that sees the processes of its target', async () => {
    const args = [
      'debug',
      'plain',
      '--image=coxswain/busybox:1',
      '--image-pull-policy=Never',
      '--target=main',
      '-c',
      'dbg',
    ];
    await cluster().kubectlOk([...args, '--', 'sh', '-c', 'ps | grep -c "[s]leep 3600"; sleep 1; exit 7']);
    const of = (p: Pod) => p.status?.ephemeralContainerStatuses?.[0];
    const p = await until('plain', (x) => of(x)?.state?.terminated);
    expect(of(p)).toMatchObject({
      name: 'dbg',
      restartCount: 0,
      state: { terminated: { exitCode: 7, reason: 'Error' } },
    });
    expect(await cluster().kubectlOk(['logs', 'plain', '-c', 'dbg'])).toMatch(/^[1-9]/);
    expect(isReady(p)).toBe(true);
    expect(mainOf(p)?.restartCount).toBe(0);
  });

  test('what was added stays as it is', async () => {
    const spec = { ephemeralContainers: [{ name: 'dbg', image: 'coxswain/other:1' }] };
    const patch = ['patch', 'pod', 'plain', '--subresource', 'ephemeralcontainers', '-p', JSON.stringify({ spec })];
    const r = await cluster().kubectl(patch);
    expect(r.stderr).toContain('existing ephemeral containers "dbg" may not be changed');
  });
});

/** Processes of the pod that sleep so long, those that wait for one included. */
const sleeping = (seconds: string) => exec(cluster(), 'plain', `ps | grep -c "[s]leep ${seconds}"; true`);

describe('streams', () => {
  test('attach speaks to the process, once', async () => {
    const r = await cluster().kubectl(['attach', '-i', 'cat'], { input: 'one\ntwo\n' });
    expect(r.stdout).toBe('got one\ngot two\n');
    await until('cat', (p) => p.status?.phase === 'Succeeded');
  });

  test('attach returns when the container ends, whenever that is', async () => {
    const script = 'until [ -e /tmp/go ]; do sleep 0.1; done; sleep 4';
    await apply(cluster(), pod('brief', shell(script), { restartPolicy: 'Never' }));
    await until('brief', isReady);
    await exec(cluster(), 'brief', 'touch /tmp/go');
    const attached: Promise<unknown>[] = [];
    // Some come long before the end, some about then, some after it, who are told that there is nothing to attach to.
    await waitFor('the container ended', async () => {
      attached.push(cluster().kubectl(['attach', 'brief', '--pod-running-timeout=1s']));
      return (await until('brief', (p) => p.status?.phase)).status?.phase === 'Succeeded';
    });
    await Promise.all(attached);
  });

  test('a command whose client is gone ends, with what it started', async () => {
    const command = ['exec', 'plain', '--', 'sh', '-c', 'sleep 4711; true'];
    const child = spawn('kubectl', ['--kubeconfig', cluster().kubeconfig, ...command], { stdio: 'ignore' });
    const left = () => sleeping('4711');
    try {
      await waitFor('the command runs', async () => (await left()) === '2\n', { everyMs: 500 });
    } finally {
      child.kill('SIGKILL');
    }
    await waitFor('nothing is left of it', async () => (await left()) === '0\n', { everyMs: 500 });
  });

  test('a command whose agent ends, ends with it', async () => {
    const command = ['exec', 'plain', '--', 'sleep', '4713'];
    const child = spawn('kubectl', ['--kubeconfig', cluster().kubeconfig, ...command], { stdio: 'ignore' });
    try {
      await waitFor('the command runs', async () => (await sleeping('4713')) === '1\n', { everyMs: 500 });
      await node().agent.stop();
      await node().agent.start();
      expect(await waitFor('it can be asked', () => sleeping('4713'))).toBe('0\n');
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('the client of one that reads nothing floods it, and is killed', async () => {
    const command = ['exec', '-i', 'plain', '--', 'sleep', '4712'];
    const zero = openSync('/dev/zero', 'r');
    const child = spawn('kubectl', ['--kubeconfig', cluster().kubeconfig, ...command], {
      stdio: [zero, 'ignore', 'ignore'],
    });
    closeSync(zero);
    const read = () => /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${child.pid}/io`, 'utf8'))?.[1];
    let before: string | undefined;
    try {
      await waitFor('the command runs', async () => (await sleeping('4712')) === '1\n', { everyMs: 500 });
      const stuck = () => {
        const now = read();
        const same = now === before;
        before = now;
        return same;
      };
      await waitFor('nothing goes through any more', stuck, { everyMs: 1000 });
    } finally {
      child.kill('SIGKILL');
    }
    expect(await sleeping('4712')).toBe('1\n');
  });

  test('cp there and back', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cox-cp-'));
    try {
      const text = 'x'.repeat(300_000);
      writeFileSync(join(dir, 'there'), text);
      await cluster().kubectlOk(['cp', join(dir, 'there'), 'plain:/tmp/file']);
      await cluster().kubectlOk(['cp', 'plain:/tmp/file', join(dir, 'back')]);
      expect(readFileSync(join(dir, 'back'), 'utf8')).toBe(text);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('port-forward', async () => {
    const [port] = await freePorts(1);
    const args = ['--kubeconfig', cluster().kubeconfig, 'port-forward', 'pod/hello', `${port}:8080`];
    const child = spawn('kubectl', args, { stdio: 'ignore' });
    try {
      const answer = await waitFor('the forwarded port answers', () => probe(`http://127.0.0.1:${port}/`));
      expect(answer).toContain('hello from hello');
    } finally {
      child.kill();
    }
  });

  test('exec with a terminal, and logs that are followed to the end', async () => {
    const sized = 'for i in $(seq 600); do stty size | grep -q "33 77" && echo sized && exit; sleep 0.1; done';
    // kubectl asks for a terminal only when it has one itself.
    const line = `kubectl --kubeconfig ${cluster().kubeconfig} exec -it plain -c main -- sh -c '${sized}'`;
    const terminal = await systemExec('script', ['-qec', `stty rows 33 cols 77; ${line}`, '/dev/null'], {
      timeoutMs: 120_000,
    });
    expect(terminal.stdout).toContain('sized');
    await apply(
      cluster(),
      pod('talker', shell('for i in 1 2 3; do echo $i; sleep 0.3; done'), { restartPolicy: 'Never' }),
    );
    await until('talker', (p) => mainOf(p)?.state?.running ?? mainOf(p)?.state?.terminated);
    expect(await cluster().kubectlOk(['logs', '-f', 'talker'])).toBe('1\n2\n3\n');
    expect(await cluster().kubectlOk(['logs', '--tail=1', 'talker'])).toBe('3\n');
  });
});

describe('logs', () => {
  const logs = (...args: string[]) => cluster().kubectlOk(['logs', ...args], { timeoutMs: 120_000 });

  test('of the container before, from a point in time, so many bytes', async () => {
    const script = `n=$(cat /keep/n 2>/dev/null || echo 0); echo $((n + 1)) > /keep/n; echo run-$n begins; sleep 2; echo run-$n goes on
      [ $n = 0 ] && exit 1; trap "exit 0" TERM; sleep 3600 & wait`;
    const main = shell(script, { volumeMounts: [{ name: 'keep', mountPath: '/keep' }] });
    await apply(cluster(), pod('writer', main, { volumes: [{ name: 'keep', emptyDir: {} }] }));
    await waitFor('the second run wrote', async () =>
      (await cluster().kubectl(['logs', 'writer'])).stdout.includes('run-1 goes on'),
    );
    expect(await logs('writer', '--previous')).toContain('run-0 begins\nrun-0 goes on\n');
    expect(await logs('writer')).not.toContain('run-0');
    expect(await logs('writer', '--limit-bytes=5')).toBe('run-1');
    const [first = '', second = ''] = (await logs('writer', '--timestamps')).trim().split('\n').slice(-2);
    expect(first).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z run-1 begins$/);
    const [at = ''] = second.split(' ');
    // To the second, as the option is; the lines are two apart.
    expect(await logs('writer', `--since-time=${at.slice(0, 19)}Z`)).toBe('run-1 goes on\n');
    expect(await logs('writer', '--since=1h', '--tail=1')).toBe('run-1 goes on\n');
  });

  test('of a writer in a hurry, followed across rotations: no line is missing', async () => {
    // Each burst fills more than a file, and less than what is kept of the log.
    const script = `trap "exit 0" TERM; n=0; while [ $n -lt ${BURSTS} ]; do
      until [ -e /keep/go-$n ]; do sleep 0.1; done
      seq $((n * ${BURST})) $((n * ${BURST} + ${BURST - 1})) | sed "s/$/ ${'x'.repeat(60)}/"; n=$((n + 1)); done; sleep 3600 & wait`;
    const main = shell(script, { volumeMounts: [{ name: 'keep', mountPath: '/keep' }] });
    await apply(cluster(), pod('hasty', main, { volumes: [{ name: 'keep', emptyDir: {} }] }));
    await until('hasty', isReady);
    const follower = spawn('kubectl', ['--kubeconfig', cluster().kubeconfig, 'logs', '-f', 'hasty'], { stdio: 'pipe' });
    try {
      let rest = '';
      let next = 0;
      const wrong: string[] = [];
      follower.stdout.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const seen = Number.parseInt(line, 10);
          if (seen !== next && wrong.length < 5) wrong.push(`${seen} after ${next - 1}`);
          next = seen + 1;
        }
      });
      for (let n = 0; n < BURSTS; n++) {
        await exec(cluster(), 'hasty', `touch /keep/go-${n}`);
        await waitFor(
          `the end of burst ${n}`,
          () => {
            if (next < (n + 1) * BURST) throw new Error(`line ${next} is next; ${wrong.join(', ')}`);
            return true;
          },
          { timeoutMs: 120_000 },
        );
      }
      expect(wrong).toEqual([]);
      expect(await logs('hasty', '--tail=1')).toMatch(new RegExp(`^${BURSTS * BURST - 1} x`));
    } finally {
      follower.kill();
    }
  }, 600_000);
});

test('three images are pulled at a time, a fourth when one of them is there', async () => {
  const requests = await startTarget(cluster());
  const image = await publishImage(cluster(), 'coxswain/pause:1');
  const names = ['a', 'b', 'c', 'd'].map((x) => `held-${x}`);
  const asked = () => new Set(readFileSync(requests, 'utf8').match(/^\/v2\/held-\w\/tiny\/manifests/gm)).size;
  const main = (name: string) => ({ name: 'main', image: image.replace('/tiny', `/${name}/tiny`) });
  await apply(cluster(), ...names.map((name) => pod(name, main(name))));
  for (const name of names) await eventSaid(cluster(), name, 'Pulling');
  await waitFor('the registry is asked for three', () => asked() >= 3);
  expect(asked()).toBe(3);
  writeFileSync(join(node().dir, 'registry/go'), '');
  for (const name of names) await until(name, isReady);
  expect(asked()).toBe(4);
});

test('pods that use more together than is left for them lose one, though the node has plenty', async () => {
  const { capacity = {} } = (JSON.parse(await cluster().get('node', node().name, '-o', 'json')) as Node).status ?? {};
  // Of 160Mi 100 are to be left.
  const reserved = wholeValue(capacity.memory ?? '') - 160 * MIB;
  const flags = ['--system-reserved', `cpu=500m,memory=${reserved}`];
  const agent = await restartWith(node(), node().agent, { args: (had) => [...had, ...flags], ready: '10248/healthz' });
  try {
    const here = { nodeName: node().name };
    await apply(cluster(), pod('small', sleeper(), here));
    await until('small', isReady);
    const script = 'x=$(head -c 90000000 /dev/zero | tr "\\0" x); trap "exit 0" TERM; sleep 3600 & wait';
    await apply(cluster(), pod('large', shell(script), here));
    const { status } = await until('large', (p) => p.status?.phase === 'Failed');
    expect(status?.reason).toBe('Evicted');
    expect(status?.message).toMatch(
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+\w*\. Container main was using \d+\w*, request is 0/,
    );
    expect(isReady(await until('small', (p) => p.status))).toBe(true);
    const weight = `/sys/fs/cgroup/cpu${node().cgroupRoot}/kubepods/cpu.shares`;
    const cpus = Number(capacity.cpu) * 1000 - 500;
    if (existsSync(weight)) expect(Number(readFileSync(weight, 'utf8'))).toBe(Math.floor((cpus * 1024) / 1000));
  } finally {
    await agent.stop();
    await node().agent.start();
  }
  await cluster().kubectlOk(['delete', 'pod', 'large', 'small', '--timeout=60s']);
});

test('a container that crashes is held back, but no more once it has run for long', async () => {
  const flags = ['--restart-back-off-reset', '5s'];
  const agent = await restartWith(node(), node().agent, { args: (had) => [...had, ...flags], ready: '10248/healthz' });
  try {
    // Two short lives, one of 7 s, and one that lasts.
    const script =
      'n=$(cat /lives/n 2>/dev/null || echo 0); echo $((n+1)) >/lives/n; [ $n -lt 2 ] && exit 1; [ $n -eq 2 ] && sleep 7 && exit 1; trap "exit 0" TERM; sleep 3600 & wait';
    const container = shell(script, { volumeMounts: [{ name: 'lives', mountPath: '/lives' }] });
    await apply(cluster(), pod('moody', container, { volumes: [{ name: 'lives', emptyDir: {} }] }));
    const waiting = await until('moody', (p) => mainOf(p)?.state?.waiting?.reason === 'CrashLoopBackOff');
    expect(mainOf(waiting)?.state?.waiting?.message).toMatch(/^back-off 10s restarting failed container=main/);
    const last = await until('moody', (p) => mainOf(p)?.restartCount === 3 && mainOf(p)?.state?.running);
    // It would be 20 s otherwise.
    const { lastState, state } = mainOf(last) ?? {};
    const held = Date.parse(state?.running?.startedAt ?? '') - Date.parse(lastState?.terminated?.finishedAt ?? '');
    expect(held).toBeLessThan(10_000);
  } finally {
    await agent.stop();
    await node().agent.start();
  }
  await cluster().kubectlOk(['delete', 'pod', 'moody', '--timeout=60s']);
});

test('the command whose client flooded it and was killed has ended too', async () => {
  await waitFor('nothing is left of it', async () => (await sleeping('4712')) === '0\n', {
    timeoutMs: 120_000,
    everyMs: 500,
  });
});
