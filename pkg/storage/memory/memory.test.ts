import { FakeClock } from '#async/fake-clock.ts';
import { storageConformance } from '../conformance.ts';
import { memoryStorage } from './memory.ts';

storageConformance('memory', async () => {
  const clock = new FakeClock();
  return { storage: memoryStorage(clock), expire: (seconds) => clock.advance(seconds * 1000) };
});
