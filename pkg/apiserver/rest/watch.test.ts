import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource } from '../registry/resource.ts';
import type { RequestContext } from '../request/context.ts';
import { parseRequestInfo } from '../request/info.ts';
import { HttpOutlet } from '../watch/outlet.ts';
import { WatcherSet } from '../watch/watcher.ts';
import { watchObjects } from './watch.ts';

const kind = ConfigMaps as unknown as Kind;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One object, and a client that writes down what it gets. */
async function bed() {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  await storage.create('/registry/core/configmaps/ns/a', Buffer.from('{"metadata":{"name":"a","namespace":"ns"}}'));
  const cache = new RegistryCache({ storage, clock, logger: silentLogger });
  const encoding = encodingOf(kind);
  const cached = cache.resource({ group: '', plural: 'configmaps', apiVersion: 'v1', kind: 'ConfigMap', encoding });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  await cache.start(stop.signal);
  const told: string[] = [];
  const response = Object.assign(new EventEmitter(), {
    ...{ socket: null, destroyed: false, writableLength: 0 },
    writeHead: () => told.push('head'),
    flushHeaders: () => {},
    write: (b: Buffer) => told.push(JSON.parse(b.toString()).type),
    end: () => {},
  });
  const ctx = {
    info: parseRequestInfo('GET', '/api/v1/namespaces/ns/configmaps', true),
    query: new URLSearchParams('resourceVersion=0'),
    headers: {},
  } as unknown as RequestContext;
  const watch = (seated: <T>(work: () => Promise<T>) => Promise<T>): Promise<void> => {
    const deps = { watchers: new WatcherSet(clock), clock, seated };
    return watchObjects(
      ctx,
      makeResource(kind, cached, encoding),
      new HttpOutlet(response as unknown as ServerResponse),
      deps,
    );
  };
  return { told, response, watch };
}

test('a watch has its seat until what it begins with is sent, and goes on without it', async () => {
  const { told, response, watch } = await bed();
  let over = false;
  const watching = watch(async (work) => {
    told.push('seat');
    const begun = await work();
    told.push('free');
    return begun;
  }).then(() => {
    over = true;
  });
  await settle();
  expect(told).toEqual(['seat', 'head', 'ADDED', 'free']);
  expect(over).toBe(false);
  response.emit('close');
  await watching;
});

test('a watch that gets no seat does not begin', async () => {
  const { told, watch } = await bed();
  const turnedAway = watch(() => Promise.reject(errors.tooManyRequests('later', 1)));
  await expect(turnedAway).rejects.toMatchObject({ status: { code: 429 } });
  expect(told).toEqual([]);
});
