import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bed, createBed } from '../bed/bed.ts';
import { probe } from '../bed/net.ts';
import type { BedNode } from '../bed/node.ts';
import { waitFor } from '../bed/wait.ts';
import { type Checkout, freshCheckout } from './machine/checkout.ts';
import { leftBehind, type Traces, tracesOf } from './machine/traces.ts';

/**
 * What the README promises: `make up`, the demo, `make up` again, `make up NODES=3`, `make down`; in the order a user would
 * type it, on a machine of the test's own: this one may have a cluster that somebody uses.
 */

let bed: Bed | undefined;
let machine: BedNode;
let checkout: Checkout;
let before: Traces;
const COMPOSE = 'label=com.docker.compose.project=coxswain';

/** A command that must succeed. @returns what it printed. */
async function ok(line: string, timeoutMs?: number): Promise<string> {
  const { code, text } = await checkout.sh(line, timeoutMs ? { timeoutMs } : {});
  expect({ line, code, text }).toMatchObject({ code: 0 });
  return text;
}
const kubectl = (line: string): Promise<string> => ok(`kubectl --kubeconfig .cluster/admin.conf ${line}`);

beforeAll(async () => {
  bed = await createBed({ nodes: 1, bare: true, namePrefix: 'machine' });
  machine = bed.nodes[0] as BedNode;
  checkout = await freshCheckout(machine);
  before = await tracesOf(machine);
});

afterAll(() => bed?.remove());

