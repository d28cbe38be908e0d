import { type Ingress, type IngressClass, IngressClasses } from '#api/kinds/index.ts';
import { DEFAULT_INGRESS_CLASS, isDefaultIngressClass } from '#api/meta/default-class.ts';
import { isAlreadyExists } from '#api/meta/errors.ts';
import type { Client, Lister } from '#client/types.ts';

/** `spec.controller` of the classes that are served here. */
export const CONTROLLER = 'coxswain.dev/ingress';
/** How a class was named before there was a field for it. */
const LEGACY = 'kubernetes.io/ingress.class';

/** Whether an Ingress names a class of ours. One without a class is nobody's: the API server gives it the default. */
export function isServed(ingress: Ingress, classes: Lister<IngressClass>): boolean {
  const name = ingress.spec?.ingressClassName ?? ingress.metadata?.annotations?.[LEGACY];
  return name !== undefined && classes.get(name)?.spec?.controller === CONTROLLER;
}

/** Makes a class of ours if there is none, and the default if no other is. What exists stays as its owner wants it. */
export async function ensureClass(client: Client, classes: Lister<IngressClass>, name: string): Promise<void> {
  const all = [...classes.list()];
  if (all.some((c) => c.metadata.name === name || c.spec?.controller === CONTROLLER)) return;
  const taken = all.some(isDefaultIngressClass);
  const annotations: Record<string, string> = taken ? {} : { [DEFAULT_INGRESS_CLASS]: 'true' };
  try {
    await client.create(IngressClasses, { metadata: { name, annotations }, spec: { controller: CONTROLLER } });
  } catch (e) {
    // Another node's instance was first.
    if (!isAlreadyExists(e)) throw e;
  }
}
