import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExecResult } from '#process/exec.ts';
import { repository } from '../bed/layout.ts';
import type { BedNode } from '../bed/node.ts';
import { useCluster } from '../bed/suite.ts';
import { balancerAnswers, waitFor } from '../bed/wait.ts';
import { type Outcome, runLine, type Side, sideOf } from './parity/compare.ts';
import { FILES } from './parity/files.ts';

/** `cox cluster` and `cox image`: what keeps a cluster alive for years. */
const cluster = useCluster('e2e-cox-cluster', {
  nodes: 1,
  members: 3,
  spares: 1,
  flags: { 'controller-manager': ['--cluster-signing-duration', '90s'] },
});
let side: Side;
const backup = mkdtempSync(join(tmpdir(), 'cox-backup-'));

beforeAll(() => {
  side = sideOf(join(repository, 'bin/cox'), { kubeconfig: cluster().kubeconfig, namespace: 'default', files: FILES });
});

afterAll(() => {
  for (const folder of [side.folder, backup]) rmSync(folder, { recursive: true, force: true });
});

async function ok(line: string): Promise<string> {
  const { code, out, err } = await runLine(side, line);
  expect({ line, code, err }).toEqual({ line, code: 0, err: '' });
  return out;
}

const refused = async (line: string): Promise<Outcome> => {
  const outcome = await runLine(side, line);
  expect({ line, code: outcome.code }).toEqual({ line, code: 1 });
  return outcome;
};

const WORKLOAD =
  'k get pods -l app=web -o jsonpath=\'{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}\'';

test('status says how the parts are', async () => {
  const { out } = await waitFor('all parts well', async () => {
    const outcome = await runLine(side, 'k cluster status');
    return outcome.code === 0 && outcome;
  });
  expect(out).toMatch(
    /API server +ok[^\n]*\nscheduler +ok +led by .*\ncontroller manager +ok[^\n]*\nnodes +ok +1 of 1 ready/,
  );
});

test('snapshot, total loss, restore: the objects of the snapshot, and a workload that has not noticed', async () => {
  await ok('k apply -f settings.yaml -f web.yaml && k rollout status deploy/web --timeout=110s');
  const before = await ok(WORKLOAD);
  const file = join(backup, 'all.db');
  const endpoints = cluster().etcd.endpoints.join(',');
  const access = `--dir ${cluster().dir} --endpoints ${endpoints}`;
  expect(await ok(`k cluster snapshot ${file} ${access}`)).toMatch(/all\.db: revision \d+, \d+ keys, \d+ bytes/);
  expect((await refused(`k cluster snapshot ${file} ${access}`)).err).toMatch(/is there already/);
  expect((await refused(`k cluster snapshot ${file}2 --dir /none`)).err).toMatch(/name the cluster folder with --dir/);
  await ok('k create cm after-the-snapshot');

  // Everything but the node is lost.
  const { processes } = cluster();
  const all = Object.values(processes).filter((p) => /^(etcd|apiserver|scheduler|controller-manager)\d?$/.test(p.name));
  await Promise.all(all.map((p) => p.kill('SIGKILL')));
  const data = join(cluster().dir, 'etcd');
  expect((await refused(`k cluster restore ${file} --data-dir ${data}`)).err).toMatch(/there is data already/);
  rmSync(data, { recursive: true });
  expect((await refused(`k cluster restore ${file} --data-dir ${data} --member none`)).err).toMatch(/no member "none"/);
  await ok(`k cluster restore ${file} --data-dir ${data}`);
  expect(readdirSync(data).sort()).toEqual(['etcd1', 'etcd2', 'etcd3']);
  await Promise.all(all.filter((p) => p.name.startsWith('etcd')).map((p) => p.start()));
  await Promise.all(all.filter((p) => !p.name.startsWith('etcd')).map((p) => p.start()));

  await balancerAnswers(cluster());
  expect(await ok(WORKLOAD)).toBe(before);
  expect((await refused('k get cm after-the-snapshot')).err).toMatch(/not found/);
  // The whole works again: controllers, scheduler and the agent, which all held newer versions of objects than there are now.
  await ok('k scale deploy/web --replicas=3 && k rollout status deploy/web --timeout=110s');
  expect((await ok(WORKLOAD)).split('\n').slice(0, -1)).toEqual(expect.arrayContaining(before.trimEnd().split('\n')));
  expect((await refused(`k cluster restore ${file}3 --data-dir ${data}`)).err).toMatch(/is not there/);
});

