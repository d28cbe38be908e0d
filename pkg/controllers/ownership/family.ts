import type { Kind } from '#api/kind.ts';
import type { Selector } from '#api/meta/labels.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client, Informer } from '#client/types.ts';
import { keyOf } from '../harness/controller.ts';
import { byController, type Lookup, orphansIn } from '../harness/indexes.ts';
import { RecentWrites } from '../harness/recent-writes.ts';
import { claim } from './claim.ts';
import { controllerKeys, controllerOf } from './controller-ref.ts';

export interface FamilyOptions<O extends KubeObject, C extends KubeObject> {
  readonly client: Client;
  readonly ownerKind: Kind<O>;
  readonly owners: Informer<O>;
  readonly childKind: Kind<C>;
  readonly children: Informer<C>;
  readonly selectorOf: (owner: Stored<O>) => Selector;
  /** Of what the selector matches, what else makes it a child; default: nothing. */
  readonly isMember?: (owner: Stored<O>, child: Stored<C>) => boolean;
  /** Held by each child of an owner. */
  readonly finalizer?: string;
}

/**
 * Owners of one kind and the children they select: which keys a child leads to, and which children an owner has, with
 * adoption, release and our own recent writes taken into account.
 */
export class Family<O extends KubeObject, C extends KubeObject> {
  readonly recent: RecentWrites<C>;
  /** Children by the uid of their controller, as the cache shows them. */
  readonly cached: Lookup<C>;
  readonly #orphans: Lookup<C>;
  readonly #o: FamilyOptions<O, C>;

  constructor(o: FamilyOptions<O, C>) {
    this.#o = o;
    this.recent = new RecentWrites<C>(o.children);
    this.cached = byController(o.children);
    this.#orphans = orphansIn(o.children);
  }

  /** A child concerns its controller; without one, every owner that might adopt it. */
  keysOf(child: Stored<C>): readonly string[] {
    if (controllerOf(child)) return controllerKeys(child, this.#o.ownerKind);
    const keys: string[] = [];
    for (const owner of this.#o.owners.lister.list(child.metadata.namespace)) {
      if (this.#o.selectorOf(owner).matches(child.metadata.labels ?? {})) keys.push(keyOf(owner));
    }
    return keys;
  }

  /** `toKeys` for a watch of the children. */
  readonly toKeys = (child: Stored<C>, old: Stored<C> | undefined, gone: boolean): readonly string[] => {
    const owner = controllerOf(child)?.uid;
    if (gone && owner) this.recent.gone(owner, child.metadata.uid);
    return old && controllerOf(old)?.uid !== owner ? [...this.keysOf(old), ...this.keysOf(child)] : this.keysOf(child);
  };

  /** The children of `owner`, after adopting and releasing what its selector asks for. */
  async claimed(owner: Stored<O>): Promise<Stored<C>[]> {
    const { uid, namespace = '' } = owner.metadata;
    const selector = this.#o.selectorOf(owner);
    const owned = this.recent.overlay(uid, this.cached(uid));
    const known = new Set(owned.map((c) => c.metadata.uid));
    const found = await claim(this.#o.client, {
      ownerKind: this.#o.ownerKind,
      owner,
      childKind: this.#o.childKind,
      owned,
      orphans: this.#orphans(namespace).filter((c) => !known.has(c.metadata.uid) && this.#isMember(owner, c)),
      matches: (labels) => selector.matches(labels ?? {}),
      finalizer: this.#o.finalizer,
    });
    for (const child of found) if (!known.has(child.metadata.uid)) this.recent.created(uid, child);
    return found;
  }

  #isMember(owner: Stored<O>, child: Stored<C>): boolean {
    return this.#o.isMember?.(owner, child) ?? true;
  }

  /** The children `owner` has now, after writes of this round: without another claim. */
  present(owner: Stored<O>): readonly Stored<C>[] {
    const { uid } = owner.metadata;
    const selector = this.#o.selectorOf(owner);
    return this.recent.overlay(uid, this.cached(uid)).filter((c) => selector.matches(c.metadata.labels ?? {}));
  }
}
