import { ConfigMaps, Namespaces, ServiceAccounts } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { Generator } from '../generator/generator.ts';
import type { LoadResult } from '../generator/load.ts';
import { micros } from '../generator/load.ts';
import type { Work } from '../generator/requests.ts';
import { cpuDuring, residentMiB } from '../machine/processes.ts';
import { type RowId, row } from '../rows.ts';
import { clientOf, type Group, milliseconds, type Sink, targetOf } from './group.ts';

const LANES = 64;
const PODS = 2000;
const WATCHERS = 100;
const UPDATES = 500;
const WARM_ROUNDS = 3;

interface Bench {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly generator: Generator;
  readonly apiserver: number;
  readonly sink: Sink;
}

interface Measure {
  readonly id: RowId;
  readonly work: Work;
  readonly count: number;
  readonly objects?: number;
  readonly namespace?: string;
  readonly lanes?: number;
  readonly bound?: number;
}

async function load(b: Bench, m: Measure): Promise<{ result: LoadResult; note: string }> {
  const { work, count, namespace = 'bench', lanes = LANES, objects } = m;
  const phase = { work, namespace, count, ...(objects === undefined ? {} : { objects }) };
  const { result, cpu } = await cpuDuring([b.apiserver], () => b.generator.load(phase, lanes));
  const each = (cpu / count) * 1e6;
  const latency = `p50 ${milliseconds(result.p50)}, p99 ${milliseconds(result.p99)}`;
  return { result, note: `${latency}; server ${each.toFixed(0)} µs of CPU each` };
}

/** A row that is a rate. */
async function rate(b: Bench, m: Measure): Promise<void> {
  const { result, note } = await load(b, m);
  b.sink(row(m.id, result.requests / result.seconds, { bound: m.bound, note: `${note}${throughput(result)}` }));
}

/** A row that is a time, from one client that asks again and again. */
async function time(b: Bench, m: Measure): Promise<void> {
  const { result, note } = await load(b, { ...m, lanes: 1 });
  b.sink(row(m.id, result.p50, { note: `${note}${throughput(result)}` }));
}

const throughput = (r: LoadResult): string =>
  r.bytes / r.requests > 100_000 ? `; ${(r.bytes / r.seconds / 1e6).toFixed(0)} MB/s` : '';

async function namespace(client: Client, name: string): Promise<void> {
  await client.create(Namespaces, { metadata: { name } });
  await client.create(ServiceAccounts, { metadata: { name: 'default', namespace: name } });
}

/**
 * A server that has run for a day is what people have; the first seconds of its life are not measured. A compiler that works
 * while the program runs is done with most of it after some thousand requests of each kind.
 */
async function warmUp(b: Bench): Promise<void> {
  const works: Work[] = ['create configmap', 'create pod', 'get pod', 'merge patch', 'strategic patch', 'delete pod'];
  for (let round = 0; round < WARM_ROUNDS; round++) {
    const warm = `warm-${round}`;
    await namespace(b.client, warm);
    for (const work of [...works, 'apply pod', 'list from cache', 'list by label', 'delete pod'] as const) {
      const count = work.startsWith('list') ? 20 : 800;
      await b.generator.load({ work, namespace: warm, count }, LANES);
    }
    await b.client.raw('DELETE', `/api/v1/namespaces/${warm}/configmaps`);
  }
}

async function writesAndReads(b: Bench): Promise<void> {
  const keys = { count: 8000, lanes: LANES, bytes: 1000, endpoints: b.cluster.etcd.sockets };
  const bound = keys.count / (await b.generator.etcdCreates(keys));
  await rate(b, { id: 'create-configmap', work: 'create configmap', count: 6000, bound });
  await rate(b, { id: 'create-pod', work: 'create pod', count: PODS, bound });
  await rate(b, { id: 'get-pod', work: 'get pod', count: 5 * PODS, objects: PODS });
  await rate(b, { id: 'patch-merge', work: 'merge patch', count: PODS, bound });
  await rate(b, { id: 'patch-strategic', work: 'strategic patch', count: PODS, bound });
  await rate(b, { id: 'apply', work: 'apply pod', namespace: 'applied', count: PODS, bound });
}

async function lists(b: Bench): Promise<void> {
  await time(b, { id: 'list-cache', work: 'list from cache', count: 40 });
  await time(b, { id: 'list-quorum', work: 'list quorum', count: 40 });
  await rate(b, { id: 'list-8', work: 'list from cache', count: 200, lanes: 8 });
  await time(b, { id: 'list-label', work: 'list by label', count: 400 });
  await time(b, { id: 'list-page', work: 'list page', count: 100 });
}

async function fanOut(b: Bench): Promise<void> {
  const { generator, client } = b;
  const { metadata } = await client.raw<{ metadata: { resourceVersion: string } }>('GET', '/api/v1/pods?limit=1');
  const path = `/api/v1/namespaces/bench/pods?watch=1&resourceVersion=${metadata.resourceVersion}`;
  await generator.watch(path, WATCHERS, 'stamp');
  const stamps = async (count: number) => {
    await generator.forgetEvents();
    const since = micros();
    await generator.load({ work: 'stamp pod', namespace: 'bench', count }, LANES);
    return generator.awaitEvents(count * WATCHERS, since);
  };
  await stamps(UPDATES);
  const { result, cpu } = await cpuDuring([b.apiserver], () => stamps(UPDATES));
  await generator.unwatch();
  const each = (cpu / result.events) * 1e6;
  const note = `p50 ${milliseconds(result.p50)}, p99 ${milliseconds(result.p99)}; server ${each.toFixed(1)} µs of CPU each`;
  b.sink(row('fan-out', result.events / result.seconds, { note }));
  b.sink(row('api-memory', residentMiB(b.apiserver)));
}

/** The API server alone with its etcd: verbs, lists and watches under load. */
export const api: Group = async (sink, start) => {
  const cluster = await start({ apiservers: 1, members: 1, fast: false, without: ['scheduler', 'controller-manager'] });
  const generator = new Generator();
  const client = await clientOf(cluster);
  try {
    const apiserver = cluster.processes.apiserver1.pid ?? 0;
    const bench = { cluster, client, generator, apiserver, sink };
    for (const name of ['bench', 'applied']) await namespace(client, name);
    await generator.connect(await targetOf(cluster), LANES);
    await warmUp(bench);
    await writesAndReads(bench);
    await lists(bench);
    await fanOut(bench);
    await rate(bench, { id: 'delete-pod', work: 'delete pod', count: PODS });
    const { items } = await client.list(ConfigMaps, { namespace: 'bench' });
    if (items.length !== 6000) throw new Error(`${items.length} of 6000 configmaps were kept`);
  } finally {
    generator.close();
    await client.close();
    await cluster.stop();
  }
};
