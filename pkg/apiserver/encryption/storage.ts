import { errors } from '#api/meta/errors.ts';
import type {
  KeyValue,
  ListOptions,
  ListResult,
  Storage,
  StorageEvent,
  Watch,
  WatchOptions,
  WriteOptions,
} from '#storage/storage.ts';
import { type EncryptionRule, matchesResource } from './config.ts';
import { ENCRYPTED, type Provider } from './providers.ts';

const ROOT = '/registry/';
const MARK = ENCRYPTED[0];

const beginsWith = (value: Buffer, prefix: Buffer): boolean => value.subarray(0, prefix.length).equals(prefix);

/** "/registry/<group>/<plural>" of a key; undefined for keys of no resource. */
function resourceOf(key: string): string | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const group = key.indexOf('/', ROOT.length);
  const plural = group < 0 ? -1 : key.indexOf('/', group + 1);
  return plural < 0 ? undefined : key.slice(0, plural);
}

/**
 * A Storage in which the values of some resources are encrypted. Those of others pass through; telling them apart costs
 * one look into a table for a write, and one at the first byte for a read.
 */
export class EncryptedStorage implements Storage {
  readonly #inner: Storage;
  #rules: readonly EncryptionRule[];
  #providers = new Map<string, readonly Provider[] | undefined>();
  readonly #listeners: (() => void)[] = [];

  constructor(inner: Storage, rules: readonly EncryptionRule[]) {
    this.#inner = inner;
    this.#rules = rules;
  }

  /** From now on writes follow these rules, and reads too. */
  use(rules: readonly EncryptionRule[]): void {
    this.#rules = rules;
    this.#providers = new Map();
    for (const l of this.#listeners) l();
  }

  onOtherKeys(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Those of the first rule that means the key's resource. */
  #providersOf(key: string): readonly Provider[] | undefined {
    const resource = resourceOf(key);
    if (resource === undefined) return undefined;
    if (this.#providers.has(resource)) return this.#providers.get(resource);
    const [group = '', plural = ''] = resource.slice(ROOT.length).split('/');
    const api = group === 'core' ? '' : group;
    const rule = this.#rules.find((r) => r.resources.some((p) => matchesResource(p, api, plural)));
    this.#providers.set(resource, rule?.providers);
    return rule?.providers;
  }

  #sealed(key: string, value: Buffer): Buffer {
    return this.#providersOf(key)?.[0]?.encrypt(value, key) ?? value;
  }

  /** @throws StatusError 500 as kube-apiserver words it */
  #opened(key: string, value: Buffer): Buffer {
    const providers = this.#providersOf(key);
    if (!providers && value[0] !== MARK) return value;
    let failure: string | undefined;
    for (const p of providers ?? []) {
      if (!beginsWith(value, p.prefix)) continue;
      try {
        return p.decrypt(value, key);
      } catch (e) {
        // That a cipher is not plain text says nothing of why it cannot be read.
        if (p.prefix.length > 0) failure = (e as Error).message;
      }
    }
    const relative = providers?.find(({ family }) => family && beginsWith(value, family.prefix));
    const why = failure ?? relative?.family?.noKey ?? 'no matching prefix found';
    throw errors.internal(`unable to transform key "${key}": ${why}`);
  }

  #read(kv: KeyValue): KeyValue {
    const value = this.#opened(kv.key, kv.value);
    return value === kv.value ? kv : { ...kv, value };
  }

  /** What cannot be read stays as it is: the cache reports it, and shows the rest. */
  #readable(kv: KeyValue): KeyValue {
    try {
      return this.#read(kv);
    } catch {
      return kv;
    }
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const kv = await this.#inner.get(key);
    return kv && this.#read(kv);
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    const result = await this.#inner.list(prefix, options);
    return { ...result, items: result.items.map((kv) => this.#readable(kv)) };
  }

  create(key: string, value: Buffer, options?: WriteOptions): Promise<number> {
    return this.#inner.create(key, this.#sealed(key, value), options);
  }

  update(key: string, value: Buffer, expectedModRevision: number, options?: WriteOptions): Promise<number> {
    return this.#inner.update(key, this.#sealed(key, value), expectedModRevision, options);
  }

  delete(key: string, expectedModRevision: number): Promise<number> {
    return this.#inner.delete(key, expectedModRevision);
  }

  put(key: string, value: Buffer): Promise<number> {
    return this.#inner.put(key, value);
  }

  watch(prefix: string, fromRevision: number, options: WatchOptions): Watch {
    const opened = (e: StorageEvent): StorageEvent => {
      const { value } = e.type === 'put' ? this.#readable(e) : e;
      const previous = e.previous && this.#readable(e.previous);
      return value === e.value && previous === e.previous ? e : { ...e, value, ...(previous ? { previous } : {}) };
    };
    return this.#inner.watch(prefix, fromRevision, {
      ...options,
      onEvents: (events) => options.onEvents(events.map(opened)),
    });
  }

  mayBeOutdated(key: string): boolean {
    return this.#providersOf(key) !== undefined;
  }

  async outdated(key: string): Promise<boolean> {
    const first = this.#providersOf(key)?.[0];
    const kv = first && (await this.#inner.get(key));
    if (!first || !kv) return false;
    const plain = first.prefix.length === 0;
    return plain ? kv.value[0] === MARK : !kv.value.subarray(0, first.prefix.length).equals(first.prefix);
  }

  currentRevision(): Promise<number> {
    return this.#inner.currentRevision();
  }

  compact(revision: number): Promise<void> {
    return this.#inner.compact(revision);
  }

  health(timeoutMs: number): Promise<void> {
    return this.#inner.health(timeoutMs);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
