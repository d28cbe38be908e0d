import { join } from 'node:path';
import { authorityFile, pkiFolder } from '#pki/pki.ts';
import { probe, trusting } from '../../test/bed/net.ts';
import { waitFor } from '../../test/bed/wait.ts';
import { run } from '../run.ts';
import { clusterDir, composeNow, NAME, readEnvironment, writeEnvironment } from './compose.ts';

/** How one service of docker-compose.yml shows that it does its work. */
interface Part {
  readonly service: string;
  /** Throws while it does not. @param since when it was started, epoch milliseconds */
  readonly check: (since: number) => Promise<unknown>;
}

const HEALTHY_MS = 90_000;
const LOOK_MS = 250;
const TAG = 'COXSWAIN_IMAGE_TAG';

/** Container of a service, by which a new one is known from the one before. A start of docker-compose costs a second. */
const containerOf = async (service: string): Promise<string> => {
  const labels = [`project=${NAME}`, `service=${service}`].flatMap((l) => [
    '--filter',
    `label=com.docker.compose.${l}`,
  ]);
  return (await run('docker', ['ps', '-aq', '--no-trunc', ...labels])).trim();
};

const inside = async (service: string, ...command: string[]): Promise<string> =>
  run('docker', ['exec', await containerOf(service), ...command]);

const authority = join(pkiFolder(clusterDir), `${authorityFile('apiserver')}.crt`);
const READYZ =
  "require('node:https').get({port:6443,path:'/readyz',rejectUnauthorized:false},r=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))";

/** Every service of docker-compose.yml, in the order they are replaced in. @param kubectl as administrator */
export function parts(kubectl: (...args: string[]) => Promise<string>): Part[] {
  const leads = (lease: string) => async (since: number) => {
    const renewed = await kubectl('get', 'lease', lease, '-n', 'kube-system', '-o', 'jsonpath={.spec.renewTime}');
    if (!(Date.parse(renewed) > since)) throw new Error(`nobody has led since its start (${lease})`);
  };
  const port = (n: number) => () => probe(`http://127.0.0.1:${n}/readyz`);
  return [
    ...['etcd1', 'etcd2', 'etcd3'].map((service) => ({
      service,
      check: () => inside(service, 'etcdctl', 'endpoint', 'health', '--command-timeout=4s'),
    })),
    ...['apiserver1', 'apiserver2'].map((service) => ({ service, check: () => inside(service, 'node', '-e', READYZ) })),
    { service: 'lb', check: () => probe('https://127.0.0.1:6443/readyz', trusting(authority)) },
    { service: 'scheduler', check: leads('kube-scheduler') },
    { service: 'controller-manager', check: leads('kube-controller-manager') },
    { service: 'node-agent', check: port(10248) },
    { service: 'proxy', check: port(10256) },
    { service: 'dns', check: port(10258) },
    { service: 'ingress', check: port(10254) },
  ];
}

/**
 * What `cox cluster upgrade` does to a cluster of containers: each service in turn gets a container of the new image, and has
 * to do its work before the next is begun. Pods are not among them, and go on.
 * @param tag of the new image, loaded. @throws Error naming the first that does not come back
 */
export async function upgradeContainers(tag: string, kubectl: (...args: string[]) => Promise<string>): Promise<void> {
  const before = readEnvironment();
  if (before[TAG] === undefined) throw new Error('no cluster was started from here: "cox cluster up" starts one');
  writeEnvironment({ ...before, [TAG]: tag });
  const all = parts(kubectl);
  for (const [i, { service, check }] of all.entries()) {
    const started = Date.now();
    const old = await containerOf(service);
    await composeNow(['up', '-d', '--no-deps', service]);
    const same = (await containerOf(service)) === old;
    try {
      await waitFor(service, () => check(started).then(() => true), { timeoutMs: HEALTHY_MS, everyMs: LOOK_MS });
    } catch (e) {
      const rest = all.slice(i + 1).map((p) => p.service);
      const untouched = rest.length > 0 ? `; not begun: ${rest.join(', ')}` : '';
      throw new Error(`${service} has not come back: ${(e as Error).message}${untouched} ("docker logs" may say why)`, {
        cause: e,
      });
    }
    const after = `well after ${((Date.now() - started) / 1000).toFixed(1)} s`;
    console.log(`${service}: ${same ? 'is of this version already, and well' : `runs anew, ${after}`}`);
  }
}
