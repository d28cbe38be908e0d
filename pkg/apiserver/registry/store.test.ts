import { expect, onTestFinished, test, vi } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { MemoryStorage } from '#storage/memory/memory.ts';
import type { ResourceCache } from '../cache/types.ts';
import { encodingOf } from './encoding.ts';
import { makeResource } from './resource.ts';
import { type Change, type Encoded, ObjectStore } from './store.ts';

type Held = Stored<KubeObject> & { data: { v: string } };
const kind = ConfigMaps as never;

/** A store of ConfigMaps before a cache that lags behind until it is asked to catch up. */
function setUp() {
  const storage = new MemoryStorage(systemClock);
  const held: { shown?: unknown; catchUp: () => Promise<void> } = { catchUp: async () => {} };
  const cache = { get: () => held.shown, consistent: () => held.catchUp() } as unknown as ResourceCache;
  const store = new ObjectStore(makeResource(kind, cache, encodingOf(kind)), storage);
  const map = (v: string): KubeObject => ({ metadata: { name: 'm', namespace: 'n' }, data: { v } }) as KubeObject;
  const set =
    (v: string) =>
    (current: Stored<KubeObject>): Change =>
      (current as Held).data.v === v ? { do: 'nothing' } : { do: 'write', object: map(v) };
  const show = (o: Encoded): void => {
    held.shown = { ...o, key: 'n/m', revision: Number(o.object.metadata.resourceVersion) };
  };
  return { store, held, map, set, show };
}

test.each(['catches up', 'never answers'])(
  'what a lagging cache shows as wanted already is written if another server has changed it: it %s',
  async (how) => {
    const { store, held, map, set, show } = setUp();
    const first = await store.create('n/m', 'm', map('1'));
    show(first);
    const idle = await store.change('n/m', 'm', set('1'));
    expect(idle.object.metadata.resourceVersion).toBe(first.object.metadata.resourceVersion);

    const second = await store.change('n/m', 'm', set('2'));
    held.catchUp = async () => {
      if (how === 'never answers') throw errors.unavailable('etcd is not answering');
      show(second);
    };
    const back = await store.change('n/m', 'm', set('1'));
    expect((back.object as Held).data.v).toBe('1');
    expect(((await store.read('n/m', 'm')).object as Held).data.v).toBe('1');
  },
);

test('a write that changes nothing of what the cache shows reads no object from etcd', async () => {
  const { store, held, map, set, show } = setUp();
  show(await store.create('n/m', 'm', map('1')));
  const asked: string[] = [];
  held.catchUp = async () => void asked.push('cache');
  const read = vi.spyOn(MemoryStorage.prototype, 'get');
  onTestFinished(() => read.mockRestore());
  await store.change('n/m', 'm', set('1'));
  expect(asked).toEqual(['cache']);
  expect(read).not.toHaveBeenCalled();
});

test('what is no object is said to be none, with its place in etcd', async () => {
  const { store } = setUp();
  const get = vi.spyOn(MemoryStorage.prototype, 'get');
  onTestFinished(() => get.mockRestore());
  get.mockResolvedValue({
    key: '/registry/core/configmaps/n/m',
    value: Buffer.from('{"a"1}'),
    modRevision: 7,
  } as never);
  await expect(store.read('n/m', 'm')).rejects.toThrow(
    /^Internal error occurred: the value of "\/registry\/core\/configmaps\/n\/m" in etcd \(revision 7\) is no object: /,
  );
});
