/** What `make up`, `make status` and `make logs` do: `node deploy/up/main.ts up [--nodes N] | status | logs`. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { authorityFile, ensurePki, pkiFolder, planPki } from '#pki/pki.ts';
import { exclusively } from '../../test/bed/lock.ts';
import { probe, trusting } from '../../test/bed/net.ts';
import { waitFor } from '../../test/bed/wait.ts';
import { ensureLoaded, repository } from '../images/store.ts';
import { systemImage } from '../images/system.ts';
import { workloadImages } from '../images/workloads.ts';
import { renderLoadBalancer } from '../loadbalancer.ts';
import { run } from '../run.ts';
import { clusterDir, composeHere, composeUp, NAME, readEnvironment, writeEnvironment } from './compose.ts';
import { inUse, machineAddress, nodeName, prepareMounts, refuseSameName, rootPropagation } from './machine.ts';
import { extraNodes, holdExtraNodes, LAN_ADDRESS, startExtraNodes } from './nodes.ts';
import { upgradeContainers } from './upgrade.ts';

const kubeconfig = join(clusterDir, 'admin.conf');
const MACHINE = '/var/run/docker.sock';
const READY_MS = 180_000;
/** The first start of dockerd on a slow disk. */
const DOCKERD_MS = 240_000;
/** Another `make up` on this machine is over by then. */
const PATIENCE_MS = 900_000;
/** Addresses of etcd's members for this machine, as in docker-compose.yml: who makes snapshots is not in their network. */
const ETCD = { etcd1: ['10.89.96.21'], etcd2: ['10.89.96.22'], etcd3: ['10.89.96.23'] };

/** Ubuntu has no package of kubectl; ours does the same. */
const program = ((): string => {
  const found = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'kubectl')));
  return found ? 'kubectl' : join(repository, 'bin/cox');
})();
const kubectl = (...args: string[]): Promise<string> =>
  run(program, ['--kubeconfig', kubeconfig, '--cache-dir', join(clusterDir, 'kubectl'), ...args], {
    timeoutMs: READY_MS,
  });
const dockerd = (verb: string): Promise<string> =>
  run(join(repository, 'deploy/dockerd.sh'), [verb], { timeoutMs: DOCKERD_MS });

/** One line a step: what it does, then how long it took. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  process.stdout.write(`${what} `);
  const dots = setInterval(() => process.stdout.write('.'), 1000);
  try {
    const result = await work();
    console.log(`done (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    return result;
  } catch (e) {
    console.log('failed');
    throw e;
  } finally {
    clearInterval(dots);
  }
}

async function up(nodes: number): Promise<void> {
  const name = nodeName();
  const others = Object.keys(extraNodes(nodes));
  refuseSameName(name, others);
  const running = await look();
  const ingress = await ingressPorts(running);
  const image = await step('images', loadImages);
  // The extra nodes have no route out of their LAN, so there this machine goes by its address in it.
  const address = nodes > 1 ? LAN_ADDRESS : await machineAddress();
  const outside = await machineAddress();
  const issued = await step('certificates', () =>
    certificates({ name, addresses: [...new Set([address, outside])], nodes }),
  );
  await prepareMounts();
  if (nodes > 1) await step(`${nodes - 1} more nodes`, () => startExtraNodes(nodes));
  else await startExtraNodes(1);
  const changed = writeEnvironment({
    COXSWAIN_IMAGE_TAG: image,
    COXSWAIN_NODE_NAME: name,
    COXSWAIN_NODE_IP: address,
    COXSWAIN_ROOT_PROPAGATION: rootPropagation(),
    ...ingress,
  });
  await step('containers', () => composeUp({ changed, anew: issued > 0 }));
  await step('API server', apiReady);
  const names = [name, ...others];
  // The other API server may have got ready only now.
  await waitFor('the nodes there were', () => forgetNodes(names).then(() => true), { everyMs: 500 });
  await step(`${names.length === 1 ? 'node' : 'nodes'} ${names.join(', ')}`, () => nodesReady(names));
  const url = `http://${address}:30080/`;
  const answer = await step('example deploy/examples/hello.yaml', () => hello(url));
  console.log(`
${url} answers:  ${answer.trim()}

  export KUBECONFIG=${kubeconfig}
  ${program} get pods -o wide
  ${program} scale deployment hello --replicas=5
`);
}

/**
 * Looks for a cluster, with the daemon there is or a new one: containers live on without it.
 * @returns whether it runs already. @throws Error when it cannot, and leaves nothing behind then
 */
