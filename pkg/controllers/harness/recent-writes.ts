import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Informer } from '#client/types.ts';

/** True when version `a` is newer than `b` (resourceVersions of one cluster are etcd revisions). */
const newer = (a: string, b: string): boolean => Number(a) > Number(b);

/** A cache, and how far it has read. */
export type Cache<T extends KubeObject> = Pick<Informer<T>, 'resourceVersion'> & {
  readonly lister: Pick<Informer<T>['lister'], 'get'>;
};

/**
 * What this process wrote and its cache may not show yet, by owner: children created and children deleted. Laid over
 * the cached children it gives the same protection as waiting for expectations (no child is created twice or deleted
 * in excess because of a stale read), but a reconcile never has to wait. Entries leave when the cache has caught up.
 */
export class RecentWrites<T extends KubeObject> {
  private readonly cache: Cache<T>;
  private readonly byOwner = new Map<
    string,
    { created: Map<string, Stored<T>>; deleted: Map<string, Stored<T> | undefined> }
  >();

  constructor(cache: Cache<T>) {
    this.cache = cache;
  }

  created(owner: string, child: Stored<T>): void {
    this.entry(owner).created.set(child.metadata.uid, child);
  }

  /**
   * The deletion of the child was accepted. `ending` is its state as the server answered it, for a child that ends in
   * its own time: it is shown instead of the cached one; without it the child counts as gone.
   */
  deleted(owner: string, uid: string, ending?: Stored<T>): void {
    this.entry(owner).deleted.set(uid, ending);
  }

  /** The children of `owner`: the cached ones, plus those created, minus those deleted since. */
  overlay(owner: string, cached: readonly Stored<T>[]): readonly Stored<T>[] {
    const e = this.byOwner.get(owner);
    if (!e) return cached;
    const known = new Set(cached.map((c) => c.metadata.uid));
    for (const [uid, child] of e.created) {
      // Once the cache has read past the creation, it alone knows whether the child still exists and belongs here.
      if (known.has(uid) || !newer(child.metadata.resourceVersion, this.cache.resourceVersion)) e.created.delete(uid);
    }
    const result: Stored<T>[] = [];
    const pending = new Map<string, Stored<T> | undefined>();
    for (const c of cached) {
      const deleted = e.deleted.has(c.metadata.uid) && !c.metadata.deletionTimestamp;
      const ending = deleted ? e.deleted.get(c.metadata.uid) : undefined;
      if (deleted) pending.set(c.metadata.uid, ending);
      if (!deleted) result.push(c);
      else if (ending) result.push(ending);
    }
    for (const [uid, child] of e.created) {
      const deleted = e.deleted.has(uid);
      const ending = e.deleted.get(uid);
      // The cache has yet to show it come: it must still be known then that it goes.
      if (deleted) pending.set(uid, ending);
      if (!deleted) result.push(child);
      else if (ending) result.push(ending);
    }
    e.deleted = pending;
    if (e.created.size === 0 && e.deleted.size === 0) this.byOwner.delete(owner);
    return result;
  }

  /** The cache has seen the end of a child: what was made of an owner that went meanwhile nobody asks for any more. */
  gone(owner: string, uid: string): void {
    const e = this.byOwner.get(owner);
    if (!e) return;
    e.created.delete(uid);
    e.deleted.delete(uid);
    if (e.created.size === 0 && e.deleted.size === 0) this.byOwner.delete(owner);
  }

  /** Owners of whom something is remembered. */
  get size(): number {
    return this.byOwner.size;
  }

  /** The owner is gone. */
  forget(owner: string): void {
    this.byOwner.delete(owner);
  }

  private entry(owner: string): { created: Map<string, Stored<T>>; deleted: Map<string, Stored<T> | undefined> } {
    let e = this.byOwner.get(owner);
    if (!e) {
      e = { created: new Map(), deleted: new Map() };
      this.byOwner.set(owner, e);
    }
    return e;
  }
}

/**
 * Remembers the answers to our own writes of single objects, so that the next reconcile does not start from an older
 * cached state (and meet a conflict).
 */
export class LastWritten<T extends KubeObject> {
  private readonly objects = new Map<string, Stored<T>>();

  wrote(o: Stored<T>): Stored<T> {
    this.objects.set(o.metadata.uid, o);
    return o;
  }

  /** The newer of the cached object and what we wrote. */
  freshest(cached: Stored<T>): Stored<T> {
    const mine = this.objects.get(cached.metadata.uid);
    if (!mine) return cached;
    if (newer(mine.metadata.resourceVersion, cached.metadata.resourceVersion)) return mine;
    this.objects.delete(cached.metadata.uid);
    return cached;
  }

  forget(uid: string): void {
    this.objects.delete(uid);
  }
}
