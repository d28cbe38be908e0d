import { ServiceAccounts } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { waitFor } from '../../bed/wait.ts';
import { Generator } from '../generator/generator.ts';
import { micros } from '../generator/load.ts';
import { admitNodes, startFleet } from '../machine/fleet.ts';
import { cpuDuring } from '../machine/processes.ts';
import { type RowId, row } from '../rows.ts';
import { clientOf, type Group, type Sink, targetOf } from './group.ts';

const NODES = 500;
const PODS = 2000;
const LANES = 64;
const BOUND = '/api/v1/namespaces/default/pods?watch=1&fieldSelector=spec.nodeName!%3D';

/** Pods created at full speed, and how soon the scheduler has bound them all. Nothing else may be at work. */
export async function throughput(cluster: Cluster, client: Client, id: RowId, sink: Sink): Promise<void> {
  const generator = new Generator();
  try {
    await generator.connect(await targetOf(cluster), LANES);
    await generator.watch(BOUND, 1, 'added');
    // The first hundred tell that the scheduler leads and knows the nodes.
    const warm = { work: 'create schedulable pod', namespace: 'default', count: 100 } as const;
    await generator.load(warm, LANES);
    await generator.awaitEvents(warm.count, micros());
    await removePods(generator, client, warm.count);
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
    sink(row(id, rate, { note }));
    await removePods(generator, client, PODS);
  } finally {
    generator.close();
  }
}

async function removePods(generator: Generator, client: Client, count: number): Promise<void> {
  await generator.load({ work: 'delete pod', namespace: 'default', count }, LANES);
  await waitFor('no pods', async () => {
    const { items } = await client.raw<{ items: unknown[] }>('GET', '/api/v1/namespaces/default/pods');
    return items.length === 0;
  });
}

export const scheduling: Group = async (sink, start) => {
  const cluster = await start({ apiservers: 1, fast: false, without: ['controller-manager'] });
  const client = await clientOf(cluster);
  try {
    // They register and go: nobody answers for the pods, which is not what is measured.
    await (await startFleet(cluster, NODES)).stop();
    await admitNodes(client);
    await client.create(ServiceAccounts, { metadata: { name: 'default', namespace: 'default' } });
    await throughput(cluster, client, 'schedule', sink);
  } finally {
    await client.close();
    await cluster.stop();
  }
};

async function cpuOf<T extends object>(pid: number, work: () => Promise<T>): Promise<T & { server: number }> {
  const { result, cpu } = await cpuDuring([pid], work);
  return { ...result, server: cpu };
}
