import { type Deployment, Deployments, ServiceAccounts } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import type { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';
import type { Work } from '../generator/requests.ts';
import { PATIENT, startFleet } from '../machine/fleet.ts';
import { cpuSeconds, residentMiB } from '../machine/processes.ts';
import { type RowId, row } from '../rows.ts';
import { clientOf, type Group, type Sink } from './group.ts';
import { throughput } from './scheduling.ts';

const NODES = 5000;
const DEPLOYMENTS = 100;
const PODS = 10_000;
/** A limit against hanging; the row tells how long it took. */
const CONVERGED_MS = 1_200_000;

/** What pods may ask of their place, and how many of each do. */
const PLACED: readonly (readonly [RowId, Work])[] = [
  ['schedule-zoned', 'create pod of two zones'],
  ['schedule-even', 'create evenly spread pod'],
  ['schedule-apart', 'create pod apart'],
  ['schedule-near', 'create pod near others'],
];
const PLACED_PODS = 1000;

const deployment = (k: number): Deployment => {
  const labels = { app: `app-${k}` };
  const resources = { requests: { cpu: '10m', memory: '10Mi' } };
  const containers = [{ name: 'main', image: 'coxswain/hello:1', resources }];
  const template = { metadata: { labels }, spec: { containers, automountServiceAccountToken: false } };
  const spec = { replicas: PODS / DEPLOYMENTS, selector: { matchLabels: labels }, template };
  return { metadata: { name: `app-${k}`, namespace: 'default' }, spec } as unknown as Deployment;
};

/** Ten thousand pods of a hundred Deployments: from the first create until all are available. */
async function converge(cluster: Cluster, client: Client, { fleet, sink }: { fleet: ManagedProcess; sink: Sink }) {
  const { scheduler, apiserver1, 'controller-manager': manager } = cluster.processes;
  const processes = { scheduler, 'controller-manager': manager, apiserver: apiserver1, 'hollow nodes': fleet };
  const used = () => Object.entries(processes).map(([name, p]) => [name, cpuSeconds(p.pid ?? 0)] as const);
  const before = new Map(used());
  const started = performance.now();
  await Promise.all(Array.from({ length: DEPLOYMENTS }, (_, k) => client.create(Deployments, deployment(k))));
  const isDone = async (): Promise<boolean> => {
    const { items } = await client.list(Deployments, { namespace: 'default', resourceVersion: '0' });
    return items.reduce((n, d) => n + (d.status?.availableReplicas ?? 0), 0) >= PODS;
  };
  await waitFor('10,000 pods', isDone, { timeoutMs: CONVERGED_MS, everyMs: 250 });
  const seconds = (performance.now() - started) / 1000;
  const cpu = used().map(([name, s]) => `${name} ${(s - (before.get(name) ?? 0)).toFixed(1)} s`);
  sink(row('converge', seconds, { note: `CPU: ${cpu.join(', ')}` }));
  const memory = (id: RowId, p: ManagedProcess): void => sink(row(id, residentMiB(p.pid ?? 0)));
  memory('scheduler-memory', scheduler);
  memory('manager-memory', manager);
}

/** A cluster of 5,000 nodes: throughput of the scheduler, and of everything together. */
export const scale: Group = async (sink, start) => {
  const cluster = await start({ apiservers: 1, members: 1, fast: false, flags: { 'controller-manager': PATIENT } });
  const client = await clientOf(cluster);
  const { 'controller-manager': manager } = cluster.processes;
  let fleet: ManagedProcess | undefined;
  try {
    await waitFor('the service account', () => client.get(ServiceAccounts, 'default', 'default'));
    fleet = await startFleet(cluster, NODES);
    await waitFor('nodes without taints', async () => {
      const { items } = await client.raw<{ items: { spec?: { taints?: object[] } }[] }>('GET', '/api/v1/nodes');
      return items.every((n) => (n.spec?.taints ?? []).length === 0);
    });
    await fleet.stop();
    await manager.stop();
    await throughput(cluster, client, { id: 'schedule-5000' }, sink);
    for (const [id, work] of PLACED) await throughput(cluster, client, { id, work, pods: PLACED_PODS }, sink);
    await manager.start();
    await fleet.start();
    await converge(cluster, client, { fleet, sink });
  } finally {
    await fleet?.stop();
    await client.close();
    await cluster.stop();
  }
};
