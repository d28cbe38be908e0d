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

/** For unit tests: recorders that write into `told` what they are told, as "name type reason: message". */
export const fakeEvents =
  (told: string[]): ControllerDeps['events'] =>
  () => ({
    event: ({ metadata }, type, reason, message) => void told.push(`${metadata?.name} ${type} ${reason}: ${message}`),
    flush: () => Promise.resolve(),
  });
