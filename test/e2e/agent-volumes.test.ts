import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import {
  apply,
  conditionOf,
  endContainer,
  eventsOf,
  exec,
  isReady,
  mainOf,
  onlyNode,
  pod,
  shell,
  sleeper,
} from './agent/pods.ts';
import { restartWith } from './restart.ts';

const cluster = useCluster('e2e-agent-volumes', { nodes: 1, apiservers: 1 });
const { node, until } = onlyNode(cluster);
const host = (name: string): string => join(node().dir, 'host', name);
const agentDir = (name: string): string => join(node().dir, 'agent', name);
const run = (name: string, script: string) => exec(cluster(), name, script);

/** A container that mounts each volume at /v/<name>. */
const mounting = (names: readonly string[], more: object = {}) =>
  sleeper({ volumeMounts: names.map((name) => ({ name, mountPath: `/v/${name}` })), ...more });

const configMap = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const secret = (name: string, stringData: object) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});

/** What the account of a pod says of itself in its token. */
async function claimsOf(name: string, path: string): Promise<{ aud: string[]; iat: number; exp: number }> {
  const [, claims = ''] = (await run(name, `cat ${path}`)).split('.');
  return JSON.parse(Buffer.from(claims, 'base64url').toString());
}

/** How far the clock of the agent is ahead: a token of ten minutes is at its end, as far as it knows, after two. */
const AHEAD_MS = 8 * 60_000;
const TOKEN_S = 600;
const audience = 'somebody';
let agent: Awaited<ReturnType<typeof restartWith>>;

beforeAll(async () => {
  const clock = `const { now } = Date; Date.now = () => now() + ${AHEAD_MS};`;
  const env = { NODE_OPTIONS: `--import="data:text/javascript,${encodeURIComponent(clock)}"` };
  agent = await restartWith(node(), node().agent, { args: (had) => had, ready: '10248/healthz', env });
  const sources = [{ serviceAccountToken: { path: 'token', audience, expirationSeconds: TOKEN_S } }];
  await apply(cluster(), pod('renewed', mounting(['v']), { volumes: [{ name: 'v', projected: { sources } }] }));
  mkdirSync(host('there'), { recursive: true });
  await apply(
    cluster(),
    configMap('settings', { color: 'blue', 'deep.conf': 'x=1' }),
    secret('keys', { password: 'hunter2' }),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 81 }] } },
  );
});

test('variables: of each source, made of each other, with those of Services', async () => {
  const from = (kind: string, source: object) => ({ valueFrom: { [kind]: source } });
  const settings = { name: 'settings', key: 'color' };
  const env = [
    { name: 'A', value: 'a' },
    { name: 'BOTH', value: '$(A)-$(LATER)-$(I_color)' },
    { name: 'LATER', value: 'l' },
    { name: 'LABEL', ...from('fieldRef', { fieldPath: "metadata.labels['tier']" }) },
    { name: 'IP', ...from('fieldRef', { fieldPath: 'status.podIP' }) },
    { name: 'CPU', ...from('resourceFieldRef', { resource: 'limits.cpu', divisor: '1m' }) },
    { name: 'COLOR', ...from('configMapKeyRef', settings) },
    { name: 'WORD', ...from('secretKeyRef', { name: 'keys', key: 'password' }) },
    { name: 'NONE', ...from('secretKeyRef', { name: 'none', key: 'k', optional: true }) },
  ];
  const envFrom = [
    { prefix: 'I_', configMapRef: { name: 'settings' } },
    { secretRef: { name: 'keys' } },
    { configMapRef: { name: 'none', optional: true } },
  ];
  // The node may hear of the Service after the pod.
  const script = '[ $WEB_SERVICE_HOST ] || exit 1; echo "$@" >/tmp/args; trap "exit 0" TERM; sleep 3600 & wait';
  const args = ['sh', '$(BOTH)', '$$(BOTH)', '$(ABSENT)'];
  const readinessProbe = { exec: { command: ['test', '-s', '/tmp/args'] }, periodSeconds: 1, timeoutSeconds: 20 };
  const resources = { limits: { cpu: '250m' } };
  const main = shell(script, { env, envFrom, args, readinessProbe, resources });
  await apply(cluster(), pod('variables', main, {}, { labels: { tier: 'one' } }));
  const { podIP } = (await until('variables', isReady)).status ?? {};
  const look =
    'cat /tmp/args; echo $LABEL $IP $CPU $COLOR $WORD [$NONE] $I_color $password; echo $WEB_SERVICE_PORT_HTTP';
  expect(await run('variables', look)).toBe(
    `a-$(LATER)-blue $(BOTH) $(ABSENT)\none ${podIP} 250 blue hunter2 [] blue hunter2\n81\n`,
  );
});

