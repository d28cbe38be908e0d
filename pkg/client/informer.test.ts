import { expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { ConnectionError } from './connection-error.ts';
import { createInformerFactory } from './informer-factory.ts';
import { type Thing, Things, thing } from './stub-server.ts';
import type { Client, Informer, InformerOptions, ListOptions, ListResult, WatchEvent, WatchOptions } from './types.ts';

type Event = WatchEvent<Thing>;
/** One watch as the test drives it. */
interface OpenWatch {
  readonly options: WatchOptions;
  send(...events: Event[]): void;
  end(error?: unknown): void;
}

/** A client whose lists come from a script and whose watches are driven by the test. */
class ScriptedClient {
  readonly lists: ListOptions[] = [];
  readonly watches: OpenWatch[] = [];
  readonly listAnswers: (() => ListResult<Thing>)[] = [];

  list(_kind: unknown, options: ListOptions): Promise<ListResult<Thing>> {
    this.lists.push(options);
    const answer = this.listAnswers.length > 1 ? this.listAnswers.shift() : this.listAnswers[0];
    return Promise.resolve().then(() => answer?.() ?? { items: [], resourceVersion: '1' });
  }

  /** Every watch ends as soon as it is open. */
  endAtOnce = false;

  async *watch(_kind: unknown, options: WatchOptions): AsyncIterable<Event> {
    const queue: (Event | { end: unknown })[] = [];
    let wake = (): void => {};
    const push = (e: Event | { end: unknown }): void => {
      queue.push(e);
      wake();
    };
    options.signal?.addEventListener('abort', () => push({ end: undefined }), { once: true });
    this.watches.push({
      options,
      send: (...events) => events.forEach((e) => void push(e)),
      end: (e) => push({ end: e }),
    });
    if (this.endAtOnce) return;
    for (;;) {
      const next = queue.shift();
      if (!next) await new Promise<void>((r) => (wake = r));
      else if ('end' in next) {
        if (next.end !== undefined) throw next.end;
        return;
      } else yield next;
    }
  }

  get current(): OpenWatch {
    const w = this.watches.at(-1);
    if (!w) throw new Error('no watch is open');
    return w;
  }
}

function setUp(o: { options?: InformerOptions; consistentStart?: boolean; lists?: ListResult<Thing>[] } = {}) {
  const clock = new FakeClock();
  const client = new ScriptedClient();
  for (const l of o.lists ?? []) client.listAnswers.push(() => structuredClone(l));
  const abort = new AbortController();
  const factory = createInformerFactory({
    client: client as unknown as Client,
    clock,
    logger: silentLogger,
    signal: abort.signal,
    consistentStart: o.consistentStart ?? false,
  });
  const informer = factory.informer(Things, o.options);
  const log: string[] = [];
  record(informer, log);
  return { clock, client, abort, factory, informer, log };
}

const show = (o: Stored<KubeObject>): string => `${o.metadata.name}@${o.metadata.resourceVersion}`;
function record(informer: Informer<Thing>, log: string[]): void {
  informer.addHandlers({
    onAdd: (o) => log.push(`+${show(o)}`),
    onUpdate: (old, o) => log.push(`${show(old)}>${show(o)}`),
    onDelete: (o) => log.push(`-${show(o)}`),
  });
}
const listOf = (version: number, ...items: Stored<Thing>[]): ListResult<Thing> => ({
  items,
  resourceVersion: String(version),
});
const added = (o: Stored<Thing>): Event => ({ type: 'ADDED', object: o });
const modified = (o: Stored<Thing>): Event => ({ type: 'MODIFIED', object: o });
const deleted = (o: Stored<Thing>): Event => ({ type: 'DELETED', object: o });
const bookmark = (version: number): Event => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion: String(version) } },
});
const failure = (code: number, reason: string, message = reason): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message });
const gone = failure(410, 'Expired');
const tooLarge = failure(504, 'Timeout', 'Too large resource version: 50, current: 5');
const lost = new ConnectionError('lost', { neverSent: false });

