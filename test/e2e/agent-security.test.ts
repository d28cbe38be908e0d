import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { probe } from '../bed/net.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import {
  apply,
  conditionOf,
  endContainer,
  eventSaid,
  exec,
  isReady,
  mainOf,
  onlyNode,
  pod,
  shell,
  sleeper,
} from './agent/pods.ts';

const cluster = useCluster('e2e-agent-security', {
  nodes: 1,
  apiservers: 1,
  flags: { 'node-agent': ['--allowed-unsafe-sysctls', 'kernel.sem,net.core.*'] },
});
const { node, docker, until } = onlyNode(cluster);
const run = (name: string, script: string) => exec(cluster(), name, script);

const HOST_PORT = 18090;
/** /proc/<pid>/status shows capability sets as hexadecimal numbers. */
const CAP_NET_ADMIN = 1n << 12n;
const CAP_CHOWN = 1n << 0n;
/** How many lines say that names of the cluster are looked for. */
const SEARCHES = 'grep -c "^search default.svc.cluster.local" /etc/resolv.conf';

/** Pods by name: securityContext of the container, further fields of the pod. */
const PODS: Readonly<Record<string, readonly [object, Record<string, unknown>?]>> = {
  // This machine has no SELinux: the label is no obstacle.
  plain: [{ seLinuxOptions: { level: 's0:c1,c2' } }],
  user: [{ runAsUser: 1234, runAsGroup: 2345 }, { securityContext: { supplementalGroups: [3456], runAsUser: 9 } }],
  nonroot: [{ runAsNonRoot: true, runAsUser: 65534 }],
  caps: [{ capabilities: { add: ['NET_ADMIN'], drop: ['CHOWN'] } }],
  nocaps: [{ capabilities: { drop: ['ALL'] } }],
  privileged: [{ privileged: true }],
  readonly: [{ readOnlyRootFilesystem: true }],
  nonew: [{ allowPrivilegeEscalation: false }],
  seccomp: [{ seccompProfile: { type: 'RuntimeDefault' } }],
  profile: [{ seccompProfile: { type: 'Localhost', localhostProfile: 'no-mkdir.json' } }],
  unmasked: [{ procMount: 'Unmasked' }, { hostUsers: false }],
  sysctl: [
    {},
    {
      securityContext: {
        sysctls: [
          { name: 'net.ipv4.ip_unprivileged_port_start', value: '80' },
          // Unsafe, and allowed on this node.
          { name: 'net.core.somaxconn', value: '512' },
        ],
      },
    },
  ],
  hostnet: [
    {},
    {
      hostNetwork: true,
      dnsPolicy: 'ClusterFirstWithHostNet',
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['seven'] }],
    },
  ],
  hostpid: [{}, { hostPID: true }],
  hostipc: [{}, { hostIPC: true }],
  shared: [{}, { shareProcessNamespace: true }],
  aliases: [{}, { dnsPolicy: 'Default', hostAliases: [{ ip: '192.0.2.8', hostnames: ['eight', 'acht'] }] }],
  named: [{}, { hostname: 'first', subdomain: 'sub' }],
  fqdn: [{}, { hostname: 'first', subdomain: 'sub', setHostnameAsFQDN: true }],
  dns: [
    {},
    {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.53'], searches: ['a.example'], options: [{ name: 'ndots', value: '2' }] },
    },
  ],
};

const profile = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
};

beforeAll(async () => {
  mkdirSync(join(node().dir, 'agent/seccomp'), { recursive: true });
  writeFileSync(join(node().dir, 'agent/seccomp/no-mkdir.json'), JSON.stringify(profile));
  await apply(
    cluster(),
    ...Object.entries(PODS).map(([name, [securityContext, spec]]) =>
      pod(name, sleeper({ securityContext }), spec ?? {}),
    ),
  );
});

const capabilities = async (name: string): Promise<bigint> =>
  BigInt(`0x${(await run(name, "awk '/CapEff/ { print $2 }' /proc/1/status")).trim()}`);
const statusField = async (name: string, field: string): Promise<string> =>
  (await run(name, `awk '/^${field}:/ { print $2 }' /proc/1/status`)).trim();

