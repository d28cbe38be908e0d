import { type KeyValue, StorageError } from '../storage.ts';
import type { Caller } from './calls.ts';
import type { GuardedRequest } from './messages.ts';

/** A guarded write and its key in words. */
export interface GuardedWrite extends GuardedRequest {
  readonly key: string;
  readonly value?: Buffer;
}

/** How many later changes of a key are looked through to find the fate of our write. */
const MAX_STEPS_BACK = 32;

/**
 * Performs the write exactly once or says why not. When the answer to an attempt is lost, the same transaction is sent
 * again: its guard makes a second effect impossible. If the guard then fails, the history of the key tells whether the
 * lost attempt was what changed it.
 * @returns the revision of the write.
 */
export async function guardedWrite(caller: Caller, w: GuardedWrite): Promise<number> {
  let unsure = false;
  const { succeeded, revision, current } = await caller.run((member, deadline, retried) => {
    unsure = retried;
    return member.guarded(w, deadline);
  });
  if (succeeded) return revision;
  if (unsure) {
    const ours = await lostWrite(caller, w, current, revision);
    if (ours !== undefined) return ours;
  }
  throw refusal(w, current);
}

function refusal(w: GuardedWrite, current: KeyValue | undefined): StorageError {
  if (w.expected === 0) return new StorageError('exists', `${w.key} exists`, current ? { current } : {});
  if (current) return new StorageError('conflict', `${w.key} was changed`, { current });
  return new StorageError('missing', `${w.key} does not exist`);
}

/** The revision at which an attempt of unknown outcome took effect, undefined if none did. */
async function lostWrite(
  caller: Caller,
  w: GuardedWrite,
  current: KeyValue | undefined,
  now: number,
): Promise<number | undefined> {
  if (!w.value) return lostDelete(w, current, now);
  // A write that was followed by a deletion counts as not made: the caller learns that the key is missing.
  if (!current) return undefined;
  return w.expected === 0 ? lostCreate(caller, w, current) : lostUpdate(caller, w, current);
}

/** Gone, or gone and made anew: what the deletion was to achieve was achieved, no matter by whom. */
function lostDelete(w: GuardedWrite, current: KeyValue | undefined, now: number): number | undefined {
  if (!current) return now;
  return current.createRevision > w.expected ? current.createRevision : undefined;
}

async function lostCreate(caller: Caller, w: GuardedWrite, current: KeyValue): Promise<number | undefined> {
  const untouched = current.modRevision === current.createRevision;
  const first = untouched ? current : await keyAt(caller, w, current.createRevision);
  return first && sameValue(w, first) ? first.modRevision : undefined;
}

/** The first change after the expected state is the one that could be ours. */
async function lostUpdate(caller: Caller, w: GuardedWrite, current: KeyValue): Promise<number | undefined> {
  let step = current;
  for (let i = 0; i < MAX_STEPS_BACK; i++) {
    const before = await keyAt(caller, w, step.modRevision - 1);
    if (!before || before.modRevision < w.expected) return undefined;
    if (before.modRevision === w.expected) return sameValue(w, step) ? step.modRevision : undefined;
    step = before;
  }
  throw outcomeUnknown(w);
}

const sameValue = (w: GuardedWrite, kv: KeyValue): boolean => w.value?.equals(kv.value) ?? false;

const outcomeUnknown = (w: GuardedWrite, cause?: unknown): StorageError =>
  new StorageError('unavailable', `whether ${w.key} was written could not be found out`, { cause });

/** The key as it was at a revision. @throws StorageError unavailable when that is compacted. */
async function keyAt(caller: Caller, w: GuardedWrite, revision: number): Promise<KeyValue | undefined> {
  try {
    const question = { key: w.keyBytes, revision };
    return (await caller.run((member, deadline) => member.range(question, deadline))).kvs[0];
  } catch (cause) {
    if (cause instanceof StorageError && cause.kind === 'compacted') throw outcomeUnknown(w, cause);
    throw cause;
  }
}
