import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Storage } from '#storage/storage.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-watch-torture', {
  members: 3,
  without: ['scheduler', 'controller-manager'],
  flags: { apiserver: ['--watch-bookmark-interval', '50ms'] },
});
const MAPS = '/api/v1/namespaces/default/configmaps';
const OBJECTS = 20;
const WRITERS = 6;
const WATCHERS = 6;
const seed = Number(process.env.TORTURE_SEED ?? 1);

/** Small and repeatable random numbers (xorshift). */
function randomFrom(start: number): () => number {
  let x = start | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

let wire: Wire;
let etcd: Storage;
beforeAll(async () => {
  wire = await Wire.to(cluster());
  etcd = await openEtcd(cluster().etcd);
});
afterAll(async () => {
  await etcd?.close();
});

interface Told {
  readonly type: string;
  readonly object: Obj & { code?: number; data?: { n?: string } };
}

/**
 * A client as informers are: lists, follows, goes on from the last version it was told after its connection broke, and
 * lists again when it is told that history is gone.
 */
class Client {
  readonly faults: string[] = [];
  readonly state = new Map<string, string>();
  lists = 0;
  resumes = 0;
  #version = 0;
  #fresh = true;
  #over = false;
  readonly #random: () => number;

  constructor(index: number) {
    this.#random = randomFrom(seed + index);
  }

  get version(): number {
    return this.#version;
  }

  end(): void {
    this.#over = true;
  }

  async run(): Promise<void> {
    while (!this.#over) {
      try {
        if (this.#fresh) await this.#list();
        await this.#follow();
        this.resumes++;
      } catch {
        // A server that is away: another answers.
        await systemClock.sleep(20);
      }
    }
  }

  #server(): string {
    const { apiservers } = cluster();
    return apiservers[Math.floor(this.#random() * apiservers.length)] ?? '';
  }

  async #list(): Promise<void> {
    const at = this.#version ? `?resourceVersion=${this.#version}&resourceVersionMatch=NotOlderThan` : '';
    const list = await wire.ok<List>('GET', `${MAPS}${at}`, undefined, { server: this.#server() });
    const version = Number(list.metadata.resourceVersion);
    if (version < this.#version) this.faults.push(`a list of ${version} after ${this.#version}`);
    this.state.clear();
    for (const o of list.items) this.state.set(o.metadata.name, o.metadata.resourceVersion);
    this.#version = version;
    this.#fresh = false;
    this.lists++;
  }

  async #follow(): Promise<void> {
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${this.#version}`;
    const stream = await wire.stream('GET', `${MAPS}?${query}`, { server: this.#server() });
    let left = 1 + Math.floor(this.#random() * 60);
    try {
      for await (const line of createInterface({ input: stream })) {
        this.#take(JSON.parse(line) as Told);
        if (this.#over || this.#fresh || --left === 0) return;
      }
    } finally {
      stream.destroy();
    }
  }

  #take({ type, object }: Told): void {
    if (type === 'ERROR') {
      if (object.code === 410) this.#fresh = true;
      else if (object.code !== 504) this.faults.push(`ERROR ${JSON.stringify(object)}`);
      return;
    }
    const version = Number(object.metadata.resourceVersion);
    if (type === 'BOOKMARK') {
      if (version < this.#version) this.faults.push(`bookmark ${version} after ${this.#version}`);
    } else this.#changed(type, object, version);
    this.#version = Math.max(this.#version, version);
  }

  #changed(type: string, { metadata: { name } }: Obj, version: number): void {
    const known = this.state.has(name);
    // Lost or repeated events show as a change of what is not there, or a beginning of what is.
    if (version <= this.#version) this.faults.push(`${type} ${name}@${version} after ${this.#version}`);
    if (known === (type === 'ADDED')) this.faults.push(`${type} ${name}@${version}, known: ${known}`);
    if (type === 'DELETED') this.state.delete(name);
    else this.state.set(name, String(version));
  }
}

/** Writes until told to end; what a server that is away does not answer may or may not have happened. */
async function write(random: () => number, over: () => boolean): Promise<number> {
  const { apiservers } = cluster();
  let done = 0;
  while (!over()) {
    const server = apiservers[Math.floor(random() * apiservers.length)] ?? '';
    const name = `t${Math.floor(random() * OBJECTS)}`;
    const roll = random();
    const [method, path, body] =
      roll < 0.4
        ? ['POST', MAPS, { metadata: { name }, data: { n: '0' } }]
        : roll < 0.75
          ? ['PATCH', `${MAPS}/${name}`, { data: { n: String(done) } }]
          : ['DELETE', `${MAPS}/${name}`, undefined];
    try {
      const { code } = await wire.raw(method, path, { server, ...(body ? { body } : {}) });
      if (code < 300) done++;
    } catch {
      await systemClock.sleep(20);
    }
  }
  return done;
}

test('through compactions, lost leaders and killed servers every watcher ends with what is stored', async () => {
  const { processes, apiservers } = cluster();
  const random = randomFrom(seed);
  const clients = Array.from({ length: WATCHERS }, (_, i) => new Client(i + 1));
  const running = clients.map((c) => c.run());
  let over = false;
  const writers = Array.from({ length: WRITERS }, (_, i) => write(randomFrom(seed + 100 + i), () => over));
  const compact = async (): Promise<void> => etcd.compact(await etcd.currentRevision());
  const moved = async (): Promise<void> => {
    const before = Math.max(...clients.map((c) => c.version));
    await waitFor('history goes on', () => clients.every((c) => c.version > before + 20), { timeoutMs: 120_000 });
  };

  await moved();
  const members = [processes.etcd1, processes.etcd2, processes.etcd3].sort(() => random() - 0.5);
  // One of any two members is the leader, or the third is: two of these losses are followers' at most.
  for (const member of members) {
    await compact();
    await member.kill();
    await moved();
    await compact();
    await member.start();
    await moved();
  }
  await processes.apiserver1.kill();
  await compact();
  await moved();
  await processes.apiserver1.start();
  await moved();

  over = true;
  const written = (await Promise.all(writers)).reduce((sum, n) => sum + n, 0);
  const end = await waitFor('both servers show the same', async () => {
    const [a, b] = await Promise.all(apiservers.map((server) => wire.ok<List>('GET', MAPS, undefined, { server })));
    return a && JSON.stringify(a.items) === JSON.stringify(b?.items) ? a : undefined;
  });
  const revision = Number(end.metadata.resourceVersion);
  await waitFor('all are told', () => clients.every((c) => c.version >= revision));
  for (const c of clients) c.end();
  await Promise.all(running);

  const stored = end.items.map((o) => [o.metadata.name, o.metadata.resourceVersion]).sort();
  for (const c of clients) {
    expect(c.faults, `TORTURE_SEED=${seed}`).toEqual([]);
    expect([...c.state].sort(), `TORTURE_SEED=${seed}`).toEqual(stored);
    expect(c.resumes).toBeGreaterThan(1);
  }
  expect(written).toBeGreaterThan(100);
  // Ten times all have to hear of more, and four programs start: on a busy machine that adds up.
}, 600_000);
