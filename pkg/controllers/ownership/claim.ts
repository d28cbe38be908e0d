import type { Kind } from '#api/kind.ts';
import { isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { controllerRefTo } from './controller-ref.ts';

export interface ClaimRequest<O extends KubeObject, C extends KubeObject> {
  readonly ownerKind: Kind<O>;
  readonly owner: Stored<O>;
  readonly childKind: Kind<C>;
  /** Children that already name this owner as their controller. */
  readonly owned: readonly Stored<C>[];
  /** Objects of the namespace without a controller. */
  readonly orphans: Iterable<Stored<C>>;
  readonly matches: (labels: Readonly<Record<string, string>> | undefined) => boolean;
  /** Held by each child of an owner: comes with adoption and goes with release. */
  readonly finalizer?: string | undefined;
}

/**
 * Settles which children belong to the owner: releases owned ones whose labels no longer match, adopts matching orphans.
 * Before the first adoption the owner is read afresh: a stale cache must not make a deleted owner, or one of the same
 * name but another uid, adopt anything.
 */
export async function claim<O extends KubeObject, C extends KubeObject>(
  client: Client,
  r: ClaimRequest<O, C>,
): Promise<Stored<C>[]> {
  const claimed: Stored<C>[] = [];
  for (const child of r.owned) {
    if (r.matches(child.metadata.labels)) claimed.push(child);
    else if (!r.owner.metadata.deletionTimestamp && !child.metadata.deletionTimestamp) await release(client, r, child);
  }
  if (r.owner.metadata.deletionTimestamp) return claimed;
  let checked = false;
  for (const child of r.orphans) {
    if (child.metadata.deletionTimestamp || !r.matches(child.metadata.labels)) continue;
    if (!checked && !(await mayAdopt(client, r))) return claimed;
    checked = true;
    const adopted = await adopt(client, r, child);
    if (adopted) claimed.push(adopted);
  }
  return claimed;
}

async function mayAdopt<O extends KubeObject, C extends KubeObject>(
  client: Client,
  r: ClaimRequest<O, C>,
): Promise<boolean> {
  const { name, namespace, uid } = r.owner.metadata;
  try {
    const fresh = await client.get(r.ownerKind, name, namespace);
    return fresh.metadata.uid === uid && !fresh.metadata.deletionTimestamp;
  } catch (e) {
    if (isNotFound(e)) return false;
    throw e;
  }
}

/** The uid in the patch makes the server refuse it if the name was reused meanwhile. */
async function patchMeta<O extends KubeObject, C extends KubeObject>(
  client: Client,
  r: ClaimRequest<O, C>,
  child: Stored<C>,
  changes: object,
): Promise<Stored<C> | undefined> {
  const { name, namespace, uid } = child.metadata;
  try {
    const body = { metadata: { uid, ...changes } };
    return await client.patch(r.childKind, { name, namespace }, { type: 'strategic', body });
  } catch (e) {
    // Gone, replaced, or given a controller by somebody else: not ours, and the watch will say what it is now.
    if (isNotFound(e) || isInvalid(e)) return undefined;
    throw e;
  }
}

const adopt = <O extends KubeObject, C extends KubeObject>(client: Client, r: ClaimRequest<O, C>, child: Stored<C>) =>
  patchMeta(client, r, child, {
    ownerReferences: [controllerRefTo(r.ownerKind, r.owner)],
    ...(r.finalizer ? { finalizers: [r.finalizer] } : {}),
  });

const release = <O extends KubeObject, C extends KubeObject>(client: Client, r: ClaimRequest<O, C>, child: Stored<C>) =>
  patchMeta(client, r, child, {
    ownerReferences: [{ $patch: 'delete', uid: r.owner.metadata.uid }],
    ...(r.finalizer ? { '$deleteFromPrimitiveList/finalizers': [r.finalizer] } : {}),
  });
