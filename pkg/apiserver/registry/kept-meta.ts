import type { KubeObject, ObjectMeta, Stored } from '#api/meta/objectmeta.ts';

/**
 * What clients may not change: identity, times, generation, a running deletion. Nothing is deleted from an object here:
 * V8 would make a table of it, and each later look at the metadata would cost several times as much.
 */
export function keepSystemMeta(next: ObjectMeta | undefined, old: Stored<KubeObject>['metadata']): ObjectMeta {
  const kept: Readonly<Record<string, unknown>> = {
    uid: old.uid,
    creationTimestamp: old.creationTimestamp,
    resourceVersion: old.resourceVersion,
    generation: old.generation,
    // One that would begin or hasten a deletion is left for the validation to refuse.
    deletionTimestamp: old.deletionTimestamp ?? next?.deletionTimestamp,
    deletionGracePeriodSeconds: next?.deletionGracePeriodSeconds ?? old.deletionGracePeriodSeconds,
    managedFields: next?.managedFields ?? old.managedFields,
  };
  const meta: Record<string, unknown> = {};
  for (const k in next) {
    const value = Object.hasOwn(kept, k) ? kept[k] : next[k as keyof ObjectMeta];
    if (value !== undefined) meta[k] = value;
  }
  for (const k in kept) if (meta[k] === undefined && kept[k] !== undefined) meta[k] = kept[k];
  return meta;
}