/** Serial number of the certificate a server shows. */
const shown = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, timeout: 10_000 }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });

test('certificates are checked and renewed, and the kubeconfigs with them', async () => {
  const { dir } = cluster();
  expect(await ok(`k cluster certs check --dir ${dir}`)).toMatch(/apiserver/);
  expect((await refused('k cluster certs check --dir /none')).err).toMatch(/name the cluster folder/);
  expect((await refused(`k cluster certs renew nothing --dir ${dir}`)).err).toMatch(/no certificate "nothing"/);
  const [first = ''] = cluster().apiservers;
  const [serial, admin] = [await shown(first), execFileSync('cat', [cluster().kubeconfig]).toString()];
  expect(await ok(`k cluster certs renew --dir ${dir}`)).toMatch(/^users\/admin renewed$/m);
  expect(execFileSync('cat', [cluster().kubeconfig]).toString()).not.toBe(admin);
  // Old and new are of one authority: nothing breaks until everything has been restarted.
  await ok('k get nodes');
  const { etcd1, etcd2, etcd3, apiserver1, apiserver2 } = cluster().processes;
  for (const p of [etcd1, etcd2, etcd3, apiserver1, apiserver2]) await p.restart();
  await balancerAnswers(cluster());
  expect(await shown(first)).not.toBe(serial);
  await ok('k get pods && k logs deploy/web --tail=1 2>/dev/null');
});

const cox = join(repository, 'bin/cox');
const spare = (): BedNode => cluster().spares[0] as BedNode;
/** Everything the joined machine keeps. */
const root = (): string => join(spare().dir, 'joined');
const nodeCertificate = (): X509Certificate =>
  new X509Certificate(readFileSync(join(root(), 'pki/kubelet-client-current.pem')));
let joinedWith: X509Certificate;

