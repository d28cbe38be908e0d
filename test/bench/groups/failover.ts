import { ConfigMaps, Namespaces } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import { run } from '../../../deploy/run.ts';
import type { Cluster } from '../../bed/cluster.ts';
import type { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';
import { row } from '../rows.ts';
import { median, type Sink } from './group.ts';

const NAMESPACE = 'failover';
const LANES = 8;
const KILLS = 3;
const LIMIT_MS = 30_000;

async function leader(cluster: Cluster): Promise<ManagedProcess> {
  const { endpoints, caFile, certFile, keyFile } = cluster.etcd;
  const tls = ['--cacert', caFile, '--cert', certFile, '--key', keyFile, '--command-timeout', '5s'];
  const text = await run('env', [
    ...['ETCDCTL_API=3', 'etcdctl', 'endpoint', 'status', '-w', 'json', '--endpoints', endpoints.join(','), ...tls],
  ]);
  // Member ids need more than 53 bits: their digits are compared.
  const ids = [...text.matchAll(/"member_id":(\d+)/g)].map((m) => m[1]);
  const at = ids.indexOf(/"leader":(\d+)/.exec(text)?.[1]);
  const found = cluster.processes[`etcd${at + 1}` as 'etcd1'];
  if (at < 0 || !found) throw new Error('no etcd leader');
  return found;
}

interface Acknowledged {
  readonly name: string;
  readonly sent: number;
  readonly done: number;
}

/** Writes without pause, and remembers what was acknowledged. */
class Writers {
  readonly acknowledged: Acknowledged[] = [];
  readonly #client: Client;
  #running = true;
  #serial = 0;
  #lanes: Promise<unknown> = Promise.resolve();

  constructor(client: Client) {
    this.#client = client;
  }

  start(): void {
    this.#lanes = Promise.all(Array.from({ length: LANES }, () => this.#lane()));
  }

  async #lane(): Promise<void> {
    while (this.#running) {
      const name = `c-${this.#serial++}`;
      const sent = performance.now();
      try {
        await this.#client.create(ConfigMaps, { metadata: { name, namespace: NAMESPACE }, data: { name } });
        this.acknowledged.push({ name, sent, done: performance.now() });
      } catch {
        // Refused or unknown: not acknowledged.
        await systemClock.sleep(5);
      }
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#lanes;
  }
}

/** Kills etcd's leader under load: how soon a write sent after that succeeds, and whether every acknowledged one is kept. */
export async function failover(cluster: Cluster, client: Client, sink: Sink): Promise<void> {
  await client.create(Namespaces, { metadata: { name: NAMESPACE } });
  const writers = new Writers(client);
  writers.start();
  const times: number[] = [];
  try {
    for (let i = 0; i < KILLS; i++) {
      const before = writers.acknowledged.length;
      await waitFor('writes', () => writers.acknowledged.length > before + 50, { timeoutMs: LIMIT_MS });
      const member = await leader(cluster);
      const killed = performance.now();
      await member.kill('SIGKILL');
      const first = await waitFor('a write', () => writers.acknowledged.find((a) => a.sent > killed), {
        timeoutMs: LIMIT_MS,
        everyMs: 10,
      });
      times.push((first.done - killed) / 1000);
      await member.start();
    }
  } finally {
    await writers.stop();
  }
  const { items } = await client.list(ConfigMaps, { namespace: NAMESPACE });
  const kept = new Set(items.map((c) => c.metadata.name));
  const lost = writers.acknowledged.filter((a) => !kept.has(a.name));
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged writes are lost, such as ${lost[0]?.name}`);
  const note = `${times.map((t) => t.toFixed(2)).join(', ')}; ${writers.acknowledged.length} acknowledged writes, none lost`;
  sink(row('leader-killed', median(times), { note }));
  await client.delete(Namespaces, NAMESPACE);
}
