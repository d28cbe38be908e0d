import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { createClient } from './client.ts';
import {
  cut,
  eventLine,
  json,
  type StubServer,
  startStubServer,
  stream,
  type Thing,
  Things,
  thing,
} from './stub-server.ts';
import type { Client, WatchEvent } from './types.ts';

let server: StubServer;
let client: Client;
let clock: FakeClock;
beforeEach(async () => {
  server = await startStubServer();
  clock = new FakeClock();
  client = createClient({
    server: server.url,
    userAgent: 'test/1',
    logger: silentLogger,
    clock,
    watchSilenceMs: 60_000,
  });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

async function collect(events: AsyncIterable<WatchEvent<Thing>>): Promise<WatchEvent<Thing>[]> {
  const all: WatchEvent<Thing>[] = [];
  for await (const e of events) all.push(e);
  return all;
}
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((r) => setTimeout(r, 2));
};
const closed = (response: ServerResponse): Promise<void> => new Promise((r) => response.on('close', () => r()));

test('events in order, bookmarks too, until the server ends the stream', async () => {
  server.script(
    stream((r) => {
      r.write(eventLine('ADDED', thing('a', 1)) + eventLine('MODIFIED', thing('a', 2)));
      r.end(eventLine('BOOKMARK', { metadata: { resourceVersion: '7' } }) + eventLine('DELETED', thing('a', 8)));
    }),
  );
  const events = await collect(
    client.watch(Things, { resourceVersion: '0', allowWatchBookmarks: true, timeoutSeconds: 300 }),
  );
  expect(events.map((e) => `${e.type} ${e.object.metadata.resourceVersion}`)).toEqual([
    'ADDED 1',
    'MODIFIED 2',
    'BOOKMARK 7',
    'DELETED 8',
  ]);
  expect(server.seen[0]?.url).toBe(
    '/apis/test.io/v1/things?resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=300&watch=true',
  );
});

test.each([1, 2, 3, 7, 50])('lines and characters cut every %i bytes come out whole', async (size) => {
  const objects = ['grüße 😀', 'x'.repeat(100), 'ünï'].map((data, i) => thing(`t${i}`, i + 1, { data }));
  const bytes = Buffer.from(objects.map((o) => eventLine('ADDED', o)).join(''));
  server.script(
    stream(async (r) => {
      r.socket?.setNoDelay(true);
      for (let i = 0; i < bytes.length; i += size) {
        r.write(bytes.subarray(i, i + size));
        if (i % 5 === 0) await new Promise((next) => setImmediate(next));
      }
      r.end();
    }),
  );
  expect((await collect(client.watch(Things, {}))).map((e) => e.object)).toEqual(objects);
});

test('an ERROR event is thrown as its Status, after the events before it', async () => {
  const gone = { kind: 'Status', status: 'Failure', reason: 'Expired', code: 410, message: 'too old' };
  server.script(stream((r) => void r.end(eventLine('ADDED', thing('a', 1)) + eventLine('ERROR', gone))));
  const seen: string[] = [];
  const run = (async () => {
    for await (const e of client.watch(Things, {})) seen.push(e.type);
  })();
  await expect(run).rejects.toMatchObject({ name: 'StatusError', code: 410, reason: 'Expired' });
  expect(seen).toEqual(['ADDED']);
});

test('a refused watch is a StatusError, a cut one a ConnectionError, an unreadable line too', async () => {
  server.script(json(410, { kind: 'Status', reason: 'Gone', code: 410, message: 'too old' }));
  await expect(collect(client.watch(Things, {}))).rejects.toMatchObject({ name: 'StatusError', code: 410 });
  server.script(cut);
  await expect(collect(client.watch(Things, {}))).rejects.toMatchObject({ name: 'ConnectionError' });
  server.script(stream((r) => r.write(eventLine('ADDED', thing('a', 1)), () => r.socket?.destroy())));
  await expect(collect(client.watch(Things, {}))).rejects.toMatchObject({ name: 'ConnectionError' });
  server.script(stream((r) => void r.end('{"type":"ADDED",\n')));
  await expect(collect(client.watch(Things, {}))).rejects.toMatchObject({ name: 'ConnectionError' });
});

test('an abort ends a waiting watch, closes the connection and leaves no listener', async () => {
  const open = Promise.withResolvers<ServerResponse>();
  server.script(stream((r) => open.resolve(r)));
  const abort = new AbortController();
  const run = collect(client.watch(Things, { signal: abort.signal }));
  const gone = closed(await open.promise);
  abort.abort();
  expect(await run).toEqual([]);
  await gone;
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  expect(await collect(client.watch(Things, { signal: abort.signal }))).toEqual([]);
});

test('a consumer that leaves closes the connection', async () => {
  const open = Promise.withResolvers<ServerResponse>();
  server.script(
    stream((r) => {
      r.write(eventLine('ADDED', thing('a', 1)));
      open.resolve(r);
    }),
  );
  for await (const _ of client.watch(Things, {})) break;
  await closed(await open.promise);
});

test('a consumer that is slow stops the server instead of filling memory', async () => {
  const line = eventLine('ADDED', thing('a', 1, { data: 'x'.repeat(10_000) }));
  let written = 0;
  const total = 5000;
  server.script(
    stream(async (r) => {
      for (; written < total; written++) {
        if (!r.write(line)) await new Promise((next) => r.once('drain', next));
      }
      r.end();
    }),
  );
  const events = client.watch(Things, {})[Symbol.asyncIterator]();
  await events.next();
  let before = -1;
  // The pipe is full when nothing has moved for a while.
  while (before !== written) {
    before = written;
    await new Promise((r) => setTimeout(r, 100));
  }
  expect(written).toBeLessThan(total / 2);
  let count = 1;
  while (!(await events.next()).done) count++;
  expect(count).toBe(total);
});

test('silence: with bookmarks a dead peer is found, and events push the time out', async () => {
  const open = Promise.withResolvers<ServerResponse>();
  const line = eventLine('ADDED', thing('a', 1));
  server.script(stream((r) => r.write(line, () => open.resolve(r))));
  const seen: unknown[] = [];
  let failure: unknown;
  const run = (async () => {
    for await (const e of client.watch(Things, { allowWatchBookmarks: true })) seen.push(e);
  })().catch((e: unknown) => {
    failure = e;
  });
  const response = await open.promise;
  const over = closed(response);
  await until(() => seen.length === 1);
  await clock.advance(50_000);
  response.write(line);
  await until(() => seen.length === 2);
  await clock.advance(59_000);
  expect(failure).toBeUndefined();
  await clock.advance(1000);
  await run;
  expect(failure).toMatchObject({
    name: 'ConnectionError',
    message: expect.stringContaining('no event and no bookmark'),
  });
  await over;
});

test('a server that never begins to answer is given up', async () => {
  server.script(() => {});
  const run = collect(client.watch(Things, {}));
  run.catch(() => {});
  await until(() => server.seen.length === 1);
  await clock.advance(30_000);
  await expect(run).rejects.toThrow('no answer for 30000 ms');
});

test('watches do not wait for one another', async () => {
  let open = 0;
  server.script(stream((r) => r.write(eventLine('ADDED', thing('a', ++open)))));
  const all = Array.from({ length: 30 }, () => client.watch(Things, {})[Symbol.asyncIterator]());
  const first = await Promise.all(all.map((i) => i.next()));
  expect(first.every((r) => !r.done)).toBe(true);
  expect(open).toBe(30);
  await Promise.all(all.map((i) => Promise.resolve(i.return?.())));
});
