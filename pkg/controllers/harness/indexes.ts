import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Informer } from '#client/types.ts';
import { controllerOf } from '../ownership/controller-ref.ts';

/** Index names, shared by all controllers: each index is declared by one function only, so declaring it twice is harmless. */
const BY_CONTROLLER = 'controller-uid';
const ORPHANS = 'orphans-of-namespace';
const BY_LABEL = 'namespaced-label';
const BY_NODE = 'node';

/** Answers from an index. */
export type Lookup<T extends KubeObject> = (value: string) => readonly Stored<T>[];

/** Objects by the uid of their controller. */
export function byController<T extends KubeObject>(informer: Informer<T>): Lookup<T> {
  informer.addIndex(BY_CONTROLLER, (o) => {
    const ref = controllerOf(o);
    return ref ? [ref.uid] : [];
  });
  return (uid) => informer.lister.byIndex(BY_CONTROLLER, uid);
}

/** Objects without a controller, by namespace: candidates for adoption. */
export function orphansIn<T extends KubeObject>(informer: Informer<T>): Lookup<T> {
  informer.addIndex(ORPHANS, (o) => (controllerOf(o) ? [] : [o.metadata.namespace ?? '']));
  return (namespace) => informer.lister.byIndex(ORPHANS, namespace);
}

/** Objects by `spec.nodeName`; "" holds those without a node. */
export function byNode<T extends KubeObject & { spec?: { nodeName?: string } }>(informer: Informer<T>): Lookup<T> {
  informer.addIndex(BY_NODE, (o) => [o.spec?.nodeName ?? '']);
  return (node) => informer.lister.byIndex(BY_NODE, node);
}

/**
 * Objects that carry all of `labels`: answered from the rarest of them, so that the cost follows the result and not the
 * namespace.
 */
export function byLabels<T extends KubeObject>(
  informer: Informer<T>,
): (namespace: string, labels: Readonly<Record<string, string>>) => Stored<T>[] {
  informer.addIndex(BY_LABEL, (o) => {
    const labels = o.metadata.labels ?? {};
    return Object.keys(labels).map((k) => `${o.metadata.namespace ?? ''}/${k}=${labels[k]}`);
  });
  return (namespace, labels) => {
    const wanted = Object.entries(labels);
    let rarest: readonly Stored<T>[] | undefined;
    for (const [k, v] of wanted) {
      const candidates = informer.lister.byIndex(BY_LABEL, `${namespace}/${k}=${v}`);
      if (!rarest || candidates.length < rarest.length) rarest = candidates;
    }
    return (rarest ?? []).filter((o) => wanted.every(([k, v]) => o.metadata.labels?.[k] === v));
  };
}
