import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';

/** The reference to the one owner that manages `o`. */
export const controllerOf = (o: KubeObject): OwnerReference | undefined =>
  o.metadata?.ownerReferences?.find((r) => r.controller);

/** What `owner` puts on the objects it creates. */
export const controllerRefTo = (
  kind: Pick<Kind, 'group' | 'version' | 'kind'>,
  owner: Stored<KubeObject>,
): OwnerReference => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** True if `ref` names an object of `kind`, whatever the version. */
export const refersTo = (ref: OwnerReference, kind: Pick<Kind, 'group' | 'kind'>): boolean =>
  ref.kind === kind.kind && (ref.apiVersion.includes('/') ? ref.apiVersion.split('/')[0] : '') === kind.group;

/** Key of the controlling object of `kind`, or none: for `toKeys` of children. */
export function controllerKeys(child: Stored<KubeObject>, kind: Pick<Kind, 'group' | 'kind'>): readonly string[] {
  const ref = controllerOf(child);
  return ref && refersTo(ref, kind) ? [`${child.metadata.namespace}/${ref.name}`] : [];
}
