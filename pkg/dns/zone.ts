import { type RecordData, TYPE } from './wire.ts';

/** Records that belong to one owner (a Service), by name from the zone: "web.default.svc". */
export type OwnedRecords = ReadonlyMap<string, readonly RecordData[]>;

/** A name that exists: with its records, which may be none (an empty non-terminal, RFC 8020 section 2). */
export type Found = readonly RecordData[] | undefined;

const EMPTY: readonly RecordData[] = [];

/**
 * Names with their records. Several owners may hold records of one name; each owner's records are replaced as a whole.
 */
export class Zone {
  readonly #names = new Map<string, Map<string, readonly RecordData[]>>();
  readonly #owned = new Map<string, OwnedRecords>();
  /** How many names lie below a name: one with some exists even without records of its own. */
  readonly #below = new Map<string, number>();

  /** Names with records. */
  get size(): number {
    return this.#names.size;
  }

  /** Replaces what `owner` holds; an empty map removes it. */
  set(owner: string, records: OwnedRecords): void {
    const before = this.#owned.get(owner);
    for (const name of before?.keys() ?? []) if (!records.has(name)) this.#remove(owner, name);
    for (const [name, data] of records) this.#put(owner, name, data);
    if (records.size > 0) this.#owned.set(owner, records);
    else this.#owned.delete(owner);
  }

  #put(owner: string, name: string, data: readonly RecordData[]): void {
    let owners = this.#names.get(name);
    if (!owners) {
      owners = new Map();
      this.#names.set(name, owners);
      this.#count(name, 1);
    }
    owners.set(owner, data);
  }

  #remove(owner: string, name: string): void {
    const owners = this.#names.get(name);
    if (!owners?.delete(owner) || owners.size > 0) return;
    this.#names.delete(name);
    this.#count(name, -1);
  }

  #count(name: string, by: 1 | -1): void {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const parent = name.slice(dot + 1);
      const n = (this.#below.get(parent) ?? 0) + by;
      if (n > 0) this.#below.set(parent, n);
      else this.#below.delete(parent);
    }
  }

  /** @returns all records of a name that exists, undefined for one that does not. */
  find(name: string): Found {
    const owners = this.#names.get(name);
    if (!owners) return this.#below.has(name) ? EMPTY : undefined;
    if (owners.size === 1) for (const data of owners.values()) return data;
    return [...owners.values()].flat();
  }
}

/** Those of the asked type; a CNAME answers for every type (RFC 1034 section 3.6.2). */
export const ofType = (records: readonly RecordData[], type: number): readonly RecordData[] =>
  records.filter((r) => r.type === type || r.type === TYPE.CNAME || type === TYPE.ANY);