describe('what a container is and may', () => {
  test.each([
    ['user', 'id -u; id -g; id -G', '1234\n2345\n2345 3456\n'],
    ['nonroot', 'id -u', '65534\n'],
    ['readonly', 'touch /x 2>&1 | grep -c "Read-only"; touch /dev/termination-log && echo ok', '1\nok\n'],
    ['profile', 'mkdir /tmp/x 2>&1 | grep -c "not permitted"', '1\n'],
    ['sysctl', 'cd /proc/sys/net; cat ipv4/ip_unprivileged_port_start core/somaxconn', '80\n512\n'],
    ['shared', 'cat /proc/1/comm', 'pause\n'],
    ['aliases', 'grep acht /etc/hosts; grep -c cluster.local /etc/resolv.conf', '192.0.2.8\teight\tacht\n0\n'],
    [
      'hostnet',
      `head -1 /etc/hosts; grep seven /etc/hosts; ${SEARCHES}`,
      '# Kubernetes-managed hosts file (host network).\n192.0.2.7\tseven\n1\n',
    ],
    ['named', `hostname; grep -c "first.sub.default.svc.cluster.local" /etc/hosts; ${SEARCHES}`, 'first\n1\n1\n'],
    ['fqdn', 'hostname', 'first.sub.default.svc.cluster.local\n'],
    ['dns', 'cat /etc/resolv.conf', 'nameserver 192.0.2.53\nsearch a.example\noptions ndots:2\n'],
  ])('%s', async (name, script, expected) => {
    await until(name, isReady);
    expect(await exec(cluster(), name, `${script}; true`)).toBe(expected);
  });

  test('capabilities are added and dropped', async () => {
    for (const name of ['plain', 'caps', 'nocaps', 'privileged']) await until(name, isReady);
    const [plain, caps, none, all] = [
      await capabilities('plain'),
      await capabilities('caps'),
      await capabilities('nocaps'),
      await capabilities('privileged'),
    ];
    expect(plain & CAP_CHOWN).toBe(CAP_CHOWN);
    expect(plain & CAP_NET_ADMIN).toBe(0n);
    expect(caps & CAP_NET_ADMIN).toBe(CAP_NET_ADMIN);
    expect(caps & CAP_CHOWN).toBe(0n);
    expect(none).toBe(0n);
    expect(all & (CAP_NET_ADMIN | CAP_CHOWN | (1n << 21n))).toBe(CAP_NET_ADMIN | CAP_CHOWN | (1n << 21n));
  });

  test('privileges and system calls', async () => {
    for (const name of ['nonew', 'seccomp']) await until(name, isReady);
    expect(await statusField('nonew', 'NoNewPrivs')).toBe('1');
    expect(await statusField('plain', 'NoNewPrivs')).toBe('0');
    expect(await statusField('plain', 'Seccomp')).toBe('0');
    expect(await statusField('seccomp', 'Seccomp')).toBe('2');
  });

  test('namespaces of the node', async () => {
    for (const name of ['hostnet', 'hostpid', 'hostipc']) await until(name, isReady);
    const ofNode = async (kind: string) => (await node().exec('readlink', [`/proc/1/ns/${kind}`])).stdout.trim();
    const of = async (name: string, kind: string) => (await run(name, `readlink /proc/self/ns/${kind}`)).trim();
    expect(await of('hostnet', 'net')).toBe(await ofNode('net'));
    expect(await of('hostpid', 'pid')).toBe(await ofNode('pid'));
    expect(await of('hostipc', 'ipc')).toBe(await ofNode('ipc'));
    for (const kind of ['net', 'pid', 'ipc']) expect(await of('plain', kind)).not.toBe(await ofNode(kind));
    expect((await until('hostnet', isReady)).status?.podIP).toBe(node().address);
  });
});

test('a port of the node leads to a pod', async () => {
  const main = {
    name: 'main',
    image: 'coxswain/hello:1',
    imagePullPolicy: 'Never',
    ports: [{ containerPort: 8080, hostPort: HOST_PORT }],
  };
  await apply(cluster(), pod('ported', main));
  await until('ported', isReady);
  const url = `http://${node().address}:${HOST_PORT}/`;
  expect(await waitFor('the port answers', () => probe(url))).toContain('hello from ported');
  await cluster().kubectlOk(['delete', 'pod', 'ported', '--timeout=100s']);
  await expect(probe(url)).rejects.toThrow();
});

test('a pod that wants users of its own waits, and is told that this node has none', async () => {
  await eventSaid(cluster(), 'unmasked', 'FailedCreatePodSandBox', /runtime does not support user namespaces$/);
  const p = await until('unmasked', (x) => mainOf(x));
  expect(p.status?.phase).toBe('Pending');
});

