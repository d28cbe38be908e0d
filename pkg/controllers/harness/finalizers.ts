import type { Kind } from '#api/kind.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';

/** What is to become of the finalizer. Pure. */
export function finalizerChange(
  o: Stored<KubeObject>,
  finalizer: string,
  inUse: () => boolean,
): 'add' | 'drop' | undefined {
  const has = o.metadata.finalizers?.includes(finalizer) ?? false;
  if (!o.metadata.deletionTimestamp) return has ? undefined : 'add';
  return has && !inUse() ? 'drop' : undefined;
}

/** Writes it. Of an object that is gone, or another one of that name by now, nothing is changed. */
export async function changeFinalizer<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  { o, finalizer, what }: { o: Stored<T>; finalizer: string; what: 'add' | 'drop' },
): Promise<void> {
  const { name, namespace, uid } = o.metadata;
  const field = what === 'add' ? 'finalizers' : '$deleteFromPrimitiveList/finalizers';
  try {
    const body = { metadata: { uid, [field]: [finalizer] } };
    await client.patch(kind, namespace ? { name, namespace } : { name }, { type: 'strategic', body });
  } catch (e) {
    // Of that name another one, or none.
    if (!isNotFound(e) && !isConflict(e)) throw e;
  }
}
