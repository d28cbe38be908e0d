import { sameJson } from '#api/meta/equal.ts';
import { errors } from '#api/meta/errors.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import type { AuthorizationRequest, Authorizer } from '../authz/rules.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const blocking = (refs: readonly OwnerReference[] | undefined): OwnerReference[] =>
  (refs ?? []).filter((r) => r.blockOwnerDeletion);

/**
 * Who ties an object to an owner decides over its deletion, so must be allowed to delete it; who makes it block the
 * owner's deletion must be allowed to set the owner's finalizers (OwnerReferencesPermissionEnforcement).
 */
export function ownerReferencesPermission(resources: ResourceTable, authorizer: Authorizer): AdmissionPlugin {
  const ask = (a: Attributes, over: Partial<AuthorizationRequest>): boolean =>
    authorizer.allows(a.user, {
      verb: 'delete',
      isResource: true,
      group: a.resource.kind.group,
      resource: a.resource.kind.plural,
      subresource: '',
      namespace: a.namespace,
      name: a.name,
      path: '',
      ...over,
    });

  const ownerResource = (ref: OwnerReference): Resource | undefined => {
    const [group, version] = ref.apiVersion.includes('/') ? ref.apiVersion.split('/') : ['', ref.apiVersion];
    return resources
      .all()
      .find(({ kind }) => kind.group === group && kind.version === version && kind.kind === ref.kind);
  };

  const mayBlock = (a: Attributes, ref: OwnerReference): boolean => {
    const owner = ownerResource(ref);
    if (!owner) return false;
    const { group, plural, namespaced } = owner.kind;
    const namespace = namespaced ? a.namespace : '';
    return ask(a, { verb: 'update', group, resource: plural, subresource: 'finalizers', namespace, name: ref.name });
  };

  return {
    name: 'OwnerReferencesPermissionEnforcement',
    validate(a) {
      if (!a.object || a.subresource === 'status' || a.user.groups.includes('system:masters')) return;
      const now = a.object.metadata?.ownerReferences;
      const before = a.oldObject?.metadata.ownerReferences;
      if (sameJson(now ?? [], before ?? [])) return;
      const { ref } = a.resource;
      if (a.operation === 'UPDATE' && !ask(a, {})) {
        throw errors.forbidden(ref, a.name, "cannot set an ownerRef on a resource you can't delete: , <nil>");
      }
      const had = new Set(blocking(before).map((r) => r.uid));
      for (const r of blocking(now)) {
        if (had.has(r.uid) || mayBlock(a, r)) continue;
        const why =
          "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>";
        throw errors.forbidden(ref, a.name, why);
      }
    },
  };
}
