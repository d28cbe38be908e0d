import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { IPAddresses, Services } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import type { Storage } from '#storage/storage.ts';
import type { CacheEvent, WatchSink } from '../cache/types.ts';
import { encodingOf } from '../registry/encoding.ts';
import { type ResourceTable, storagePrefix } from '../registry/resource.ts';
import { AddressKeeper } from './address-keeper.ts';
import { ServiceAllocator } from './allocator.ts';

const FORMER = '/registry/ranges/serviceips/';
const service = (name: string, ...clusterIPs: string[]) =>
  ({ metadata: { namespace: 'ns', name }, spec: { clusterIPs } }) as KubeObject;

let storage: Storage;
let keeper: AddressKeeper;
let end: AbortController;
/** What the caches know. */
let objects: Map<string, KubeObject>;
let sinks: Map<string, WatchSink>;

beforeEach(() => {
  storage = memoryStorage();
  end = new AbortController();
  objects = new Map();
  sinks = new Map();
  const of = (kind: Kind) => {
    const prefix = storagePrefix(kind);
    const entries = () => [...objects].filter(([key]) => key.startsWith(prefix));
    const cache = {
      revision: 1,
      list: () => entries().map(([key, object]) => ({ key: key.slice(prefix.length), object })),
      get: (key: string) => objects.get(prefix + key),
      watch: (_: number, sink: WatchSink) => {
        sinks.set(kind.plural, sink);
        return () => {};
      },
    };
    return { prefix, encoding: encodingOf(kind), cache };
  };
  const resources = { of } as unknown as ResourceTable;
  const clock = systemClock;
  const options = { serviceCidrs: ['10.96.0.0/24'], nodePorts: { first: 30_000, count: 9 }, clock };
  const { addresses, ranges } = new ServiceAllocator(storage, resources, options);
  const logger = { warn: () => {} } as never;
  keeper = new AddressKeeper({ storage, resources, addresses, ranges, defaultCidr: {} as never, clock, logger });
});
afterEach(() => end.abort());

const prefixOf = (kind: Kind) => storagePrefix(kind);
const made = async () => {
  const prefix = prefixOf(IPAddresses as never);
  const { items } = await storage.list(prefix);
  return items.map(({ key, value }) => {
    const { spec } = JSON.parse(value.toString()) as { spec: { parentRef: { name: string } } };
    return `${key.slice(prefix.length)} ${spec.parentRef.name}`;
  });
};
async function store(name: string, ...ips: string[]): Promise<void> {
  const key = `${prefixOf(Services as never)}ns/${name}`;
  objects.set(key, service(name, ...ips));
  await storage.put(key, Buffer.from('x'));
}
const tell = (plural: string, type: CacheEvent['type'], key: string, object: KubeObject = {}) =>
  sinks.get(plural)?.event({ type, entry: { key, object } } as CacheEvent);

test('what an older version wrote down becomes IPAddresses of the Services that are there', async () => {
  for (let i = 1; i <= 40; i++) {
    await store(`s${i}`, `10.96.0.${i}`);
    await storage.create(`${FORMER}10.96.0.${i}`, Buffer.from(`ns/s${i}`));
  }
  await storage.create(`${FORMER}10.96.0.99`, Buffer.from('ns/gone'));
  await keeper.start(end.signal);
  expect((await made()).sort()).toEqual(Array.from({ length: 40 }, (_, i) => `10.96.0.${i + 1} s${i + 1}`).sort());
  expect((await storage.list(FORMER)).items).toEqual([]);
});

test('a Service without one, and one whose IPAddress is deleted, get it; one that gave it up does not', async () => {
  await keeper.start(end.signal);
  await store('web', '10.96.0.7', 'fd00::7');
  tell('services', 'ADDED', 'ns/web', service('web', '10.96.0.7', 'fd00::7'));
  await vi.waitFor(async () => expect(await made()).toEqual(['10.96.0.7 web', 'fd00::7 web']), { timeout: 30_000 });
  for (const { key, modRevision } of (await storage.list(prefixOf(IPAddresses as never))).items) {
    await storage.delete(key, modRevision);
  }
  tell('services', 'MODIFIED', 'ns/web', service('web', '10.96.0.8'));
  for (const ip of ['10.96.0.7', 'fd00::7', '10.96.0.8']) tell('ipaddresses', 'DELETED', ip);
  await vi.waitFor(async () => expect(await made()).toEqual(['10.96.0.8 web']), { timeout: 30_000 });
});
