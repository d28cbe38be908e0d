import { PriorityClasses, ServiceAccounts } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { waitFor } from '../../bed/wait.ts';
import { Generator } from '../generator/generator.ts';
import { micros } from '../generator/load.ts';
import { PRIORITY_CLASS } from '../generator/pods.ts';
import type { Phase, Work } from '../generator/requests.ts';
import { admitNodes, startFleet } from '../machine/fleet.ts';
import { cpuDuring } from '../machine/processes.ts';
import { type RowId, row } from '../rows.ts';
import { clientOf, type Group, type Sink, targetOf } from './group.ts';

const NODES = 500;
const PODS = 2000;
const LANES = 64;
const BOUND = '/api/v1/namespaces/default/pods?watch=1&fieldSelector=spec.nodeName!%3D';

/** A generator that sees pods get their nodes. */
async function watching(cluster: Cluster): Promise<Generator> {
  const generator = new Generator();
  try {
    await generator.connect(await targetOf(cluster), LANES);
    await generator.watch(BOUND, 1, 'added');
    return generator;
  } catch (e) {
    generator.close();
    throw e;
  }
}

/** Pods a second, from the first create to the last binding, and what each cost. */
async function untilBound(cluster: Cluster, generator: Generator, phase: Phase): Promise<[number, { note: string }]> {
  const { scheduler, apiserver1 } = cluster.processes;
  const { count } = phase;
  const since = micros();
  const run = async () => {
    const created = await generator.load(phase, LANES);
    return { created, bound: await generator.awaitEvents(count, since) };
  };
  const { result, cpu } = await cpuDuring([scheduler.pid ?? 0], () => cpuOf(apiserver1.pid ?? 0, run));
  const { created, bound, server } = result;
  const each = (seconds: number): string => `${((seconds / count) * 1e6).toFixed(0)} µs`;
  const beside = `creates alone ${(count / created.seconds).toFixed(0)}/s beside it`;
  return [count / bound.seconds, { note: `${beside}; CPU a pod: scheduler ${each(cpu)}, apiserver ${each(server)}` }];
}

interface Wanted {
  readonly id: RowId;
  readonly work?: Work;
  readonly pods?: number;
}

/** Pods created at full speed, and how soon the scheduler has bound them all. Nothing else may be at work. */
export async function throughput(cluster: Cluster, client: Client, wanted: Wanted, sink: Sink): Promise<void> {
  const { id, work = 'create schedulable pod', pods = PODS } = wanted;
  const generator = await watching(cluster);
  try {
    // The first hundred tell that the scheduler leads and knows the nodes.
    const warm = { work, namespace: 'default', count: 100 };
    await generator.load(warm, LANES);
    await generator.awaitEvents(warm.count, micros());
    await removePods(generator, client, warm.count);
    await generator.forgetEvents();
    sink(row(id, ...(await untilBound(cluster, generator, { ...warm, count: pods }))));
    await removePods(generator, client, pods);
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

/** Every node is full, and each of so many pods of higher priority needs the place of others. */
async function preemption(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  await client.create(PriorityClasses, { metadata: { name: PRIORITY_CLASS }, value: 1000 });
  const generator = await watching(cluster);
  try {
    const full = { work: 'create filling pod', namespace: 'default', count: 4 * NODES } as const;
    await untilBound(cluster, generator, full);
    await generator.forgetEvents();
    const phase = { work: 'create pushing pod', namespace: 'default', count: NODES } as const;
    sink(row('preempt', ...(await untilBound(cluster, generator, phase))));
  } finally {
    generator.close();
  }
}

export const scheduling: Group = async (sink, start) => {
  const cluster = await start({ apiservers: 1, members: 1, fast: false, without: ['controller-manager'] });
  const client = await clientOf(cluster);
  try {
    // They register and go: nobody answers for the pods, which is not what is measured.
    await (await startFleet(cluster, NODES)).stop();
    await admitNodes(client);
    await client.create(ServiceAccounts, { metadata: { name: 'default', namespace: 'default' } });
    await throughput(cluster, client, { id: 'schedule' }, sink);
    await preemption(cluster, client, sink);
  } finally {
    await client.close();
    await cluster.stop();
  }
};

async function cpuOf<T extends object>(pid: number, work: () => Promise<T>): Promise<T & { server: number }> {
  const { result, cpu } = await cpuDuring([pid], work);
  return { ...result, server: cpu };
}