async function look(): Promise<boolean> {
  const started = await dockerd('start');
  process.stdout.write(started);
  try {
    const folder = '{{.Label "com.docker.compose.project.working_dir"}}';
    const ours = ['ps', '--filter', `label=com.docker.compose.project=${NAME}`, '--format', `:${folder}`];
    const running = (await run('docker', ours)).split('\n').filter(Boolean);
    if (running.length === 0) await refuseStrangers();
    refuseOthers(running.map((line) => line.slice(1)));
    return running.length > 0;
  } catch (e) {
    if (started) await dockerd('stop');
    throw e;
  }
}

/** Containers of another checkout would be replaced by ours, and its data would lie there unused. One that was moved is ours. */
function refuseOthers(folders: readonly string[]): void {
  const other = folders.find((f) => f !== '' && f !== repository && existsSync(join(f, '.cluster/pki')));
  if (other) throw new Error(`a cluster of ${other} runs on this machine; "make down" there first`);
}

/** Where Ingresses are reached: the ports of HTTP and HTTPS, or others where somebody has these. */
async function ingressPorts(running: boolean): Promise<Record<string, string>> {
  const before = running ? readEnvironment() : {};
  const chosen: Record<string, string> = {};
  for (const [name, port, instead] of [
    ['COXSWAIN_INGRESS_HTTP_PORT', 80, 8080],
    ['COXSWAIN_INGRESS_HTTPS_PORT', 443, 8443],
  ] as const) {
    const taken = before[name] === undefined && (await inUse(port));
    if (taken) console.log(`port ${port} is in use by another program: Ingresses are reached at port ${instead}`);
    chosen[name] = before[name] ?? String(taken ? instead : port);
  }
  return chosen;
}

/** A port of ours held by somebody else would show as a container that restarts for ever. */
async function refuseStrangers(): Promise<void> {
  for (const [port, what] of [
    [6443, 'the API server'],
    [10250, 'the node agent'],
  ] as const) {
    if (await inUse(port)) {
      throw new Error(
        `port ${port} is in use by another program, but ${what} needs it; stop that program and try again`,
      );
    }
  }
}

/** @returns the tag of the image of our programs. */
async function loadImages(): Promise<string> {
  const [workloads, system] = await Promise.all([workloadImages(), systemImage()]);
  const host = `unix://${MACHINE}`;
  await ensureLoaded(workloads, host);
  await ensureLoaded(system, host);
  return system.key;
}

/** Files whose content the containers hold for as long as they run. */
const HELD =
  /^(etcd\/|apiserver|service-account|users\/(scheduler|controller-manager|proxy|dns|network|ingress)$)|-ca$/;

/** @returns how many files are new that running processes hold the old content of; node certificates come with others. */
async function certificates(m: { name: string; addresses: readonly string[]; nodes: number }): Promise<number> {
  const plan = planPki({
    server: 'https://127.0.0.1:6443',
    controlPlaneServer: 'https://lb:6443',
    nodeServer: m.nodes > 1 ? `https://${LAN_ADDRESS}:6443` : 'https://127.0.0.1:6443',
    apiserverHosts: ['lb', ...m.addresses],
    etcd: ETCD,
    nodes: { [m.name]: m.addresses, ...extraNodes(m.nodes) },
  });
  const issued = await ensurePki(clusterDir, plan, Date.now());
  const folder = join(clusterDir, 'haproxy');
  mkdirSync(folder, { recursive: true });
  const config = renderLoadBalancer({
    listen: ['0.0.0.0:6443'],
    servers: ['10.89.96.11:6443', '10.89.96.12:6443'],
    caFile: '/config/ca.crt',
  });
  writeFileSync(join(folder, 'haproxy.cfg'), config);
  const members = Object.values(ETCD).map(([address]) => `https://${address}:2379`);
  writeFileSync(join(clusterDir, 'etcd.endpoints'), `${members.join(',')}\n`);
  // haproxy gets only what it needs: the CA's certificate, not its key.
  writeFileSync(join(folder, 'ca.crt'), readFileSync(join(pkiFolder(clusterDir), `${authorityFile('apiserver')}.crt`)));
  chmodSync(folder, 0o755);
  return issued.filter(({ file }) => HELD.test(file)).length;
}

