import type { KubeObject } from './objectmeta.ts';

/** Annotation "true" of the StorageClass for claims that name none ("Storage Classes", default StorageClass). */
export const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class';
/** Annotation "true" of the IngressClass for Ingresses that name none ("Ingress", default IngressClass). */
export const DEFAULT_INGRESS_CLASS = 'ingressclass.kubernetes.io/is-default-class';
/** Older name of the first. */
const BETA_DEFAULT_STORAGE_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';

const marked = (o: KubeObject, ...annotations: string[]): boolean =>
  annotations.some((a) => o.metadata?.annotations?.[a] === 'true');

export const isDefaultStorageClass = (o: KubeObject): boolean =>
  marked(o, DEFAULT_STORAGE_CLASS, BETA_DEFAULT_STORAGE_CLASS);

export const isDefaultIngressClass = (o: KubeObject): boolean => marked(o, DEFAULT_INGRESS_CLASS);