describe('a machine joins', () => {
  let command: string[];
  const joinBy = (words: readonly string[], ...more: string[]): Promise<ExecResult> => {
    const { dockerHost, cgroupRoot } = spare();
    const machine = ['--root-dir', root(), '--docker-host', dockerHost, '--cgroup-root', cgroupRoot];
    return spare().exec(cox, [...words, ...machine, ...more], { timeoutMs: 200_000 });
  };
  const changed = (from: string | RegExp, to: string): string[] => command.map((w) => w.replace(from, to));

  test('not by what is wrong, and then nothing is left of it', async () => {
    // It was without API servers for some time, and one that is Ready is not pushed out.
    await ok('k wait --for=condition=Ready node/node1 --timeout=100s');
    const line = await ok('k cluster token create --ttl=1h --print-join-command');
    expect(line).toMatch(
      /^cox cluster join [\d.]+:\d+ --token [a-z0-9]{6}\.[a-z0-9]{16} --discovery-token-ca-cert-hash sha256:[0-9a-f]{64}\n$/,
    );
    command = line.trim().split(' ').slice(1);
    const wrong: [RegExp, () => Promise<ExecResult>][] = [
      [
        /has the hash sha256:[0-9a-f]{64}, which is not the one given/,
        () => joinBy(changed(/^sha256:.*/, `sha256:${'0'.repeat(64)}`)),
      ],
      [
        /does not know the token zzzzzz: it has ended or was deleted/,
        () => joinBy(changed(/^[a-z0-9]{6}\./, 'zzzzzz.')),
      ],
      [
        /the token is mistyped, or it is another server/,
        () => joinBy(changed(/\.[a-z0-9]{16}$/, `.${'0'.repeat(16)}`)),
      ],
      [/nothing can be reached at https:\/\/[\d.]+:1: .*is the address right/, () => joinBy(changed(/:\d+$/, ':1'))],
      [/there is a node node1 in the cluster, and it is Ready/, () => joinBy(command, '--node-name', 'node1')],
      [/say which cluster it is/, () => joinBy(command.slice(0, -2))],
      [/"Node" is no name of a node/, () => joinBy(command, '--node-name', 'Node')],
    ];
    // One after the other: each looks whether the agent's port is free, by taking it for a moment.
    for (const [sentence, attempt] of wrong) {
      const { code, stderr } = await attempt();
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(sentence) });
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    expect(existsSync(join(root(), 'pki'))).toBe(false);
    expect(await ok('k get nodes -o name')).toBe('node/node1\n');
  });

  test('by token and hash, and its pods are reached, read and entered', async () => {
    const { code, stdout, stderr } = await joinBy(command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/node node2 has joined and is Ready\n$/);
    joinedWith = nodeCertificate();
    for (const entry of readdirSync(root(), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && /\/(pki|conf|run)\//.test(path))
        // The agent writes there: what it writes to first is renamed.
        expect([path, (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077]).toEqual([path, 0]);
    }
    expect((await joinBy(command)).stderr).toMatch(/has joined already, as node node2/);
    const spec = '{"spec":{"nodeName":"node2"}}';
    await ok(
      `k run there --image=coxswain/hello:1 --overrides='${spec}' && k wait --for=condition=Ready pod/there --timeout=110s`,
    );
    const ip = await ok("k get pod there -o jsonpath='{.status.podIP}'");
    const [node1] = cluster().nodes;
    await waitFor('the pod answers the other node', async () => {
      const { code: c, stdout: answer } = (await node1?.exec('curl', ['-sS', '-m', '5', `http://${ip}:8080/`])) ?? {};
      return c === 0 && answer?.includes('there');
    });
    // By then the agent shows a certificate that the API server believes.
    await waitFor('logs of the pod', async () => (await runLine(side, 'k logs there')).code === 0);
    expect(
      await ok('k get csr -o jsonpath=\'{.items[?(@.spec.username=="system:node:node2")].status.conditions[*].type}\''),
    ).toMatch(/^Approved/);
  });
});

test('tokens by which machines join are made, listed and deleted', async () => {
  const { out, err } = await runLine(side, 'k cluster token create --ttl=10m --description="rack 2"');
  expect(out).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/);
  expect(err).toMatch(/authority is sha256:[0-9a-f]{64}\n/);
  const token = out.trim();
  expect(await ok('k cluster token list')).toMatch(new RegExp(`${token.slice(0, 6)}\\.<hidden> +until .*rack 2`));
  const asJoining = `k --token=${token} auth whoami -o jsonpath='{.status.userInfo.username} {.status.userInfo.groups[0]}'`;
  // Each API server hears of tokens in its own time.
  const answer = (wanted: Partial<Outcome>): Promise<true> =>
    waitFor(`whoami by the token: ${JSON.stringify(wanted)}`, async () => {
      expect(await runLine(side, asJoining)).toMatchObject(wanted);
      return true;
    });
  await answer({ code: 0, out: `system:bootstrap:${token.slice(0, 6)} system:bootstrappers` });
  await ok(`k cluster token delete ${token}`);
  await answer({ code: 1 });
  expect((await refused('k cluster token delete x')).err).toMatch(/no id of a token/);
});

test('images are imported from archives', async () => {
  const [node] = cluster().nodes;
  const host = node?.dockerHost ?? '';
  const archive = join(backup, 'image.tar');
  const docker = (...args: string[]): string => execFileSync('docker', ['--host', host, ...args]).toString();
  docker('tag', 'coxswain/hello:1', 'imported:1');
  docker('save', '--output', archive, 'imported:1');
  docker('rmi', 'imported:1');
  expect(existsSync(archive)).toBe(true);
  expect(await ok(`k image import ${archive} --docker-host ${host}`)).toMatch(/Loaded image: imported:1/);
  expect(docker('images', '--quiet', 'imported:1')).not.toBe('');
  writeFileSync(join(backup, 'bad.tar'), 'no archive');
  expect((await refused(`k image import ${join(backup, 'bad.tar')} --docker-host ${host}`)).err).toMatch(/bad\.tar: /);
  expect((await refused('k image import /none.tar')).err).toMatch(/does not exist/);
});

/** Asks again and again until it is told to stop. @returns how often, and how often in vain */
function asking(machine: BedNode, url: string, stop: string): Promise<ExecResult> {
  const one = `curl -sS -m 20 -o /dev/null ${url} || bad=$((bad + 1)); n=$((n + 1))`;
  const loop = `n=0; bad=0; while [ ! -e ${stop} ]; do ${one}; done; echo $n requests, $bad failed`;
  return machine.exec('sh', ['-c', loop], { timeoutMs: 220_000 });
}

