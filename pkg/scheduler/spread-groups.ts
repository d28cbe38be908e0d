import {
  type Pod,
  type ReplicaSet,
  ReplicaSets,
  type ReplicationController,
  ReplicationControllers,
  type Service,
  Services,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import { compileLabelSelector, type Requirement } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Informer, InformerFactory, Lister } from '#client/types.ts';
import type { GroupOf } from './snapshot/cluster-state.ts';

const BY_LABEL = 'first label of the selector';

const equals = (labels: Readonly<Record<string, string>>): Requirement[] =>
  Object.entries(labels).map(([key, value]) => ({ key, operator: 'Equals', values: [value] }));

const labelKey = (namespace: string | undefined, [key, value]: readonly [string, string]): string =>
  `${namespace} ${key}=${value}`;

/** One label that every pod of the Service must have. */
function selectorIndex(s: Service): string[] {
  const [first] = Object.entries(s.spec?.selector ?? {}).sort();
  return first ? [labelKey(s.metadata?.namespace, first)] : [];
}

function serviceLabels(pod: Stored<Pod>, services: Lister<Service>): Record<string, string> {
  const { namespace, labels = {} } = pod.metadata;
  const merged: Record<string, string> = {};
  for (const label of Object.entries(labels)) {
    for (const s of services.byIndex(BY_LABEL, labelKey(namespace, label))) {
      const selector = s.spec?.selector ?? {};
      if (Object.entries(selector).every(([k, v]) => labels[k] === v)) Object.assign(merged, selector);
    }
  }
  return merged;
}

type Owner = ReplicaSet | StatefulSet | ReplicationController;

/**
 * Tells which pods belong together: those that a pod's Services and its controller select. They are what the default
 * spreading spreads.
 */
export function podGroups(informers: InformerFactory): {
  groupOf: GroupOf;
  /** Informers that must have synced before the answers are right. */
  needs: readonly Informer<never>[];
} {
  const services = informers.informer(Services);
  services.addIndex(BY_LABEL, selectorIndex);
  const owners = new Map<string, Informer<Owner>>([
    ['ReplicaSet', informers.informer(ReplicaSets) as Informer<Owner>],
    ['StatefulSet', informers.informer(StatefulSets) as Informer<Owner>],
    ['ReplicationController', informers.informer(ReplicationControllers) as Informer<Owner>],
  ]);
  const controllerSelector = (pod: Stored<Pod>): readonly Requirement[] => {
    const ref = pod.metadata.ownerReferences?.find((r) => r.controller);
    const owner = ref && owners.get(ref.kind)?.lister.get(ref.name, pod.metadata.namespace);
    if (!owner || owner.metadata.uid !== ref?.uid) return [];
    const selector = owner.spec?.selector ?? {};
    if (ref.kind === 'ReplicationController') return equals(selector as Record<string, string>);
    return compileLabelSelector(selector).requirements;
  };
  return {
    groupOf(pod) {
      const all = [...equals(serviceLabels(pod, services.lister)), ...controllerSelector(pod)];
      if (all.length === 0) return null;
      return all.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    },
    needs: [services, ...owners.values()] as unknown as Informer<never>[],
  };
}
