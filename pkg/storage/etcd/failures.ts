import { StorageError } from '../storage.ts';

/**
 * What a failed call means. `transient`: another try, perhaps on another member, may succeed; whether a write took
 * effect is unknown. `leaseGone`: the shared lease expired, a new one is needed. Otherwise a final StorageError.
 */
export type Failure = 'transient' | 'leaseGone' | StorageError;

/** etcd's own words, which are all that tells its errors apart. */
const FINAL: readonly (readonly [string, StorageError['kind'], string])[] = [
  ['required revision has been compacted', 'compacted', 'the revision is compacted'],
  ['required revision is a future revision', 'unavailable', 'the revision is in the future'],
  ['database space exceeded', 'noSpace', 'the database has reached its quota'],
  ['request is too large', 'tooLarge', 'the value is larger than etcd accepts'],
  ['larger than max', 'tooLarge', 'the value is larger than etcd accepts'],
  ['permission denied', 'unavailable', 'etcd refuses this client'],
];

export function classify(e: unknown): Failure {
  if (e instanceof StorageError) return e;
  const message = e instanceof Error ? e.message : String(e);
  if (message.includes('requested lease not found')) return 'leaseGone';
  for (const [words, kind, text] of FINAL) {
    if (message.includes(words)) return new StorageError(kind, text, { cause: e });
  }
  return 'transient';
}

/** The failure in a form fit for a log line: gRPC adds noise that hides the reason. */
export const brief = (e: unknown): string =>
  (e instanceof Error ? e.message : String(e)).replaceAll(/\s+/g, ' ').slice(0, 300);
