import { type ReachOptions, reach } from '#process/reachable.ts';
import type { Storage } from './storage.ts';

export interface StorageReachableOptions extends Omit<ReachOptions, 'name' | 'at' | 'pauseMs' | 'reason'> {
  readonly storage: Storage;
  /** For the sentence. */
  readonly endpoints: string;
}

const TRY_MS = 5000;
const PAUSE_MS = 500;

/**
 * Waits until the store answers a read that needs its majority.
 * @throws UserError in one sentence when it does not in time; the signal's reason on abort.
 */
export function requireStorage({ storage, endpoints, ...o }: StorageReachableOptions): Promise<void> {
  return reach({ ...o, name: 'etcd', at: endpoints, pauseMs: PAUSE_MS }, () => storage.health(TRY_MS));
}