test('lists any version, watches from it, and keeps the cache', async () => {
  const { clock, client, factory, informer, log, abort } = setUp({
    options: { namespace: 'default', fieldSelector: 'a=b' },
    lists: [listOf(10, thing('a', 3), thing('b', 4))],
  });
  expect(informer.hasSynced()).toBe(false);
  factory.start();
  factory.start();
  await factory.synced();
  await clock.advance(0);
  expect(client.lists).toHaveLength(1);
  expect(client.lists[0]).toMatchObject({ namespace: 'default', fieldSelector: 'a=b', resourceVersion: '0' });
  expect(client.lists[0]?.limit).toBeUndefined();
  expect(client.current.options).toMatchObject({
    namespace: 'default',
    fieldSelector: 'a=b',
    resourceVersion: '10',
    allowWatchBookmarks: true,
  });
  expect(client.current.options.timeoutSeconds).toBeGreaterThanOrEqual(300);
  expect(client.current.options.timeoutSeconds).toBeLessThanOrEqual(600);
  client.current.send(modified(thing('a', 11)), deleted(thing('b', 12)), added(thing('c', 13)), bookmark(20));
  await clock.advance(0);
  expect(log).toEqual(['+a@3', '+b@4', 'a@3>a@11', '-b@12', '+c@13']);
  expect(informer.resourceVersion).toBe('20');
  expect([...informer.lister.list('default')].map(show)).toEqual(['a@11', 'c@13']);
  expect(informer.lister.get('c', 'default')).toBeDefined();
  abort.abort();
  await clock.advance(0);
  expect(clock.pending).toBe(0);
});

test('a watch that ends is resumed from the last version, bookmarks included, without a list', async () => {
  const { clock, client, factory } = setUp({ lists: [listOf(10)] });
  factory.start();
  await clock.advance(0);
  client.current.send(added(thing('a', 11)), bookmark(50));
  await clock.advance(400_000);
  client.current.end();
  await clock.advance(0);
  expect(client.watches.map((w) => w.options.resourceVersion)).toEqual(['10', '50']);
  expect(client.lists).toHaveLength(1);
});

test('a server that ends every watch at once is not hammered', async () => {
  const { clock, client, factory } = setUp({ lists: [listOf(10)] });
  client.endAtOnce = true;
  factory.start();
  await clock.advance(120_000);
  expect(client.watches.length).toBeLessThan(12);
});

test('410: lists again at once and tells handlers the difference, vanished objects included', async () => {
  const { clock, client, factory, informer, log } = setUp({
    lists: [
      listOf(10, thing('a', 3), thing('b', 4), thing('c', 5)),
      listOf(90, thing('a', 3), thing('c', 60), thing('d', 70)),
    ],
  });
  factory.start();
  await clock.advance(0);
  log.length = 0;
  client.current.end(gone);
  await clock.advance(0);
  expect(client.lists.map((l) => l.resourceVersion)).toEqual(['0', '10']);
  expect(log).toEqual(['c@5>c@60', '+d@70', '-b@4']);
  expect(informer.resourceVersion).toBe('90');
  expect(client.current.options.resourceVersion).toBe('90');
});

test('a server that says 410 for ever is asked ever more slowly', async () => {
  const { clock, client, factory } = setUp({ lists: [listOf(10)] });
  factory.start();
  for (let i = 0; i < 300; i++) {
    await clock.advance(1000);
    client.current.end(gone);
  }
  expect(client.lists.length).toBeLessThan(40);
  expect(client.lists.length).toBeGreaterThan(5);
});

test('an object deleted and made anew between two looks is deleted and added, in that order', async () => {
  const { clock, client, factory, log } = setUp({
    lists: [listOf(10, thing('a', 3, {}, 'one')), listOf(90, thing('a', 60, {}, 'two'))],
  });
  factory.start();
  await clock.advance(0);
  client.current.end(gone);
  await clock.advance(0);
  expect(log).toEqual(['+a@3', '-a@3', '+a@60']);
});

test('never an older version after a newer one', async () => {
  const { clock, client, factory, informer, log } = setUp({ lists: [listOf(10, thing('a', 9))] });
  factory.start();
  await clock.advance(0);
  client.current.send(
    modified(thing('a', 12)),
    modified(thing('a', 11)),
    deleted(thing('a', 8)),
    modified(thing('a', 12)),
  );
  await clock.advance(0);
  expect(log).toEqual(['+a@9', 'a@9>a@12']);
  expect(informer.resourceVersion).toBe('12');
});

test('a list older than what was seen is refused; the newest is asked for instead', async () => {
  const { clock, client, factory, log } = setUp({
    lists: [
      listOf(100, thing('a', 90), thing('b', 95)),
      listOf(50, thing('a', 40)),
      listOf(120, thing('a', 110), thing('b', 95)),
    ],
  });
  factory.start();
  await clock.advance(0);
  client.current.end(gone);
  await clock.advance(0);
  expect(client.lists.map((l) => l.resourceVersion)).toEqual(['0', '100', undefined]);
  expect(log).toEqual(['+a@90', '+b@95', 'a@90>a@110']);
});

