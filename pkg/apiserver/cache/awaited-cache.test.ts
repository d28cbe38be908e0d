import { expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { AwaitedCache } from './awaited-cache.ts';
import { type CacheEvent, EventFrames, type ResourceCache, type WatchSink } from './types.ts';

// The second event comes while the first is being handed on, has just been, or was some turns ago.
test.each(Array.from({ length: 12 }, (_, i) => i))('an event %i turns after another is handed on', async (turns) => {
  let sink: WatchSink | undefined;
  const stored = {
    revision: 0,
    watch(_from: number, s: WatchSink) {
      sink = s;
      return () => {};
    },
  } as unknown as ResourceCache;
  const cache = new AwaitedCache(stored, async (objects) => objects);
  const seen: number[] = [];
  cache.watch(0, { event: (e) => void seen.push(e.revision), end: () => {} });
  const tell = (revision: number): void => {
    const object = { metadata: { name: `o${revision}` } } as Stored<KubeObject>;
    const entry = { key: `o${revision}`, revision, object, bytes: Buffer.alloc(0) };
    sink?.event({ type: 'ADDED', revision, entry, frames: new EventFrames() } satisfies CacheEvent);
  };
  tell(1);
  for (let i = 0; i < turns; i++) await Promise.resolve();
  tell(2);
  await new Promise(setImmediate);
  expect(seen).toEqual([1, 2]);
});
