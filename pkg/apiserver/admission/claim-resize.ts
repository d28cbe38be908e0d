import { type PersistentVolumeClaim, StorageClasses } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { storageClassOf, storageOf } from '#api/scheduling/volume-match.ts';
import type { Lookup } from './lookup.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

/** Claims grow only if their class allows it ("Admission Control", PersistentVolumeClaimResize). */
export function claimResize(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    async admit(a) {
      if (!concerns(a, '', 'persistentvolumeclaims', 'UPDATE')) return;
      const [claim, old] = [a.object, a.oldObject] as [PersistentVolumeClaim, PersistentVolumeClaim];
      const asked = (c: PersistentVolumeClaim): string => storageOf(c.spec?.resources?.requests);
      if (compareQuantities(asked(claim), asked(old)) <= 0) return;
      if (old.status?.phase !== 'Bound') {
        throw errors.forbidden(a.resource.ref, a.name, 'Only bound persistent volume claims can be expanded');
      }
      const name = storageClassOf(claim);
      const storageClass = name ? await lookup.find(StorageClasses, '', name) : undefined;
      if (storageClass?.allowVolumeExpansion) return;
      const why =
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
      throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