describe('each kind', () => {
  beforeAll(async () => {
    const downwardAPI = {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'memory', resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Mi' } },
      ],
    };
    const sources = [
      { configMap: { name: 'settings', items: [{ key: 'color', path: 'a/b/color' }] } },
      { secret: { name: 'keys' } },
      { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
      { serviceAccountToken: { path: 'token', audience, expirationSeconds: TOKEN_S } },
    ];
    const volumes = [
      { name: 'empty', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
      { name: 'map', configMap: { name: 'settings', defaultMode: 0o440 } },
      { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
      { name: 'absent', configMap: { name: 'later', optional: true } },
      { name: 'down', downwardAPI },
      { name: 'all', projected: { sources } },
      { name: 'dir', hostPath: { path: host('made'), type: 'DirectoryOrCreate' } },
      { name: 'file', hostPath: { path: host('made.txt'), type: 'FileOrCreate' } },
      { name: 'device', hostPath: { path: '/dev/null', type: 'CharDevice' } },
      { name: 'socket', hostPath: { path: new URL(node().dockerHost).pathname, type: 'Socket' } },
    ];
    const main = mounting(
      volumes.map((v) => v.name),
      { resources: { limits: { memory: '64Mi' } }, env: [{ name: 'WHO', value: 'me' }] },
    );
    main.volumeMounts = [
      ...(main.volumeMounts as object[]),
      { name: 'map', mountPath: '/one/color', subPath: 'color' },
      { name: 'empty', mountPath: '/sub', subPathExpr: 'for/$(WHO)' },
      { name: 'empty', mountPath: '/readonly', readOnly: true },
    ];
    await apply(cluster(), pod('vols', main, { volumes }, { labels: { tier: 'one' } }));
    await until('vols', isReady);
  });

  test.each([
    ['a file that was written stays', 'echo hi > /v/empty/x; cat /v/empty/x', 'hi\n'],
    ['memory is a tmpfs of the asked size', "df -m /v/memory | tail -1 | awk '{print $1, $2}'", 'tmpfs 8\n'],
    ['a config map, with its mode', 'cat /v/map/color /v/map/deep.conf; stat -Lc %a /v/map/color', 'bluex=1440\n'],
    ['a secret, with its mode', 'cat /v/keys/password; stat -Lc %a /v/keys/password', 'hunter2400\n'],
    ['a secret is in memory', "df /v/keys | tail -1 | awk '{print $1}'", 'tmpfs\n'],
    ['something optional that is not there', 'ls /v/absent | wc -l', '0\n'],
    ['fields of the pod', 'cat /v/down/labels; echo; cat /v/down/memory', 'tier="one"\n64'],
    ['all of them projected', 'cat /v/all/a/b/color /v/all/password /v/all/name', 'bluehunter2vols'],
    ['a directory of the host', 'echo from pod > /v/dir/note; cat /v/dir/note', 'from pod\n'],
    ['a file of the host', 'echo line > /v/file; cat /v/file', 'line\n'],
    ['a device of the host', 'test -c /v/device && echo yes', 'yes\n'],
    ['a socket of the host', 'test -S /v/socket && echo yes', 'yes\n'],
    ['one file of a config map', 'cat /one/color', 'blue'],
    ['a sub path from the environment', 'echo sub > /sub/y; cat /v/empty/for/me/y', 'sub\n'],
    ['a read-only mount', 'touch /readonly/z 2>&1 | grep -c "Read-only"', '1\n'],
    ['config maps cannot be written', 'touch /v/map/z 2>&1 | grep -c "Read-only"', '1\n'],
  ])('%s', async (_, script, expected) => {
    expect(await run('vols', script)).toBe(expected);
  });

  test('the token is of the service account, for this pod', async () => {
    const token = await run('vols', 'cat /var/run/secrets/kubernetes.io/serviceaccount/token');
    const args = ['--kubeconfig=/dev/null', `--server=${cluster().server}`, '--insecure-skip-tls-verify'];
    const who = await cluster().kubectlOk([...args, `--token=${token}`, 'auth', 'whoami', '-o', 'json']);
    expect(JSON.parse(who).status.userInfo).toMatchObject({
      username: 'system:serviceaccount:default:default',
      extra: { 'authentication.kubernetes.io/pod-name': ['vols'] },
    });
    const files = await run('vols', 'cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; head -1 ca.crt');
    expect(files).toBe('default-----BEGIN CERTIFICATE-----\n');
    expect(await claimsOf('vols', '/v/all/token')).toMatchObject({ aud: [audience] });
  });

  test('changes reach the running pod soon, whole', async () => {
    const since = Date.now();
    await apply(
      cluster(),
      configMap('settings', { color: 'green', added: 'new' }),
      secret('keys', { password: 'changed' }),
      configMap('later', { here: 'now' }),
    );
    await cluster().kubectlOk(['label', 'pod', 'vols', 'tier=two', '--overwrite']);
    const all = 'cat /v/map/color /v/map/added /v/keys/password /v/all/a/b/color /v/absent/here /v/down/labels';
    await waitFor(
      'new content',
      async () => (await run('vols', `${all} 2>&1`)) === 'greennewchangedgreennowtier="two"',
    );
    expect(Date.now() - since).toBeLessThan(40_000);
    expect(await run('vols', 'ls /v/map; readlink /v/map/color')).toBe('added\ncolor\n..data/color\n');
    expect(await run('vols', 'cat /one/color')).toBe('blue');
  });

  test('a restarted container finds what it wrote', async () => {
    const before = mainOf(await until('vols', isReady))?.restartCount ?? 0;
    await run('vols', 'echo kept > /v/empty/kept; echo kept > /v/memory/kept');
    await endContainer(cluster(), 'vols');
    await until('vols', (p) => (mainOf(p)?.restartCount ?? 0) > before && isReady(p));
    expect(await run('vols', 'cat /v/empty/kept /v/memory/kept')).toBe('kept\nkept\n');
  });
});

test('users and groups: fsGroup owns, the only user reads its token', async () => {
  const volumes = [
    { name: 'empty', emptyDir: {} },
    { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
  ];
  const securityContext = { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 };
  const alone = { securityContext: { runAsUser: 1000 } };
  await apply(
    cluster(),
    pod('grouped', mounting(['empty', 'keys']), { volumes, securityContext }),
    pod('alone', sleeper(), alone),
  );
  await until('grouped', isReady);
  expect(await run('grouped', 'touch /v/empty/a; stat -c "%g %a" /v/empty; stat -c "%u %g" /v/empty/a; id -G')).toBe(
    '2000 2777\n1000 2000\n1000 2000\n',
  );
  expect(await run('grouped', 'cat /v/keys/password; stat -Lc "%g %a" /v/keys/password')).toBe('changed2000 440\n');
  await until('alone', isReady);
  const token = '/var/run/secrets/kubernetes.io/serviceaccount/token';
  expect(await run('alone', `stat -Lc "%u %a" ${token}; test -r ${token} && echo readable`)).toBe(
    '1000 600\nreadable\n',
  );
});

describe('what cannot be mounted', () => {
  const table: readonly (readonly [string, () => object, RegExp])[] = [
    ['no-map', () => ({ configMap: { name: 'missing' } }), /volume "v" : configmap "missing" not found/],
    ['no-secret', () => ({ secret: { secretName: 'missing' } }), /secret "missing" not found/],
    ['no-key', () => ({ configMap: { name: 'settings', items: [{ key: 'q', path: 'q' }] } }), /non-existent .*key: q/],
    [
      'no-dir',
      () => ({ hostPath: { path: host('nothing'), type: 'Directory' } }),
      /type check failed: .* is not a directory/,
    ],
    ['no-socket', () => ({ hostPath: { path: '/dev/null', type: 'Socket' } }), /is not a socket file/],
    ['no-block', () => ({ hostPath: { path: '/dev/null', type: 'BlockDevice' } }), /is not a block device/],
    ['no-file', () => ({ hostPath: { path: host('there'), type: 'File' } }), /is not a file/],
    [
      'no-claim',
      () => ({ persistentVolumeClaim: { claimName: 'missing' } }),
      /persistentvolumeclaim "missing" not found/,
    ],
    ['no-pages', () => ({ emptyDir: { medium: 'HugePages' } }), /medium HugePages: this node offers no huge pages/],
  ];

  test.each(table)('%s says so', async (name, source, message) => {
    // Straight to the node: what the scheduler would say to some of them is not what is tested.
    const spec = { nodeName: node().name, volumes: [{ name: 'v', ...source() }] };
    await apply(cluster(), pod(name, mounting(['v']), spec));
    await waitFor('FailedMount', async () =>
      (await eventsOf(cluster(), name, 'FailedMount')).some((m) => message.test(m)),
    );
    const p = await until(name, (x) => mainOf(x));
    expect(mainOf(p)?.state?.waiting?.reason).toBe('ContainerCreating');
    expect(conditionOf(p, 'PodReadyToStartContainers')?.status).toBe('False');
  });

  test('it starts soon after the cause is gone', async () => {
    await apply(cluster(), configMap('missing', { a: '1' }));
    const since = Date.now();
    const p = await until('no-map', isReady);
    expect(conditionOf(p, 'PodReadyToStartContainers')?.status).toBe('True');
    expect(Date.now() - since).toBeLessThan(40_000);
  });

  test('a link does not lead out of a volume', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const initContainers = [
      shell('ln -s /etc /v/out', { name: 'init', volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    ];
    const main = sleeper({ volumeMounts: [{ name: 'v', mountPath: '/stolen', subPath: 'out' }] });
    await apply(cluster(), pod('escape', main, { volumes, initContainers }));
    const p = await until('escape', (x) => mainOf(x)?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(mainOf(p)?.state?.waiting?.message).toContain('leads out of the volume');
    await waitFor('its event', async () =>
      (await eventsOf(cluster(), 'escape', 'Failed')).some((m) => m.includes('subPath "out" leads out of the volume')),
    );
  });
});

test('mounts pass between the node and pods, as far as they are let', async () => {
  const volumes = [{ name: 'v', hostPath: { path: host('passing'), type: 'DirectoryOrCreate' } }];
  const at = (mountPropagation: string, more: object = {}) =>
    sleeper({ volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation }], ...more });
  const two = [
    { ...at('HostToContainer'), name: 'hears' },
    { ...at('None'), name: 'deaf' },
  ];
  const giver = at('Bidirectional', { securityContext: { privileged: true } });
  await apply(cluster(), pod('giver', giver, { volumes }), pod('takers', two[0] ?? {}, { volumes, containers: two }));
  for (const name of ['giver', 'takers']) await until(name, isReady);
  await run('giver', 'mkdir -p /v/given; mount -t tmpfs given /v/given; echo here > /v/given/x');
  const heard = (container: string) =>
    cluster().kubectlOk(['exec', 'takers', '-c', container, '--', 'sh', '-c', 'ls /v/given']);
  expect([await heard('hears'), await heard('deaf')]).toEqual(['x\n', '']);
  expect((await node().exec('cat', [join(host('passing'), 'given/x')])).stdout).toBe('here\n');
  await run('giver', 'umount /v/given');
  expect(await heard('hears')).toBe('');
});

test("the client of a program in a pod finds the cluster, and speaks as the pod's account", async () => {
  const modules = join(repository, 'node_modules');
  const source = `import { CoreV1Api, KubeConfig } from '${modules}/@kubernetes/client-node/dist/index.js';
    const config = new KubeConfig();
    config.loadFromCluster();
    const said = await config.makeApiClient(CoreV1Api).readNamespacedConfigMap({ name: 'source', namespace: 'default' });
    console.log(said.data.color, config.getContextObject(config.getCurrentContext()).namespace);`;
  const folders = [...new Set([modules, realpathSync(modules), '/lib64', '/usr/lib', '/lib/x86_64-linux-gnu'])];
  const volumes = [
    { name: 'source', configMap: { name: 'source' } },
    ...folders.map((path, n) => ({ name: `f${n}`, hostPath: { path: realpathSync(path) } })),
  ];
  const volumeMounts = [
    { name: 'source', mountPath: '/source' },
    ...folders.map((mountPath, n) => ({ name: `f${n}`, mountPath, readOnly: true })),
  ];
  await apply(
    cluster(),
    configMap('source', { 'main.mjs': source, color: 'blue' }),
    // Without links too.
    pod('program', sleeper({ volumeMounts }), { volumes, enableServiceLinks: false }),
  );
  await until('program', isReady);
  expect(await run('program', 'env | grep ^WEB_; true')).toBe('');
  const node = realpathSync(join(modules, '.bin/node'));
  const asked = () => cluster().kubectl(['exec', 'program', '--', node, '/source/main.mjs']);
  await waitFor('the program is refused', async () =>
    (await asked()).stderr.includes('system:serviceaccount:default:default'),
  );
  const account = '--serviceaccount=default:default';
  await cluster().kubectlOk(['create', 'rolebinding', 'reads', '--clusterrole=view', account]);
  await waitFor('the program may read', async () => (await asked()).stdout === 'blue default\n');
});

test('claims on directories of the node: as they are, or given to the group of the pod', async () => {
  const size = { storage: '1Mi' };
  const spec = { storageClassName: '', accessModes: ['ReadWriteOnce'] };
  const here = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node().name] }] }];
  const local = { local: { path: host('local') }, nodeAffinity: { required: { nodeSelectorTerms: here } } };
  await node().exec('mkdir', ['-p', '-m', '755', host('local/below')]);
  const claimed = (name: string, source: object) => [
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
      spec: { ...spec, ...source, capacity: size, claimRef: { namespace: 'default', name } },
    },
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } },
      spec: { ...spec, volumeName: name, resources: { requests: size } },
    },
  ];
  await apply(cluster(), ...claimed('disk', { hostPath: { path: host('disk') } }), ...claimed('local', local));
  const volumes = ['disk', 'local'].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const securityContext = { fsGroup: 3000 };
  await apply(cluster(), pod('claims', mounting(['disk', 'local']), { securityContext, volumes }));
  await until('claims', isReady);
  await run('claims', 'touch /v/disk/x /v/local/below/x');
  expect(existsSync(join(host('disk'), 'x'))).toBe(true);
  expect(await run('claims', 'stat -c %g /v/disk /v/local/below/x; stat -c "%g %a" /v/local/below')).toBe(
    '0\n3000\n3000 2775\n',
  );
});

