import { type ResourceQuota, ResourceQuotas } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { errors, StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { isStorageError, type Storage } from '#storage/storage.ts';
import { objectKey, type Resource, type ResourceTable } from '../registry/resource.ts';
import type { Target, WriteHook } from '../registry/writer.ts';
import { type Amounts, covers, differenceOf, onlyOf, sumOf, unnamed, usageOf } from './usage.ts';

export interface QuotaDeps {
  readonly resources: ResourceTable;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Quota = Stored<ResourceQuota>;

/** Attempts to write a quota's status against other writers; each loser meets a winner, so the number bounds the queue. */
const MAX_ATTEMPTS = 64;
/** A write is over after this long, one way or the other: what a quota counts then that is not there will not come. */
const SETTLED_MS = 60_000;
/** Status codes of an etcd that does not answer. */
const AWAY: readonly number[] = [503, 504];

const amountsText = (amounts: Amounts, names: readonly string[]): string =>
  names.map((n) => `${n}=${amounts[n] ?? '0'}`).join(',');

/**
 * Counts what namespaces use against their ResourceQuotas. A write is charged before it is stored, by one guarded write
 * of the quota's status, so that no number of servers together admits too much; what fails or goes away is given back. A
 * crash in between leaves too much charged, never too little, and `repair` finds it.
 */
export class QuotaKeeper implements WriteHook {
  readonly resource = '*';
  readonly #deps: QuotaDeps;
  /** When each quota was last seen to change, by key. */
  readonly #settling = new Map<string, { version: string; since: number }>();

  constructor(deps: QuotaDeps) {
    this.#deps = deps;
  }

  get #quotas(): Resource {
    return this.#deps.resources.of(ResourceQuotas) as unknown as Resource;
  }

  #of(namespace: string): Quota[] {
    if (!namespace) return [];
    return this.#quotas.cache.list(`${namespace}/`).map((e) => e.object as Quota);
  }

  /** @throws StatusError 403 when the write would exceed a quota */
  async before(
    o: KubeObject,
    old: Stored<KubeObject> | undefined,
    dryRun: boolean,
    { resource, namespace }: Target,
  ): Promise<{ undo(): void } | undefined> {
    const charged: { quota: Quota; delta: Amounts }[] = [];
    const undo = (): void => {
      for (const { quota, delta } of charged) this.#giveBack(quota, delta);
    };
    const name = o.metadata?.name ?? '';
    try {
      for (const quota of this.#of(namespace)) {
        const delta = this.#delta(quota, resource, o, old);
        const missing = old || !covers(quota, resource.kind, o) ? '' : unnamed(quota, resource.kind, o);
        if (missing)
          throw this.#refusal(resource, name, `failed quota: ${quota.metadata.name}: must specify ${missing}`);
        if (Object.keys(delta).length === 0) continue;
        await this.#charge(quota, delta, { resource, name, dryRun });
        if (!dryRun) charged.push({ quota, delta });
      }
    } catch (e) {
      undo();
      throw e;
    }
    return charged.length > 0 ? { undo } : undefined;
  }

  afterDelete(old: Stored<KubeObject>, { resource, namespace }: Target): void {
    for (const quota of this.#of(namespace)) {
      const delta = this.#delta(quota, resource, undefined, old);
      if (Object.keys(delta).length > 0) this.#giveBack(quota, differenceOf({}, delta));
    }
  }

  #refusal(resource: Resource, name: string, why: string): Error {
    return errors.forbidden(resource.ref, name, why);
  }

  #delta(quota: Quota, { kind }: Resource, now: KubeObject | undefined, old: KubeObject | undefined): Amounts {
    const used = (o: KubeObject | undefined): Amounts => (o && covers(quota, kind, o) ? usageOf(kind, o) : {});
    return onlyOf(differenceOf(used(now), used(old)), quota.spec?.hard ?? {});
  }

  async #charge(
    { metadata }: Quota,
    delta: Amounts,
    { resource, name, dryRun }: { resource: Resource; name: string; dryRun: boolean },
  ): Promise<void> {
    const rising = Object.keys(delta).filter((k) => compareQuantities(delta[k] ?? '0', '0') > 0);
    await this.#change(metadata.namespace ?? '', metadata.name, async (quota) => {
      const hard = quota.spec?.hard ?? {};
      const known = quota.status?.hard !== undefined && sameJson(quota.status.hard, hard);
      const before = known ? (quota.status?.used ?? {}) : await this.#count(quota);
      const used = sumOf(before, delta);
      const over = rising.filter((k) => hard[k] !== undefined && compareQuantities(used[k] ?? '0', hard[k]) > 0).sort();
      if (over.length > 0) {
        const why = `exceeded quota: ${metadata.name}, requested: ${amountsText(delta, over)}, used: ${amountsText(before, over)}, limited: ${amountsText(hard, over)}`;
        throw this.#refusal(resource, name, why);
      }
      return dryRun ? undefined : { hard, used: onlyOf(used, hard) };
    });
  }

  #giveBack({ metadata }: Quota, delta: Amounts): void {
    const { logger } = this.#deps;
    this.#change(metadata.namespace ?? '', metadata.name, async (quota) => {
      const { hard, used } = quota.status ?? {};
      if (!hard || !used) return undefined;
      const left = onlyOf(differenceOf(used, delta), hard);
      const floor = Object.entries(left).map(([k, v]) => [k, compareQuantities(v, '0') < 0 ? '0' : v]);
      const zero = Object.fromEntries(Object.keys(hard).map((k) => [k, '0']));
      return { hard, used: { ...zero, ...Object.fromEntries(floor) } };
    }).catch((err: unknown) => logger.warn({ err, quota: metadata.name }, 'a quota could not be given back yet'));
  }

  /** Writes a quota's status over whatever was written meanwhile. A quota that is gone binds nobody. */
  async #change(
    namespace: string,
    name: string,
    decide: (q: Quota) => Promise<{ hard: Amounts; used: Amounts } | undefined>,
  ): Promise<void> {
    const resource = this.#quotas;
    const { storage } = this.#deps;
    const key = resource.prefix + objectKey(resource.kind, namespace, name);
    for (let attempt = 1; ; attempt++) {
      const kv = await storage.get(key);
      const quota = kv && (resource.cache.decode(kv)?.object as Quota | undefined);
      if (!kv || !quota) return;
      const status = await decide(quota);
      if (!status || sameJson(status, quota.status)) return;
      try {
        await storage.update(key, resource.encoding.encode({ ...quota, status } as KubeObject), kv.modRevision);
        return;
      } catch (e) {
        if (isStorageError(e, 'missing')) return;
        if (!isStorageError(e, 'conflict') || attempt >= MAX_ATTEMPTS) throw e;
      }
    }
  }

  /** What is there, by the caches. */
  async #count(quota: Quota): Promise<Amounts> {
    const namespace = quota.metadata.namespace ?? '';
    const hard = quota.spec?.hard ?? {};
    let used: Amounts = Object.fromEntries(Object.keys(hard).map((k) => [k, '0']));
    await this.#quotas.cache.consistent();
    // What is served in several versions counts once, as it is stored.
    const stored = new Map(this.#deps.resources.all().map((r) => [r.prefix, r.storedAs?.resource ?? r]));
    for (const { kind, cache } of stored.values()) {
      if (!kind.namespaced || !kind.verbs.includes('list')) continue;
      for (const { object } of cache.list(`${namespace}/`)) {
        if (covers(quota, kind, object)) used = sumOf(used, onlyOf(usageOf(kind, object), hard));
      }
    }
    return used;
  }

  /** Counts anew what has not changed for a while, and at once what has never been counted. */
  async repair(): Promise<void> {
    const now = this.#deps.clock.now();
    for (const { key, object } of this.#quotas.cache.list('')) {
      const quota = object as Quota;
      const version = quota.metadata.resourceVersion;
      const before = this.#settling.get(key);
      if (before?.version !== version) this.#settling.set(key, { version, since: now });
      const uncounted = !sameJson(quota.status?.hard ?? {}, quota.spec?.hard ?? {});
      if (!uncounted && (before?.version !== version || now - before.since < SETTLED_MS)) continue;
      await this.#recount(quota).catch((err: unknown) => this.#notRepaired(quota, err));
    }
    for (const key of this.#settling.keys()) if (!this.#quotas.cache.get(key)) this.#settling.delete(key);
  }

  /** One that cannot be counted keeps none of the others from it. @throws what would happen to all of them */
  #notRepaired({ metadata: { namespace, name } }: Quota, err: unknown): void {
    if (isStorageError(err, 'unavailable') || (err instanceof StatusError && AWAY.includes(err.status.code))) throw err;
    this.#deps.logger.warn({ err, namespace, quota: name }, 'a quota could not be counted anew');
  }

  async #recount({ metadata }: Quota): Promise<void> {
    await this.#change(metadata.namespace ?? '', metadata.name, async (quota) => {
      if (quota.metadata.resourceVersion !== metadata.resourceVersion) return undefined;
      return { hard: quota.spec?.hard ?? {}, used: await this.#count(quota) };
    });
  }
}
