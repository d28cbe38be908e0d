import { expect, test } from 'vitest';
import { memoryStorage } from '#storage/memory/memory.ts';
import { portLedger } from './ledgers.ts';
import { Reservations } from './reservations.ts';

test.each(['before', 'after'])('what its holder gives back right %s somebody looks at it is theirs', async (when) => {
  const storage = memoryStorage();
  const reservations = new Reservations(storage, portLedger, '/registry/core/services/');
  const held = await reservations.take('30000', 'ns/gone');
  expect(await reservations.take('30000', 'ns/next')).toBeUndefined();
  const key = `${portLedger.prefix}30000`;
  const get = storage.get.bind(storage);
  storage.get = async (asked) => {
    const before = when === 'after' ? await get(asked) : undefined;
    storage.get = get;
    await storage.delete(key, held ?? 0);
    return before;
  };
  expect(await reservations.takeOver('30000', 'ns/next')).toBe(true);
  expect((await get(key))?.value.toString()).toBe('ns/next');
  expect(await reservations.takeOver('30000', 'ns/third')).toBe(true);
});