test('make up starts the whole cluster and says how to go on', async () => {
  const text = await ok('make up', 580_000);
  expect(text).toMatch(/^http:\/\/\S+:30080\/ answers: .*hello/m);
  // To others than the machine itself, too.
  expect(await probe(/http\S+:30080\//.exec(text)?.[0] ?? '')).toContain('hello');
  expect(text).toContain('export KUBECONFIG=');
  const named = await ok(`docker ps --filter ${COMPOSE} --format '{{.Label "com.docker.compose.service"}}'`);
  expect(named.trim().split('\n').sort()).toEqual(
    [
      ...['apiserver1', 'apiserver2', 'controller-manager', 'dns', 'etcd1', 'etcd2', 'etcd3', 'ingress', 'lb'],
      ...['node-agent', 'proxy', 'scheduler'],
    ].sort(),
  );
}, 600_000);

test('certificates and kubeconfigs are readable by their owner alone', () => {
  const dir = join(checkout.dir, '.cluster');
  const files = ['pki', 'conf'].flatMap((folder) =>
    readdirSync(join(dir, folder), { recursive: true }).map((name) => join(dir, folder, String(name))),
  );
  const open = [join(dir, 'admin.conf'), ...files].filter(
    (file) => statSync(file).isFile() && (statSync(file).mode & 0o077) !== 0,
  );
  expect(open).toEqual([]);
  expect(files.filter((file) => /-ca\.key$/.test(file))).toHaveLength(6);
});

test('etcd lets in root by its sockets, and by the network those with a certificate', async () => {
  const folder = join(checkout.dir, '.cluster/run/etcd');
  const members = ['etcd1:2379', 'etcd2:2379', 'etcd3:2379'];
  expect(readdirSync(folder).sort()).toEqual(members);
  const modes = [folder, ...members.map((name) => join(folder, name))].map((path) => statSync(path).mode & 0o077);
  expect(modes).toEqual([0, 0, 0, 0]);
  const container = (name: string): string =>
    `$(docker ps -q --filter ${COMPOSE} --filter label=com.docker.compose.service=${name})`;
  const connections = await ok(`docker exec ${container('apiserver1')} cat /proc/net/tcp`);
  expect(connections, 'connections to port 2379').not.toMatch(/:094B /);
  const health = (url: string, more = ''): string =>
    `ETCDCTL_API=3 etcdctl --endpoints=${url} --command-timeout=2s ${more} endpoint health 2>&1`;
  const [tls, ca] = ['https://10.89.96.21:2379', '--cacert .cluster/pki/etcd-client-ca.crt'];
  const own = '--cert .cluster/pki/apiserver-etcd-client.crt --key .cluster/pki/apiserver-etcd-client.key';
  expect(await ok(health(tls, `${ca} ${own}`))).toContain('is healthy');
  for (const line of [health(tls, ca), health('http://10.89.96.21:2379')]) {
    expect(await checkout.sh(line), line).toMatchObject({ code: 1 });
  }
  // One that is killed leaves its socket, and has to start all the same.
  await ok(`docker restart -t 0 ${container('etcd1')}`);
  await waitFor('etcd1', async () => (await checkout.sh(health(tls, `${ca} ${own}`))).code === 0);
});

test('the demo of the README works as printed', async () => {
  const blocks = [...readFileSync(join(checkout.dir, 'README.md'), 'utf8').matchAll(/```sh\n([^`]+)```/g)];
  const demo = blocks[1]?.[1] ?? '';
  expect(demo).toContain('KUBECONFIG');
  const text = await ok(demo);
  expect(text).toContain('deployment.apps/web created');
  expect(text).toContain('service/web exposed');
  expect(text).toContain('deployment.apps/web scaled');
  expect(text).toMatch(/deployment.apps "web" deleted/);
  await kubectl('wait pod -l app=web --for=delete --timeout=100s');
});

test('cox, make status and make logs show the cluster', async () => {
  expect(await ok('KUBECONFIG=.cluster/admin.conf bin/cox get deployment hello')).toMatch(/hello +3\/3/);
  const status = await ok('make status');
  expect(status).toMatch(/etcd3/);
  expect(status).toMatch(/ Ready /);
  expect(status.match(/hello-\S+ +1\/1 +Running/g)).toHaveLength(3);
  const { text } = await checkout.sh('make logs', { until: /(apiserver|controller-manager)\S* *\|/ });
  expect(text).toMatch(/(apiserver|controller-manager)\S* *\|/);
});

test('plain docker-compose knows the cluster too', async () => {
  const compose = 'c() { docker compose version >/dev/null 2>&1 && docker compose "$@" || docker-compose "$@"; }';
  expect(await ok(`${compose}; c ps`)).toMatch(/apiserver2/);
  await ok(`${compose}; c stop -t 5 scheduler; c up -d`);
  await kubectl('scale deployment hello --replicas=4');
  await kubectl('rollout status deployment hello --timeout=100s');
  await kubectl('scale deployment hello --replicas=3');
  await waitFor('the fourth pod to be gone', async () => {
    return (await kubectl('get pods -l app=hello -o name')).trim().split('\n').length === 3;
  });
});

test("hostPath volumes are the machine's, though the agent runs in a container", async () => {
  const folder = join(checkout.dir, 'shared');
  mkdirSync(folder);
  writeFileSync(join(folder, 'file'), 'from the machine');
  const spec = {
    restartPolicy: 'Never',
    containers: [
      {
        name: 'main',
        image: 'coxswain/busybox:1',
        imagePullPolicy: 'Never',
        command: ['sh', '-c', 'cat /all/file && echo done >/made/by-pod && echo sub >/sub/by-pod'],
        volumeMounts: [
          { name: 'all', mountPath: '/all' },
          { name: 'made', mountPath: '/made' },
          { name: 'all', mountPath: '/sub', subPath: 'a/b' },
        ],
      },
    ],
    volumes: [
      { name: 'all', hostPath: { path: folder, type: 'Directory' } },
      { name: 'made', hostPath: { path: join(folder, 'made'), type: 'DirectoryOrCreate' } },
    ],
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'host-path' }, spec };
  writeFileSync(join(checkout.dir, 'pod.json'), JSON.stringify(pod));
  await kubectl('apply -f pod.json');
  await waitFor('the end of the pod', async () => {
    return (await kubectl("get pod host-path -o 'jsonpath={.status.phase}'")) === 'Succeeded';
  });
  expect(await kubectl('logs host-path')).toBe('from the machine');
  expect(readFileSync(join(folder, 'made/by-pod'), 'utf8')).toBe('done\n');
  expect(readFileSync(join(folder, 'a/b/by-pod'), 'utf8')).toBe('sub\n');
  await kubectl('delete pod host-path');
});

test('make up once more, by two people at once, changes nothing that runs', async () => {
  const running = (): Promise<string> => ok('docker ps -q --no-trunc');
  const old = new Set((await running()).trim().split('\n'));
  await Promise.all([ok('make up', 240_000), ok('make up', 240_000)]);
  const now = (await running()).trim().split('\n');
  expect(now.filter((id) => !old.has(id))).toEqual([]);
  expect(now).toHaveLength(old.size);
}, 250_000);

test('make up of another checkout leaves it alone, and says whose it is', async () => {
  const other = await freshCheckout(machine);
  try {
    const { code, text } = await other.sh('make up');
    expect({ code, text }).toMatchObject({ text: expect.stringContaining(`a cluster of ${checkout.dir} runs`) });
    expect(code).not.toBe(0);
  } finally {
    other.remove();
  }
});

test('cox cluster snapshot finds the members of etcd by itself', async () => {
  expect(await ok('bin/cox cluster snapshot all.db')).toMatch(/all\.db: revision \d+, \d+ keys/);
});

test('make up NODES=3 adds two nodes that run pods', async () => {
  await ok('make up NODES=3', 380_000);
  const ready = await kubectl(`get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'`);
  expect(ready).toBe('True True True');
  await kubectl('scale deployment hello --replicas=9');
  await kubectl('rollout status deployment hello --timeout=100s');
  const nodes = await kubectl(`get pods -l app=hello -o 'jsonpath={.items[*].spec.nodeName}'`);
  expect(new Set(nodes.split(' ')).size).toBe(3);
  const pod = await kubectl(`get pods -o 'jsonpath={.items[?(@.spec.nodeName=="node3")].metadata.name}'`);
  expect(await kubectl(`logs ${pod.split(' ')[0]}`)).not.toBe('');
}, 600_000);

test('make up with one node again forgets the others', async () => {
  await ok('make up', 380_000);
  expect((await kubectl('get nodes -o name')).trim().split('\n')).toHaveLength(1);
}, 400_000);

test('make down removes every trace but data', async () => {
  const volume = '/var/lib/coxswain/local-path/pvc-up-test';
  await ok(`mkdir -p ${volume}; echo data >${volume}/file`);
  await ok('make down');
  expect(await ok(`cat ${volume}/file`)).toBe('data\n');
  await ok(`rm -r ${volume}; rmdir -p --ignore-fail-on-non-empty ${dirname(volume)}`);
  // The kernel takes processes and networks apart in its own time.
  await waitFor('nothing to be left', async () => {
    const left = leftBehind(before, await tracesOf(machine));
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  });
  expect((await tracesOf(machine))['ports in use']).toEqual([]);
});

test('where mounts spread over the whole machine, as systemd has it, none of a pod is made once more out of reach', async () => {
  const state = '/var/lib/coxswain';
  const script = `
    mount --make-rshared /
    node -e 'import("./deploy/up/machine.ts").then((machine) => machine.prepareMounts())'
    mkdir -p ${state}/agent/memory
    mount -t tmpfs none ${state}/agent/memory
    grep -o ' [^ ]*agent/memory ' /proc/self/mountinfo
    umount ${state}/agent/memory
    rmdir ${state}/agent/memory ${state}/agent`;
  const points = await ok(`unshare -m sh -ec '${script.replaceAll("'", `'\\''`)}'`);
  expect(points.trim().split(/\s+/).sort()).toEqual([
    `/run/coxswain/host${state}/agent/memory`,
    `${state}/agent/memory`,
  ]);
  await ok(`rmdir /run/coxswain/host; rmdir --ignore-fail-on-non-empty ${state}`);
});
