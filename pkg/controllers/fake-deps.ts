import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { NOW } from './fixtures.ts';
import type { ControllerDeps } from './harness/controller.ts';

/**
 * For unit tests: what a controller is built from.
 * @param known what the caches show: objects by kind, or caches that are told of changes
 * @param client those methods that are called
 */
export function fakeDeps(
  known: Readonly<Record<string, readonly object[]>> | FakeCaches,
  client: object,
  clock = new FakeClock(NOW),
): ControllerDeps {
  return {
    client: client as Client,
    informers: (known instanceof FakeCaches ? known : new FakeCaches(known)).factory,
    events: () => ({ event: () => {}, flush: () => Promise.resolve() }),
    clock,
    log: silentLogger,
  };
}