test('a sysctl that could harm others is refused', async () => {
  const sysctls = [{ name: 'kernel.msgmax', value: '1' }];
  await apply(cluster(), pod('unsafe', sleeper(), { securityContext: { sysctls } }));
  const p = await until('unsafe', (x) => x.status?.phase === 'Failed');
  expect(p.status).toMatchObject({
    reason: 'SysctlForbidden',
    message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
});

test('a pod that is to be confined by AppArmor runs where the kernel can do that, and nowhere else', async () => {
  const securityContext = { appArmorProfile: { type: 'RuntimeDefault' } };
  await apply(cluster(), pod('confined', sleeper({ securityContext })));
  const enabled = existsSync('/sys/module/apparmor');
  const p = await until('confined', (x) => (enabled ? isReady(x) : x.status?.phase === 'Failed'));
  if (enabled) return;
  const message = 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host';
  expect(p.status).toMatchObject({ reason: 'AppArmor', message });
});

test('a profile that is not there holds the container back', async () => {
  const securityContext = { seccompProfile: { type: 'Localhost', localhostProfile: 'none.json' } };
  await apply(cluster(), pod('noprofile', sleeper({ securityContext })));
  const p = await until('noprofile', (x) => mainOf(x)?.state?.waiting?.reason === 'CreateContainerConfigError');
  expect(mainOf(p)?.state?.waiting?.message).toContain('cannot load seccomp profile');
});

describe('parts of volumes', () => {
  const mountsBelow = async (path: string): Promise<string[]> =>
    (await node().exec('cat', ['/proc/mounts'])).stdout.split('\n').flatMap((line) => {
      const point = line.split(' ')[1] ?? '';
      return point.startsWith(path) ? [point] : [];
    });
  const host = (name: string): string => join(node().dir, 'host', name);
  const agentDir = (name: string): string => join(node().dir, 'agent', name);
  let uid = '';
  const parts = () => mountsBelow(agentDir(`pods/${uid}/volume-subpaths`));
  const whole = 'cat /memory/x /key /color /disk/x; touch /readonly/x 2>&1 | grep -c "Read-only"';

  const settings = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'parted' }, data });
  const keys = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { password: 'hunter2' } };

  beforeAll(async () => {
    await apply(cluster(), settings({ color: 'blue' }), keys);
    const volumes = [
      { name: 'empty', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'map', configMap: { name: 'parted' } },
      { name: 'keys', secret: { secretName: 'keys' } },
      { name: 'disk', hostPath: { path: host('parted'), type: 'DirectoryOrCreate' } },
    ];
    const volumeMounts = [
      { name: 'empty', mountPath: '/empty' },
      { name: 'empty', mountPath: '/part', subPath: 'a/b' },
      { name: 'empty', mountPath: '/readonly', subPath: 'a', readOnly: true },
      { name: 'memory', mountPath: '/memory', subPath: 'm' },
      { name: 'map', mountPath: '/color', subPath: 'color' },
      { name: 'map', mountPath: '/map' },
      { name: 'keys', mountPath: '/key', subPath: 'password' },
      { name: 'disk', mountPath: '/disk', subPath: 'link/deep', mountPropagation: 'HostToContainer' },
    ];
    mkdirSync(host('parted/real'), { recursive: true });
    await node().exec('ln', ['-sfn', 'real', join(host('parted'), 'link')]);
    await apply(cluster(), pod('parts', sleeper({ volumeMounts }), { volumes }));
    uid = (await until('parts', isReady)).metadata?.uid ?? '';
    await run('parts', 'echo memory > /memory/x; echo disk > /disk/x');
  });

  test('are seen by the container, through links that stay inside', async () => {
    expect(await run('parts', whole)).toBe('memory\nhunter2bluedisk\n1\n');
    expect(existsSync(host('parted/real/deep/x'))).toBe(true);
    expect(await parts()).toHaveLength(6);
  });

  test('stay as they were until the container starts anew, whoever the agent is', async () => {
    await node().agent.kill('SIGKILL');
    await node().agent.start();
    await apply(cluster(), settings({ color: 'green' }));
    await waitFor('the new content', async () => (await run('parts', 'cat /map/color')) === 'green');
    expect(await run('parts', whole)).toBe('memory\nhunter2bluedisk\n1\n');
    // Exhunter2 for another directory, and for a link that leads out.
    await run('parts', 'mv /empty/a/b /empty/old; mkdir /empty/a/b; echo fresh > /empty/a/b/x; ls /part');
    const before = mainOf(await until('parts', isReady))?.restartCount ?? 0;
    await endContainer(cluster(), 'parts');
    await until('parts', (p) => (mainOf(p)?.restartCount ?? 0) > before && isReady(p));
    expect(await run('parts', `${whole}; cat /part/x`)).toBe('memory\nhunter2greendisk\n1\nfresh\n');
    expect(await parts()).toHaveLength(6);
  });

  test('a link that was put there since the last start is not followed', async () => {
    await run('parts', 'rm -r /empty/a/b; ln -s /etc /empty/a/b');
    await endContainer(cluster(), 'parts');
    const p = await until('parts', (x) => mainOf(x)?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(mainOf(p)?.state?.waiting?.message).toContain('subPath "a/b" leads out of the volume');
    await node().exec('rm', [agentDir(`pods/${uid}/volumes/empty/a/b`)]);
    await until('parts', isReady);
  });

  test("go with the pod, and what the machine mounted in them since stays the machine's", async () => {
    const given = host('parted/real/deep/given');
    await node().exec('sh', ['-c', `mkdir ${given} && mount -t tmpfs given ${given} && echo here > ${given}/x`]);
    expect(await run('parts', 'cat /disk/given/x')).toBe('here\n');
    await cluster().kubectlOk(['delete', 'pod', 'parts', '--grace-period=1']);
    await waitFor('everything is removed', () => !existsSync(agentDir(`pods/${uid}`)));
    expect(await mountsBelow(agentDir(`pods/${uid}`))).toEqual([]);
    expect((await node().exec('cat', [`${given}/x`, host('parted/real/deep/x')])).stdout).toBe('here\ndisk\n');
    await node().exec('umount', [given]);
  });
});

