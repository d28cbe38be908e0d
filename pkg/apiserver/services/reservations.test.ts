import { expect, test, vi } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { portLedger } from './ledgers.ts';
import { Reservations } from './reservations.ts';

const SERVICES = '/registry/core/services/';

test.each(['before', 'after'])('what its holder gives back right %s somebody looks at it is theirs', async (when) => {
  const storage = memoryStorage();
  const reservations = new Reservations(storage, portLedger, SERVICES, systemClock);
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

test('what a Service gave up is not taken from one that was made under its name since', async () => {
  const storage = memoryStorage();
  const reservations = new Reservations(storage, portLedger, SERVICES, systemClock);
  const key = `${portLedger.prefix}30000`;
  await reservations.take('30000', 'ns/web');
  const deleted = await storage.put('/registry/other', Buffer.alloc(0));
  expect(await reservations.takeOver('30000', 'ns/web')).toBe(true);
  await reservations.giveBack('30000', 'ns/web', deleted);
  expect((await storage.get(key))?.value.toString()).toBe('ns/web');
  await reservations.giveBack('30000', 'ns/web', await storage.currentRevision());
  expect(await storage.get(key)).toBeUndefined();
});

test('a Service that is about to be stored keeps what was reserved for it', async () => {
  const storage = memoryStorage();
  const clock = new FakeClock();
  const reservations = new Reservations(storage, portLedger, SERVICES, clock);
  await reservations.take('30000', 'ns/first');
  const other = reservations.takeOver('30000', 'ns/second');
  await vi.waitFor(() => expect(clock.pending).toBe(1), { timeout: 30_000 });
  await storage.create(`${SERVICES}ns/first`, Buffer.from('x'));
  await clock.advance(60_000);
  expect(await other).toBe(false);
  expect((await storage.get(`${portLedger.prefix}30000`))?.value.toString()).toBe('ns/first');
});