test('a pod finds another token in its volume before the one it has ends', async () => {
  const { startTime = '' } = (await until('renewed', isReady)).status ?? {};
  const begun = (Date.parse(startTime) - AHEAD_MS) / 1000;
  const heldS = TOKEN_S - AHEAD_MS / 1000;
  const current = () => claimsOf('renewed', '/v/v/token');
  const { iat } = await current();
  // On a slow machine the second one has been replaced by now as well: then the one that comes next is looked at.
  const before = iat - begun < heldS ? begun : iat;
  const renewed = await waitFor(
    'another token',
    async () => {
      const claims = await current();
      return claims.iat - before > 60 ? claims : undefined;
    },
    { timeoutMs: 150_000, everyMs: 1000 },
  );
  expect(renewed).toMatchObject({ aud: [audience], exp: renewed.iat + TOKEN_S });
  // While the one before still held, by any clock.
  expect(renewed.iat - before).toBeLessThan(heldS);
});

test('nothing is left of deleted pods, also of one that went while the agent was away', async () => {
  const mounts = async () => (await node().exec('cat', ['/proc/mounts'])).stdout;
  expect(await mounts()).toContain(agentDir('pods'));
  await agent.kill('SIGKILL');
  await cluster().kubectlOk(['delete', 'pod', 'vols', '--force', '--grace-period=0']);
  await node().agent.start();
  await cluster().kubectlOk(['delete', 'pods', '--all', '--timeout=150s'], { timeoutMs: 160_000 });
  await waitFor('everything is removed', () => readdirSync(agentDir('pods')).length === 0);
  expect(await mounts()).not.toContain(agentDir('pods/'));
  const memory = await node().exec('ls', [agentDir('memory')]);
  expect(memory.stdout).toBe('');
});
