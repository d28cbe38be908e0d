import { type Clock, systemClock, type Timer } from '#async/clock.ts';
import {
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Storage,
  StorageError,
  type StorageEvent,
  type Watch,
  type WatchOptions,
  type WriteOptions,
} from '../storage.ts';
import { MemoryWatch } from './watch.ts';

interface Version {
  readonly revision: number;
  /** Absent: deleted. */
  readonly kv?: KeyValue;
}

/** A Storage in memory, for unit tests: the same contract as etcd, nothing survives the process. */
export class MemoryStorage implements Storage {
  readonly #clock: Clock;
  readonly #keys = new Map<string, Version[]>();
  readonly #expiry = new Map<string, Timer>();
  readonly #watches = new Set<MemoryWatch>();
  #log: StorageEvent[] = [];
  #revision = 1;
  #compacted = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #current(key: string): KeyValue | undefined {
    return this.#keys.get(key)?.at(-1)?.kv;
  }

  /** Stands for the network: answers come later, and never from a closed store. */
  async #turn(): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new StorageError('unavailable', 'the store is closed');
  }

  #write(key: string, value: Buffer | undefined): number {
    const revision = ++this.#revision;
    const previous = this.#current(key);
    const createRevision = previous?.createRevision ?? revision;
    const kv = value && { key, value, modRevision: revision, createRevision };
    const versions = this.#keys.get(key);
    if (versions) versions.push({ revision, ...(kv ? { kv } : {}) });
    else this.#keys.set(key, [{ revision, ...(kv ? { kv } : {}) }]);
    const event: StorageEvent = {
      type: value ? 'put' : 'delete',
      key,
      value: value ?? Buffer.alloc(0),
      modRevision: revision,
      createRevision: value ? createRevision : 0,
      ...(previous ? { previous } : {}),
    };
    this.#log.push(event);
    for (const w of this.#watches) w.wake();
    return revision;
  }

  #expire(key: string, options: WriteOptions | undefined): void {
    this.#expiry.get(key)?.cancel();
    this.#expiry.delete(key);
    if (options?.ttlSeconds === undefined) return;
    const end = (): void => {
      this.#expiry.delete(key);
      if (this.#current(key)) this.#write(key, undefined);
    };
    this.#expiry.set(key, this.#clock.after(options.ttlSeconds * 1000, end, { unref: true }));
  }

  #expected(key: string, revision: number): void {
    const current = this.#current(key);
    if (!current) throw new StorageError('missing', `${key} does not exist`);
    if (current.modRevision !== revision) throw new StorageError('conflict', `${key} was changed`, { current });
  }

  async get(key: string): Promise<KeyValue | undefined> {
    await this.#turn();
    return this.#current(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    await this.#turn();
    const revision = options.revision ?? this.#revision;
    this.#checkHistory(revision);
    if (revision > this.#revision) throw new StorageError('unavailable', `revision ${revision} is in the future`);
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    const found: KeyValue[] = [];
    for (const [key, versions] of this.#keys) {
      if (!key.startsWith(prefix) || key <= after) continue;
      const kv = versions.findLast((v) => v.revision <= revision)?.kv;
      if (kv) found.push(kv);
    }
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    const items = found.slice(0, limit);
    const remaining = found.length - items.length;
    return { items, revision, more: remaining > 0, remaining };
  }

  #checkHistory(revision: number): void {
    if (revision >= this.#compacted) return;
    throw new StorageError('compacted', `revision ${revision} is compacted`, { compactRevision: this.#compacted });
  }

  async create(key: string, value: Buffer, options?: WriteOptions): Promise<number> {
    await this.#turn();
    const current = this.#current(key);
    if (current) throw new StorageError('exists', `${key} exists`, { current });
    this.#expire(key, options);
    return this.#write(key, value);
  }

  async update(key: string, value: Buffer, expected: number, options?: WriteOptions): Promise<number> {
    await this.#turn();
    this.#expected(key, expected);
    this.#expire(key, options);
    return this.#write(key, value);
  }

  async delete(key: string, expected: number): Promise<number> {
    await this.#turn();
    this.#expected(key, expected);
    this.#expire(key, undefined);
    return this.#write(key, undefined);
  }

  async put(key: string, value: Buffer): Promise<number> {
    await this.#turn();
    this.#expire(key, undefined);
    return this.#write(key, value);
  }

  watch(prefix: string, fromRevision: number, options: WatchOptions): Watch {
    const source = {
      compacted: () => this.#compacted,
      after: (revision: number): StorageEvent[] => {
        const first = this.#log.findLastIndex((e) => e.modRevision <= revision) + 1;
        const events = this.#log.slice(first).filter((e) => e.key.startsWith(prefix));
        return options.previous ? events : events.map(({ previous: _, ...e }) => e);
      },
      revision: () => this.#revision,
    };
    const watch = new MemoryWatch(source, fromRevision, options);
    this.#watches.add(watch);
    const forget = (): void => void this.#watches.delete(watch);
    watch.done.then(forget, forget);
    return watch;
  }

  async currentRevision(): Promise<number> {
    await this.#turn();
    return this.#revision;
  }

  async compact(revision: number): Promise<void> {
    await this.#turn();
    if (revision > this.#revision) throw new StorageError('unavailable', `revision ${revision} is in the future`);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    this.#log = this.#log.filter((e) => e.modRevision > revision);
    for (const [key, versions] of this.#keys) {
      const keep = versions.findLastIndex((v) => v.revision <= revision);
      if (keep > 0) versions.splice(0, keep);
      if (versions.length === 1 && !versions[0]?.kv && keep === 0) this.#keys.delete(key);
    }
    for (const w of this.#watches) w.wake();
  }

  async health(): Promise<void> {
    await this.#turn();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const t of this.#expiry.values()) t.cancel();
    this.#expiry.clear();
  }
}

/** A store for unit tests. */
export const memoryStorage = (clock: Clock = systemClock): Storage => new MemoryStorage(clock);
