import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import {
  isStorageError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  type Storage,
  type Watch,
  type WatchOptions,
  type WriteOptions,
} from '../storage.ts';
import { Caller } from './calls.ts';
import type { Endpoints } from './endpoints.ts';
import { classify } from './failures.ts';
import { prefixEnd } from './keys.ts';
import { Leases } from './leases.ts';
import { EtcdWatch } from './watch.ts';
import { guardedWrite } from './writes.ts';

/** Pages of a list without limit: large enough to be few, small enough not to stall etcd. */
const PAGE = 1000;
const NO_LEASE = 0n;
/** No such key; only the answer's header matters. */
const PROBE = Buffer.from('/registry/');

export interface EtcdDeps {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Storage in an etcd cluster. Reads are retried, writes take effect at most once (writes.ts). */
export class EtcdStorage implements Storage {
  readonly #deps: EtcdDeps;
  readonly #caller: Caller;
  readonly #leases: Leases;
  readonly #closing = new AbortController();

  constructor(deps: EtcdDeps) {
    this.#deps = deps;
    this.#caller = new Caller(deps.endpoints, deps.clock);
    this.#leases = new Leases(this.#caller, deps.clock);
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const request = { key: Buffer.from(key) };
    const answer = await this.#caller.run((member, deadline) => member.range(request, deadline));
    return answer.kvs[0];
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    if (options.limit !== undefined) return this.#page(prefix, options);
    const items: KeyValue[] = [];
    let { after, revision } = options;
    for (;;) {
      const page = await this.#page(prefix, {
        limit: PAGE,
        ...(after === undefined ? {} : { after }),
        ...(revision === undefined ? {} : { revision }),
      });
      if (!page.more && items.length === 0) return page;
      for (const kv of page.items) items.push(kv);
      if (!page.more) return { ...page, items };
      revision = page.revision;
      after = page.items.at(-1)?.key;
    }
  }

  async #page(prefix: string, { limit = 0, after, revision = 0 }: ListOptions): Promise<ListResult> {
    const request = {
      key: Buffer.from(after === undefined ? prefix : `${after}\0`),
      rangeEnd: prefixEnd(prefix),
      limit,
      revision,
    };
    const answer = await this.#caller.run((member, deadline) => member.range(request, deadline));
    return {
      items: answer.kvs,
      revision: revision || answer.revision,
      more: answer.more,
      remaining: answer.count - answer.kvs.length,
    };
  }

  create(key: string, value: Buffer, options?: WriteOptions): Promise<number> {
    return this.#write({ key, keyBytes: Buffer.from(key), value, expected: 0 }, options);
  }

  update(key: string, value: Buffer, expectedModRevision: number, options?: WriteOptions): Promise<number> {
    return this.#write({ key, keyBytes: Buffer.from(key), value, expected: expectedModRevision }, options);
  }

  delete(key: string, expectedModRevision: number): Promise<number> {
    const keyBytes = Buffer.from(key);
    return guardedWrite(this.#caller, { key, keyBytes, expected: expectedModRevision, lease: NO_LEASE });
  }

  async #write(
    write: { key: string; keyBytes: Buffer; value: Buffer; expected: number },
    options: WriteOptions | undefined,
  ): Promise<number> {
    const ttl = options?.ttlSeconds;
    if (ttl === undefined) return guardedWrite(this.#caller, { ...write, lease: NO_LEASE });
    try {
      return await guardedWrite(this.#caller, { ...write, lease: await this.#leases.idFor(ttl) });
    } catch (e) {
      if (classify(e) !== 'leaseGone') throw e;
      this.#leases.forget(ttl);
      return guardedWrite(this.#caller, { ...write, lease: await this.#leases.idFor(ttl) });
    }
  }

  put(key: string, value: Buffer): Promise<number> {
    const keyBytes = Buffer.from(key);
    return this.#caller.run((member, deadline) => member.put(keyBytes, value, deadline));
  }

  watch(prefix: string, fromRevision: number, options: WatchOptions): Watch {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    return new EtcdWatch(this.#deps, { ...options, prefix, fromRevision, signal });
  }

  currentRevision(): Promise<number> {
    return this.#probe();
  }

  async #probe(budgetMs?: number): Promise<number> {
    const question = { key: PROBE, countOnly: true };
    const answer = await this.#caller.run((member, deadline) => member.range(question, deadline), budgetMs);
    return answer.revision;
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#caller.run((member, deadline) => member.compact(revision, deadline));
    } catch (e) {
      if (!isStorageError(e, 'compacted')) throw e;
    }
  }

  async health(timeoutMs: number): Promise<void> {
    await this.#probe(timeoutMs);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#caller.close();
    this.#deps.endpoints.close();
  }
}
