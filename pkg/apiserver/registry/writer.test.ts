import { expect, test, vi } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { MemoryStorage } from '#storage/memory/memory.ts';
import { StorageError, type StorageErrorKind } from '#storage/storage.ts';
import { admissionChain } from '../admission/types.ts';
import type { ResourceCache } from '../cache/types.ts';
import { systemTarget } from '../system/target.ts';
import { encodingOf } from './encoding.ts';
import { makeResource } from './resource.ts';
import { Writer } from './writer.ts';

const kind = ConfigMaps as never;

test.each<[StorageErrorKind, number]>([
  ['exists', 1],
  // It may have been written nevertheless.
  ['unavailable', 0],
])('what was reserved for a creation that fails with "%s" is given back %i times', async (failure, times) => {
  const storage = new MemoryStorage(systemClock);
  vi.spyOn(storage, 'create').mockRejectedValue(new StorageError(failure, 'no'));
  const undo = vi.fn();
  const hooks = [{ resource: 'configmaps', before: async () => ({ undo }) }];
  const writer = new Writer({ storage, clock: systemClock, admission: admissionChain([]), hooks });
  const cache = { get: () => undefined } as unknown as ResourceCache;
  const target = systemTarget(makeResource(kind, cache, encodingOf(kind)), 'm', 'ns');
  await expect(writer.create(target, { metadata: { name: 'm' } })).rejects.toThrow();
  expect(undo).toHaveBeenCalledTimes(times);
});
