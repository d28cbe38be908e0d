import { Leases, type Node, Nodes, ServiceAccounts } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import { startCluster } from '../../bed/cluster.ts';
import { waitFor } from '../../bed/wait.ts';
import { Generator } from '../generator/generator.ts';
import { micros } from '../generator/load.ts';
import { cpuDuring } from '../machine/processes.ts';
import { row } from '../rows.ts';
import { clientOf, type Group, targetOf } from './group.ts';

const NODES = 500;
const PODS = 2000;
const LANES = 64;
const AT_A_TIME = 32;
const LEASES = 'kube-node-lease';
const BOUND = '/api/v1/namespaces/default/pods?watch=1&fieldSelector=spec.nodeName!%3D';

/** A node nobody runs: it says it is ready and has room. */
async function hollowNode(client: Client, k: number): Promise<void> {
  const name = `hollow-${k}`;
  const now = new Date().toISOString();
  const room = { cpu: '8', memory: '32Gi', pods: '110' };
  const lastTransitionTime = now.replace(/\.\d+/, '');
  const status = {
    capacity: room,
    allocatable: room,
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }],
  };
  const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${k % 3}` };
  await client.create(Nodes, { metadata: { name, labels }, spec: {} } as Node);
  await client.patch(Nodes, { name, subresource: 'status' }, { type: 'strategic', body: { status } });
  const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: `${now.slice(0, 23)}000Z` };
  await client.create(Leases, { metadata: { name, namespace: LEASES }, spec });
}

async function hollowNodes(client: Client): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < NODES) await hollowNode(client, next++);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}

/** Pods created at full speed, and how soon the scheduler has bound them all. */
export const scheduling: Group = async (sink) => {
  const cluster = await startCluster({ apiservers: 1, without: ['controller-manager'] });
  const generator = new Generator();
  const client = await clientOf(cluster);
  try {
    await hollowNodes(client);
    await client.create(ServiceAccounts, { metadata: { name: 'default', namespace: 'default' } });
    await generator.connect(await targetOf(cluster), LANES);
    await generator.watch(BOUND, 1, 'added');
    // The first hundred tell that the scheduler leads and knows the nodes.
    const warm = { work: 'create schedulable pod', namespace: 'default', count: 100 } as const;
    await generator.load(warm, LANES);
    await generator.awaitEvents(warm.count, micros());
    await generator.load({ ...warm, work: 'delete pod' }, LANES);
    await waitFor('no pods', async () => {
      const { items } = await client.raw<{ items: unknown[] }>('GET', '/api/v1/namespaces/default/pods');
      return items.length === 0;
    });
    await generator.forgetEvents();
    const { scheduler, apiserver1 } = cluster.processes;
    const since = micros();
    const run = async () => {
      const created = await generator.load({ ...warm, count: PODS }, LANES);
      return { created, bound: await generator.awaitEvents(PODS, since) };
    };
    const { result, cpu } = await cpuDuring([scheduler.pid ?? 0], () => cpuOf(apiserver1.pid ?? 0, run));
    const { created, bound, server } = result;
    const rate = PODS / bound.seconds;
    const note = `creates alone ${(PODS / created.seconds).toFixed(0)}/s beside it; CPU a pod: scheduler ${((cpu / PODS) * 1e6).toFixed(0)} µs, apiserver ${((server / PODS) * 1e6).toFixed(0)} µs`;
    sink(row('schedule', rate, { note }));
  } finally {
    generator.close();
    await client.close();
    await cluster.stop();
  }
};

async function cpuOf<T extends object>(pid: number, work: () => Promise<T>): Promise<T & { server: number }> {
  const { result, cpu } = await cpuDuring([pid], work);
  return { ...result, server: cpu };
}
