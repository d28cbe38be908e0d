import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

/** By plural: the group, and what keeps the object. */
const FINALIZERS: ReadonlyMap<string, readonly [group: string, finalizer: string]> = new Map([
  ['persistentvolumeclaims', ['', 'kubernetes.io/pvc-protection']],
  ['persistentvolumes', ['', 'kubernetes.io/pv-protection']],
  ['volumeattributesclasses', ['storage.k8s.io', 'kubernetes.io/vac-protection']],
]);

/**
 * Claims that pods use, volumes that are bound and classes that either is of cannot vanish under them: controllers take
 * the finalizers away when nobody needs the object any more (StorageObjectInUseProtection).
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit(a) {
    const { plural } = a.resource.kind;
    const [group = '', finalizer] = FINALIZERS.get(plural) ?? [];
    if (!finalizer || !concerns(a, group, plural, 'CREATE')) return;
    const o = a.object as KubeObject;
    const present = o.metadata?.finalizers ?? [];
    if (!present.includes(finalizer)) o.metadata = { ...o.metadata, finalizers: [...present, finalizer] };
  },
};