describe('memory', () => {
  const limited = { resources: { limits: { memory: '16Mi' } } };
  const never = { restartPolicy: 'Never' };

  test.each([
    ['oom', { ...shell(''), command: ['tail', '/dev/zero'], ...limited }, 137],
    ['oom-child', shell('tail /dev/zero; exit 5', limited), 5],
  ])('%s: reason OOMKilled', async (name, main, exitCode) => {
    await apply(cluster(), pod(name, main, never));
    // Docker may tell of the end before it tells of the reason.
    const p = await until(name, (x) => mainOf(x)?.state?.terminated?.reason === 'OOMKilled');
    expect(p.status?.phase).toBe('Failed');
    expect(mainOf(p)?.state?.terminated?.exitCode).toBe(exitCode);
    expect(conditionOf(p, 'Ready')?.reason).toBe('PodFailed');
  });

  test('OOMKilled is the reason too when Docker does not hear of it, but the kernel tells', async () => {
    const script = 'until [ -f /go ]; do sleep 0.1; done; tail /dev/zero; exit 5';
    await apply(cluster(), pod('oom-unheard', shell(script, { resources: { limits: { memory: '32Mi' } } }), never));
    const id = mainOf(await until('oom-unheard', isReady))?.containerID?.replace('docker://', '') ?? '';
    // On version 1 nobody listens below the container's cgroup. On version 2 Docker hears of both.
    const move = 'for p in $(cat $dir/cgroup.procs); do echo $p >$dir/inner/cgroup.procs 2>/dev/null; done';
    const unheard = `dir=$(find /sys/fs/cgroup/memory -type d -name ${id}) && mkdir $dir/inner &&
      echo 16M >$dir/inner/memory.limit_in_bytes && { ${move}; [ -n "$(cat $dir/inner/cgroup.procs)" ]; }`;
    const { code, stderr } = await node().exec('sh', ['-c', `[ ! -d /sys/fs/cgroup/memory ] || { ${unheard}; }`]);
    expect([code, stderr]).toEqual([0, '']);
    await run('oom-unheard', 'touch /go');
    const p = await until('oom-unheard', (x) => x.status?.phase === 'Failed');
    expect(mainOf(p)?.state?.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 5 });
    if (existsSync('/sys/fs/cgroup/memory'))
      expect(await docker('inspect', '-f', '{{.State.OOMKilled}}', id)).toBe('false\n');
  });

  test('limits and requests reach the cgroup, the class its OOM score', async () => {
    const resources = { limits: { cpu: '500m', memory: '32Mi' }, requests: { cpu: '250m', memory: '16Mi' } };
    await apply(cluster(), pod('limited', sleeper({ resources })));
    await until('limited', isReady);
    const cgroup =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu/cpu.cfs_quota_us';
    const unified =
      "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.weight; awk '{ print $1 }' /sys/fs/cgroup/cpu.max";
    const values = (await run('limited', `if [ -d /sys/fs/cgroup/memory ]; then ${cgroup}; else ${unified}; fi`)).split(
      '\n',
    );
    expect([values[0], values[2]]).toEqual([String(32 << 20), '50000']);
    expect((await run('plain', 'cat /proc/1/oom_score_adj')).trim()).toBe('1000');
    const score = Number(await run('limited', 'cat /proc/1/oom_score_adj'));
    expect(score).toBeGreaterThan(2);
    expect(score).toBeLessThan(1000);
  });
});