test('a server that lags behind is waited for; one that lost history is believed in the end', async () => {
  const { clock, client, factory, informer, log } = setUp({
    lists: [listOf(50, thing('a', 40), thing('b', 45)), listOf(5, thing('a', 3))],
  });
  factory.start();
  await clock.advance(0);
  client.current.end(tooLarge);
  await clock.advance(10_000);
  expect(client.lists).toHaveLength(1);
  expect(client.watches).toHaveLength(2);
  client.current.end(tooLarge);
  await clock.advance(10_000);
  client.current.end(tooLarge);
  await clock.advance(10_000);
  expect(client.lists.map((l) => l.resourceVersion)).toEqual(['0', undefined]);
  expect(log).toEqual(['+a@40', '+b@45', 'a@40>a@3', '-b@45']);
  expect(informer.resourceVersion).toBe('5');
  expect(client.current.options.resourceVersion).toBe('5');
});

test('errors back off from 0.8 s to at most 30 s, and success resets it', async () => {
  const { clock, client, factory, informer } = setUp();
  const at: number[] = [];
  client.listAnswers.push(() => {
    at.push(clock.now());
    throw lost;
  });
  factory.start();
  await clock.advance(300_000);
  const gaps = at.slice(1).map((t, i) => t - (at[i] ?? 0));
  expect(gaps[0]).toBeGreaterThanOrEqual(800);
  expect(gaps[0]).toBeLessThanOrEqual(1600);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
  expect(gaps.at(-1)).toBeGreaterThan(20_000);
  expect(informer.hasSynced()).toBe(false);
  client.listAnswers.unshift(() => listOf(10));
  await clock.advance(30_000);
  expect(informer.hasSynced()).toBe(true);
  const watches = client.watches.length;
  client.current.end(lost);
  await clock.advance(1600);
  expect(client.watches).toHaveLength(watches + 1);
});

test('a quiet watch that lived counts as success: the next failure is the first again', async () => {
  const { clock, client, factory } = setUp({ lists: [listOf(10)] });
  factory.start();
  await clock.advance(0);
  for (let i = 0; i < 8; i++) {
    await clock.advance(60_000);
    const watches = client.watches.length;
    client.current.end(lost);
    await clock.advance(1600);
    expect(client.watches).toHaveLength(watches + 1);
  }
});

test('a handler that throws stops neither the loop nor the others', async () => {
  const { clock, client, factory, informer, log } = setUp({ lists: [listOf(10, thing('a', 3))] });
  informer.addHandlers({
    onAdd: () => {
      throw new Error('broken');
    },
  });
  const second: string[] = [];
  record(informer, second);
  factory.start();
  await clock.advance(0);
  client.current.send(added(thing('b', 11)));
  await clock.advance(0);
  expect(log).toEqual(['+a@3', '+b@11']);
  expect(second).toEqual(log);
});

test('a late handler first gets what is in the cache', async () => {
  const { clock, factory, informer } = setUp({ lists: [listOf(10, thing('a', 3))] });
  factory.start();
  await clock.advance(0);
  const late: string[] = [];
  record(informer, late);
  expect(late).toEqual(['+a@3']);
});

test('cached objects are frozen under test, in lists and events', async () => {
  const { clock, client, factory, informer } = setUp({ lists: [listOf(10, thing('a', 3))] });
  factory.start();
  await clock.advance(0);
  client.current.send(added(thing('b', 11)));
  await clock.advance(0);
  for (const o of informer.lister.list()) {
    expect(() => {
      o.metadata.name = 'changed';
    }).toThrow(TypeError);
  }
});

test('synced rejects when its signal aborts', async () => {
  const { factory, informer, client } = setUp();
  client.listAnswers.push(() => {
    throw lost;
  });
  factory.start();
  await expect(informer.synced(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
});

test('one informer per kind and filter', () => {
  const { factory, informer } = setUp({ options: { namespace: 'x' } });
  expect(factory.informer(Things, { namespace: 'x' })).toBe(informer);
  expect(factory.informer(Things, { namespace: 'y' })).not.toBe(informer);
  expect(factory.informer(Things)).not.toBe(informer);
});

test('a consistent start asks for the newest state', async () => {
  const { clock, client, factory } = setUp({ consistentStart: true, lists: [listOf(10)] });
  factory.start();
  await clock.advance(0);
  expect(client.lists[0]?.resourceVersion).toBeUndefined();
});
