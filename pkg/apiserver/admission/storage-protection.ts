import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

const FINALIZERS: ReadonlyMap<string, string> = new Map([
  ['persistentvolumeclaims', 'kubernetes.io/pvc-protection'],
  ['persistentvolumes', 'kubernetes.io/pv-protection'],
]);

/**
 * Claims that pods use and volumes that are bound cannot vanish under them: controllers take the finalizers away when
 * nobody needs the object any more (StorageObjectInUseProtection).
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit(a) {
    const { plural } = a.resource.kind;
    const finalizer = FINALIZERS.get(plural);
    if (!finalizer || !concerns(a, '', plural, 'CREATE')) return;
    const o = a.object as KubeObject;
    const present = o.metadata?.finalizers ?? [];
    if (!present.includes(finalizer)) o.metadata = { ...o.metadata, finalizers: [...present, finalizer] };
  },
};
