import { expect, test } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { MemoryStorage } from '#storage/memory/memory.ts';
import type { ResourceCache } from '../cache/types.ts';
import { encodingOf } from './encoding.ts';
import { makeResource } from './resource.ts';
import { type Change, ObjectStore } from './store.ts';

type Held = Stored<KubeObject> & { data: { v: string } };
const kind = ConfigMaps as never;

test('what a lagging cache shows as wanted already is written if another server has changed it', async () => {
  const storage = new MemoryStorage(systemClock);
  let cached: unknown;
  const cache = { get: () => cached } as unknown as ResourceCache;
  const store = new ObjectStore(makeResource(kind, cache, encodingOf(kind)), storage);
  const map = (v: string): KubeObject => ({ metadata: { name: 'm', namespace: 'n' }, data: { v } }) as KubeObject;
  const set =
    (v: string) =>
    (current: Stored<KubeObject>): Change =>
      (current as Held).data.v === v ? { do: 'nothing' } : { do: 'write', object: map(v) };

  const first = await store.create('n/m', 'm', map('1'));
  cached = { ...first, key: 'n/m', revision: Number(first.object.metadata.resourceVersion) };
  const idle = await store.change('n/m', 'm', set('1'));
  expect(idle.object.metadata.resourceVersion).toBe(first.object.metadata.resourceVersion);

  await store.change('n/m', 'm', set('2'));
  const back = await store.change('n/m', 'm', set('1'));
  expect((back.object as Held).data.v).toBe('1');
  expect(((await store.read('n/m', 'm')).object as Held).data.v).toBe('1');
});
