import { expect, onTestFinished, test, vi } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps } from '#api/kinds/index.ts';
import type { StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { encodingOf } from '../registry/encoding.ts';
import { followCache } from './follow.ts';
import { RegistryCache } from './registry-cache.ts';

const PREFIX = '/registry/core/configmaps/';
const encoding = encodingOf(ConfigMaps as unknown as Kind);
const stored = (name: string): Buffer =>
  encoding.encode({ metadata: { name, namespace: 'ns' }, data: { x: 'y' } } as KubeObject);
/** Begins and ends like an object. */
const broken = (name: string): Buffer => Buffer.from(stored(name).toString().replace('"x":', '"x"'));

function bed() {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  const cache = new RegistryCache({ clock, logger: silentLogger, storage });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const maps = cache.resource({ group: '', plural: 'configmaps', apiVersion: 'v1', kind: 'ConfigMap', encoding });
  return { clock, storage, maps, stop, start: () => cache.start(stop.signal) };
}
const SECOND = 1000;
const eventually = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 60_000 });

test('what is broken inside is found soon, named, and left out until it is mended', async () => {
  const { clock, storage, maps, start } = bed();
  await storage.create(`${PREFIX}ns/a`, stored('a'));
  await start();
  const bad = await storage.create(`${PREFIX}ns/b`, broken('b'));
  await eventually(() => expect(maps.list('')).toHaveLength(2));
  expect(() => maps.get('ns/b')?.object).toThrow(`ns/b at revision ${bad} is no object: `);
  let ended: StatusError | undefined;
  maps.watch(maps.revision, {
    event: () => {},
    end: (e) => {
      ended = e;
    },
  });

  await clock.advance(SECOND);
  await eventually(() => expect(maps.list('').map((e) => e.key)).toEqual(['ns/a']));
  expect(maps.isUnreadable('ns/b')).toBe(true);
  expect(maps.isUnreadable('ns/a')).toBe(false);
  // Whoever saw it lists anew.
  expect(ended?.code).toBe(410);

  await storage.update(`${PREFIX}ns/b`, stored('b'), bad);
  await eventually(() => expect(maps.get('ns/b')?.object.metadata.name).toBe('b'));
  expect(maps.isUnreadable('ns/b')).toBe(false);
});

test('each object is looked into once, a few at a time', async () => {
  const { clock, storage, maps, start } = bed();
  for (let i = 0; i < 120; i++) await storage.create(`${PREFIX}ns/m${i}`, stored(`m${i}`));
  const parse = vi.spyOn(JSON, 'parse');
  onTestFinished(() => parse.mockRestore());
  await start();
  const looked: number[] = [];
  for (let i = 0; i < 5; i++) {
    parse.mockClear();
    await clock.advance(SECOND);
    looked.push(parse.mock.calls.length);
  }
  expect(looked).toEqual([50, 50, 20, 0, 0]);
  expect(maps.size).toBe(120);
});

test('who follows a cache comes back for what a broken object kept from it', async () => {
  const { clock, storage, maps, stop, start } = bed();
  await storage.create(`${PREFIX}ns/a`, broken('a'));
  await storage.create(`${PREFIX}ns/b`, stored('b'));
  await start();
  await eventually(() => expect(maps.size).toBe(2));
  const seen: (string | undefined)[] = [];
  const changed = (o: Stored<KubeObject>): void => void seen.push(o.metadata.name);
  followCache(maps, { changed }, { clock, signal: stop.signal });
  expect(seen).toEqual([]);
  await eventually(async () => {
    await clock.advance(SECOND);
    expect(seen).toEqual(['b']);
  });
});
