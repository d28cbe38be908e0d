import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, Wire } from './http.ts';

const cluster = useCluster('integration-watch-history', {
  without: ['scheduler', 'controller-manager'],
  flags: { apiserver: ['--watch-bookmark-interval', '20ms'] },
});

const MAPS = '/api/v1/namespaces/default/configmaps';
const OBJECTS = 12;
const WRITES = 600;
const WRITERS = 8;

interface Happening {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: { readonly metadata: { readonly name?: string; readonly resourceVersion: string } };
}

/** Watches one server from the beginning; drops its connection now and then and resumes from what it saw last. */
class Watcher {
  readonly seen: string[] = [];
  readonly faults: string[] = [];
  /** Names with the version of their last event. */
  readonly state = new Map<string, string>();
  bookmarks = 0;
  resumes = 0;
  #last: number;
  #bookmark = 0;
  #over = false;
  readonly #wire: Wire;
  readonly #server: string;

  constructor(wire: Wire, server: string, from: string) {
    this.#wire = wire;
    this.#server = server;
    this.#last = Number(from);
  }

  get revision(): number {
    return Math.max(this.#last, this.#bookmark);
  }

  async run(): Promise<void> {
    while (!this.#over) await this.#once();
  }

  end(): void {
    this.#over = true;
  }

  async #once(): Promise<void> {
    const path = `${MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion=${this.revision}`;
    const stream = await this.#wire.stream('GET', path, { server: this.#server });
    // Any number of events between two drops, so that connections break at every kind of place.
    let left = 1 + Math.floor(Math.random() * 120);
    for await (const line of createInterface({ input: stream })) {
      this.#take(JSON.parse(line) as Happening);
      if (this.#over || --left === 0) break;
    }
    stream.destroy();
    this.resumes++;
  }

  #take({ type, object }: Happening): void {
    const revision = Number(object.metadata.resourceVersion);
    const { name = '' } = object.metadata;
    if (type === 'ERROR') this.faults.push(`ERROR: ${JSON.stringify(object)}`);
    else if (type === 'BOOKMARK') {
      this.bookmarks++;
      if (revision < this.#last) this.faults.push(`bookmark ${revision} after event ${this.#last}`);
      this.#bookmark = Math.max(this.#bookmark, revision);
    } else {
      // A bookmark promises that everything up to it has been told.
      if (revision <= this.revision) this.faults.push(`${type} ${name}@${revision} after ${this.revision}`);
      this.#last = revision;
      this.seen.push(`${type} ${name}@${revision}`);
      if (type === 'DELETED') this.state.delete(name);
      else this.state.set(name, String(revision));
    }
  }
}

/** One random write; conflicts and absences are part of the game, other failures are not. */
async function write(wire: Wire, server: string, n: number): Promise<void> {
  const name = `m${Math.floor(Math.random() * OBJECTS)}`;
  const roll = Math.random();
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { n: String(n) } };
  const { code, body } =
    roll < 0.35
      ? await wire.ask('POST', MAPS, { server, body: object })
      : roll < 0.8
        ? await wire.ask('PATCH', `${MAPS}/${name}`, { server, body: { data: { n: String(n) } } })
        : await wire.ask('DELETE', `${MAPS}/${name}`, { server });
  if (![200, 201, 404, 409].includes(code)) throw new Error(`${code}: ${JSON.stringify(body)}`);
}

test('watches lose, repeat and reorder nothing, and no bookmark runs ahead', async () => {
  const wire = await Wire.to(cluster());
  const { apiservers } = cluster();
  const start = await wire.ok<List>('GET', MAPS);
  const from = start.metadata.resourceVersion;
  const watchers = [...apiservers, ...apiservers].map((server) => new Watcher(wire, server, from));
  const running = Promise.all(watchers.map((w) => w.run()));
  let n = 0;
  const writer = async (_: unknown, i: number): Promise<void> => {
    while (n < WRITES) await write(wire, apiservers[i % apiservers.length] ?? '', n++);
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const end = await wire.ok<List>('GET', MAPS);
  const revision = Number(end.metadata.resourceVersion);
  await waitFor('every watcher is told how far history has moved', () => watchers.every((w) => w.revision >= revision));
  for (const w of watchers) w.end();
  await running;

  expect(watchers.flatMap((w) => w.faults)).toEqual([]);
  const [first] = watchers;
  for (const w of watchers) {
    expect(w.seen).toEqual(first?.seen);
    for (const { metadata } of start.items) {
      if (!w.seen.some((s) => s.includes(` ${metadata.name}@`))) w.state.set(metadata.name, metadata.resourceVersion);
    }
    expect([...w.state].sort()).toEqual(end.items.map((o) => [o.metadata.name, o.metadata.resourceVersion]).sort());
    expect(w.bookmarks).toBeGreaterThan(0);
    expect(w.resumes).toBeGreaterThan(1);
  }
  expect(first?.seen.length).toBeGreaterThan(WRITES / 10);
});
