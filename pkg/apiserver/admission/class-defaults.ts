import { type Ingress, IngressClasses, type PersistentVolumeClaim, StorageClasses } from '#api/kinds/index.ts';
import { isDefaultIngressClass, isDefaultStorageClass } from '#api/meta/default-class.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Lookup } from './lookup.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

/** The youngest first; of equally young ones the first by name. */
const byAge = (a: Stored<KubeObject>, b: Stored<KubeObject>): number =>
  b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
  a.metadata.name.localeCompare(b.metadata.name);

/** Claims that name no class get the default one ("Storage Classes", default StorageClass); "" means none on purpose. */
export function defaultStorageClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    admit(a) {
      if (!concerns(a, '', 'persistentvolumeclaims', 'CREATE')) return;
      const { spec } = a.object as PersistentVolumeClaim;
      if (!spec || spec.storageClassName !== undefined) return;
      const [first] = lookup.list(StorageClasses, '').filter(isDefaultStorageClass).sort(byAge);
      if (first) spec.storageClassName = first.metadata.name;
    },
  };
}

/** The same for Ingresses ("Ingress", default IngressClass). @throws StatusError 403 when several are marked */
export function defaultIngressClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    admit(a) {
      if (!concerns(a, 'networking.k8s.io', 'ingresses', 'CREATE')) return;
      const ingress = a.object as Ingress;
      if (ingress.spec?.ingressClassName !== undefined) return;
      if (ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
      const defaults = lookup.list(IngressClasses, '').filter(isDefaultIngressClass).sort(byAge);
      const [first] = defaults;
      if (!first) return;
      if (defaults.length > 1) {
        const names = defaults.map((c) => c.metadata.name).join(', ');
        throw errors.forbidden(
          a.resource.ref,
          a.name,
          `${defaults.length} default IngressClasses were found: ${names}`,
        );
      }
      ingress.spec = { ...ingress.spec, ingressClassName: first.metadata.name };
    },
  };
}
