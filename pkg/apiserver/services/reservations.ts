import type { Clock } from '#async/clock.ts';
import { isStorageError, type KeyValue, type Storage, StorageError } from '#storage/storage.ts';

/** How reservations of one sort lie in the store. */
export interface Ledger {
  /** An entry's key is this and what is reserved. */
  readonly prefix: string;
  /** @param owner "namespace/name" of a Service */
  encode(what: string, owner: string): Buffer;
  /** Undefined: it is none of ours. */
  ownerOf(value: Buffer): string | undefined;
}

/** How long the write of a Service normally takes, from its reservations on. */
const UNDER_WAY_MS = 500;

/**
 * What only one Service can have at a time: its entry is one key in etcd, so two API servers can never hand out the same
 * one: the second create fails. Entries name the Service, which lets the repair find those whose Service is gone.
 */
export class Reservations {
  readonly #storage: Storage;
  readonly #ledger: Ledger;
  readonly #services: string;
  readonly #clock: Clock;
  /** Entries that no Service used at the last repair, and their revisions. */
  #suspects = new Map<string, number>();

  /** @param services prefix of the Services in the store */
  constructor(storage: Storage, ledger: Ledger, services: string, clock: Clock) {
    this.#storage = storage;
    this.#ledger = ledger;
    this.#services = services;
    this.#clock = clock;
  }

  #key(what: string): string {
    return this.#ledger.prefix + what;
  }

  /** @returns the revision of the new entry; undefined when there is one. @throws StorageError */
  async take(what: string, owner: string): Promise<number | undefined> {
    try {
      return await this.#storage.create(this.#key(what), this.#ledger.encode(what, owner));
    } catch (e) {
      if (e instanceof StorageError && e.kind === 'exists') return undefined;
      throw e;
    }
  }

  /** An entry left by a write that died half-way, or by a deletion in progress, may be taken over. @returns whether it was */
  async takeOver(what: string, owner: string): Promise<boolean> {
    const held = await this.#storage.get(this.#key(what));
    const holder = held && this.#ledger.ownerOf(held.value);
    if (held && holder === undefined) return false;
    const kv = held && holder !== owner ? await this.#abandoned(held, holder ?? '') : held;
    if (kv === 'held') return false;
    // Given back in between.
    if (!kv) return (await this.take(what, owner)) !== undefined;
    try {
      // Its own one is written again so that a repair under way sees that it is wanted.
      if (holder === owner) await this.#storage.update(kv.key, kv.value, kv.modRevision);
      else {
        await this.#storage.delete(kv.key, kv.modRevision);
        await this.#storage.create(kv.key, this.#ledger.encode(what, owner));
      }
      return true;
    } catch (e) {
      return isStorageError(e, 'missing') && (await this.take(what, owner)) !== undefined;
    }
  }

  /**
   * The entry if its holder is gone: a Service that is being created reserves before it is stored, and must not lose what
   * it has. @returns 'held' when it is not abandoned; undefined when it was given back
   */
  async #abandoned({ key, modRevision }: KeyValue, holder: string): Promise<KeyValue | 'held' | undefined> {
    if (await this.#exists(holder)) return 'held';
    await this.#clock.sleep(UNDER_WAY_MS);
    const kv = await this.#storage.get(key);
    if (!kv) return undefined;
    return kv.modRevision !== modRevision || (await this.#exists(holder)) ? 'held' : kv;
  }

  async #exists(owner: string): Promise<boolean> {
    return (await this.#storage.get(this.#services + owner)) !== undefined;
  }

  /** Gives back what was taken at this revision. Best effort: what a crash leaves behind is taken over or repaired later. */
  async release(what: string, revision: number): Promise<void> {
    try {
      await this.#storage.delete(this.#key(what), revision);
    } catch (e) {
      if (!(e instanceof StorageError)) throw e;
    }
  }

  /**
   * Unless another has taken it over by now, be it a Service that was made anew under the same name. Never rejects.
   * @param since the revision at which the owner gave it up
   */
  async giveBack(what: string, owner: string, since: number): Promise<void> {
    try {
      const kv = await this.#storage.get(this.#key(what));
      if (!kv || kv.modRevision > since || this.#ledger.ownerOf(kv.value) !== owner) return;
      await this.release(what, kv.modRevision);
    } catch {
      // Nobody waits for this: what cannot be read or removed now, the repair finds.
    }
  }

  /** Makes an entry that is missing. @returns whether it was missing */
  async restore(what: string, owner: string): Promise<boolean> {
    // The cache may be behind: a Service that is gone needs nothing.
    return (await this.#exists(owner)) && (await this.take(what, owner)) !== undefined;
  }

  /**
   * Removes entries that no Service uses, and makes those that are missing, as after a restore. An entry may belong to a
   * write that is under way: it goes only if it was unused at the last call too.
   * @param used what Services have, and which of them. @returns how many were removed and made
   */
  async repair(used: ReadonlyMap<string, string>): Promise<number> {
    const { prefix } = this.#ledger;
    const suspects = new Map<string, number>();
    const present = new Set<string>();
    let changed = 0;
    for (const { key, value, modRevision } of (await this.#storage.list(prefix)).items) {
      const what = key.slice(prefix.length);
      present.add(what);
      if (used.has(what) || this.#ledger.ownerOf(value) === undefined) continue;
      if (this.#suspects.get(what) !== modRevision) suspects.set(what, modRevision);
      else {
        await this.release(what, modRevision);
        changed++;
      }
    }
    this.#suspects = suspects;
    for (const [what, owner] of used) if (!present.has(what) && (await this.restore(what, owner))) changed++;
    return changed;
  }
}