/** Makes the credentials that this version needs and an earlier one had not. */
async function newCredentials(): Promise<void> {
  const known = join(clusterDir, 'conf/proxy.conf');
  if (!existsSync(known)) return;
  const { server } = await loadKubeconfig(known);
  const plan = planPki({ server });
  const kubeconfigs = plan.kubeconfigs.filter((k) => !existsSync(join(clusterDir, k.file)));
  const certificates = plan.certificates.filter((c) => kubeconfigs.some((k) => k.certificate === c.file));
  await ensurePki(clusterDir, { certificates, kubeconfigs }, Date.now());
}

const apiReady = async (): Promise<void> => {
  const tls = trusting(join(pkiFolder(clusterDir), `${authorityFile('apiserver')}.crt`));
  try {
    await waitFor('the API server', () => probe('https://127.0.0.1:6443/readyz', tls), { timeoutMs: READY_MS });
  } catch (e) {
    throw new Error(`${(e as Error).message} ("make logs" may say why)`, { cause: e });
  }
};

async function nodesReady(names: readonly string[]): Promise<void> {
  const ready = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  await waitFor(
    `nodes ${names.join(', ')} Ready`,
    async () => {
      const lines = (await kubectl('get', 'nodes', '-o', `jsonpath=${ready}`)).split('\n');
      return names.every((name) => lines.includes(`${name}=True`));
    },
    { timeoutMs: READY_MS, everyMs: 300 },
  );
}

/** Nodes of an earlier `make up` with more of them will not come back. */
async function forgetNodes(names: readonly string[]): Promise<void> {
  const listed = (await kubectl('get', 'nodes', '-o', 'name')).split('\n').filter(Boolean);
  const gone = listed.map((line) => line.replace('node/', '')).filter((n) => /^node\d+$/.test(n) && !names.includes(n));
  for (const node of gone) {
    // Their machine is no more, so nobody is left to confirm the end of their pods.
    const theirs = ['--all-namespaces', `--field-selector=spec.nodeName=${node}`];
    await kubectl('delete', 'pods', ...theirs, '--force', '--grace-period=0', '--wait=false');
    await kubectl('delete', 'node', '--wait=false', node);
  }
}

/** @returns what the workload says. After a restart its status may be older than its containers, so it is asked itself. */
async function hello(url: string): Promise<string> {
  await waitFor('the example', () => kubectl('apply', '-f', join(repository, 'deploy/examples/hello.yaml')), {
    timeoutMs: 30_000,
    everyMs: 1000,
  });
  await kubectl('rollout', 'status', 'deployment/hello', '--timeout=90s').catch((e: Error) => {
    throw new Error(`${e.message} ("bin/cox --kubeconfig .cluster/admin.conf why deployment/hello" may say why)`);
  });
  return waitFor(`${url} to answer`, () => probe(url), { timeoutMs: 60_000 });
}

async function status(): Promise<void> {
  await composeHere(['ps']);
  console.log(
    `\n${await kubectl('get', 'nodes', '-o', 'wide')}\n${await kubectl('get', 'pods', '--all-namespaces', '-o', 'wide')}`,
  );
}

/** Two at a time would each make certificate authorities, and containers of the same names. */
const alone = (work: () => Promise<void>): Promise<void> =>
  exclusively('up', work, {
    patienceMs: PATIENCE_MS,
    waiting: () => console.log('waiting for another "make up" on this machine to end'),
  });

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { nodes: { type: 'string', default: '1' } },
});
const nodes = Number(values.nodes);
const verbs: Record<string, () => Promise<unknown>> = {
  up: () => alone(() => up(nodes)),
  status,
  upgrade: () =>
    alone(async () => {
      const image = await step('images', loadImages);
      await newCredentials();
      await upgradeContainers(image, kubectl);
    }),
  logs: () => composeHere(['logs', '--follow', '--tail=50']),
  hold: () => holdExtraNodes(nodes),
  release: () => startExtraNodes(1),
};
const verb = verbs[positionals[0] ?? ''];
if (!verb || !Number.isInteger(nodes) || nodes < 1 || nodes > 20) {
  console.error('usage: node deploy/up/main.ts up [--nodes N] | upgrade | status | logs   (N from 1 to 20)');
  process.exit(2);
}
try {
  await verb();
  process.exit(0);
} catch (e) {
  console.error(`up: ${(e as Error).message}`);
  process.exit(1);
}