test('a joined node is upgraded, and no request to its pods fails meanwhile', async () => {
  await ok('k expose pod there --port=80 --target-port=8080');
  const [ip, service] = (
    await ok("k get pod/there svc/there -o jsonpath='{.items[0].status.podIP} {.items[1].spec.clusterIP}'")
  ).split(' ');
  const answers = async () => (await spare().exec('curl', ['-sS', '-m', '5', `http://${service}/`])).code === 0;
  await waitFor('the Service on the new node', answers, { timeoutMs: 60_000 });
  const before = await ok(WORKLOAD.replace('app=web', 'run=there'));
  const processes = async () =>
    (await spare().exec('pgrep', ['-f', `dist/(node-agent|proxy|dns).mjs .*${root()}`])).stdout;
  // What they start bears their name for a moment.
  const three = (): Promise<string[]> =>
    waitFor('three processes', async () => {
      const pids = (await processes()).trim().split('\n');
      return pids.length === 3 && pids;
    });
  const old = await three();
  // As a machine that joined when the network had no credentials of its own.
  for (const file of ['conf/network.conf', 'pki/network-client-current.pem']) rmSync(join(root(), file));
  const stop = join(backup, 'stop-asking');
  const [node1] = cluster().nodes as unknown as [BedNode];
  const asked = [asking(node1, `http://${ip}:8080/`, stop), asking(spare(), `http://${service}/`, stop)];
  const { code, stdout, stderr } = await spare().exec(cox, ['cluster', 'upgrade', '--root-dir', root()], {
    timeoutMs: 200_000,
  });
  writeFileSync(stop, '');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^node-agent: runs anew, well after [\d.]+ s\nproxy: runs anew.*\ndns: runs anew.*\n$/);
  for (const outcome of await Promise.all(asked)) expect(outcome.stdout).toMatch(/^\d{2,} requests, 0 failed\n$/);
  const now = await three();
  expect(now.filter((pid) => old.includes(pid))).toEqual([]);
  expect(await ok(WORKLOAD.replace('app=web', 'run=there'))).toBe(before);
  // No pod is attached before the network has read the nodes: by a certificate that the new agent has asked for.
  const spec = '{"spec":{"nodeName":"node2"}}';
  await ok(`k run later --image=coxswain/hello:1 --overrides='${spec}'`);
  await ok('k wait --for=condition=Ready pod/later --timeout=110s && k delete pod later --now');
  expect(new X509Certificate(readFileSync(join(root(), 'pki/network-client-current.pem'))).subject).toBe(
    'CN=system:coxswain-network',
  );
});

test('a joined node renews its certificate before it ends', async () => {
  const end = Date.parse(joinedWith.validTo);
  await waitFor('another certificate', () => nodeCertificate().serialNumber !== joinedWith.serialNumber, {
    timeoutMs: 150_000,
  });
  const renewed = () => ok('k get lease node2 -n kube-node-lease -o jsonpath={.spec.renewTime}');
  // With the old one alone it would be silent from then on.
  await waitFor('heartbeats after the end of the first', async () => Date.parse(await renewed()) > end + 2000, {
    timeoutMs: 180_000,
    everyMs: 1000,
  });
  await ok('k logs there');
  await ok('k wait --for=condition=Ready node/node2 --timeout=60s');
});

test('reset leaves nothing of a node on its machine', async () => {
  const reset = () => spare().exec(cox, ['cluster', 'reset', '--root-dir', root()], { timeoutMs: 200_000 });
  const { code, stdout, stderr } = await reset();
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/nothing of node node2 is left on this machine\nNext, .*: cox delete node node2\n/);
  expect(existsSync(root())).toBe(false);
  const left = async (command: string, ...args: string[]) => (await spare().exec(command, args)).stdout;
  expect(await left('docker', '--host', spare().dockerHost, 'ps', '-aq')).toBe('');
  expect(await left('iptables-save')).not.toMatch(/COX/);
  expect(await left('ip', 'route', 'show', 'proto', '252')).toBe('');
  expect(await left('ip', 'link')).not.toMatch(/cox0/);
  expect(await left('pgrep', '-fa', root())).toBe('');
  expect((await reset()).stderr).toMatch(/no node has joined from .*--root-dir/);
  await ok('"$PROGRAM" delete node node2');
});
