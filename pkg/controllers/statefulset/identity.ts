import {
  type PersistentVolumeClaim,
  type Pod,
  type PodTemplateSpec,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { HASH_LABEL } from '../history/revisions.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { podFromTemplate } from '../pods/from-template.ts';

const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

export const podName = (set: Stored<StatefulSet>, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** The ordinal in a pod's name, if the name is one that the set gives. */
export function ordinalOf(set: Stored<StatefulSet>, pod: { metadata: { name: string } }): number | undefined {
  const { name } = pod.metadata;
  const dash = name.lastIndexOf('-');
  const digits = name.slice(dash + 1);
  if (name.slice(0, dash) !== set.metadata.name || !/^(0|[1-9]\d{0,9})$/.test(digits)) return undefined;
  return Number(digits);
}

const isPodOf = (set: Stored<StatefulSet>, name: string): boolean =>
  ordinalOf(set, { metadata: { name } }) !== undefined;

/** First ordinal, and the one after the last. */
export function range(set: StatefulSet): { readonly start: number; readonly end: number } {
  const start = set.spec?.ordinals?.start ?? 0;
  return { start, end: start + (set.spec?.replicas ?? 1) };
}

/** Labels that tell which pod of the set it is. */
export const identityLabels = (set: Stored<StatefulSet>, ordinal: number): Record<string, string> => ({
  [POD_NAME]: podName(set, ordinal),
  [POD_INDEX]: `${ordinal}`,
});

type ClaimTemplate = NonNullable<NonNullable<StatefulSet['spec']>['volumeClaimTemplates']>[number];

export const claimName = (set: Stored<StatefulSet>, template: ClaimTemplate, ordinal: number): string =>
  `${template.metadata?.name}-${set.metadata.name}-${ordinal}`;

/** Whether a claim of that name belongs to a pod of the set, or would. */
export const isClaimOf = (set: Stored<StatefulSet>, name: string): boolean =>
  (set.spec?.volumeClaimTemplates ?? []).some((t) => {
    const prefix = `${t.metadata?.name}-`;
    return name.startsWith(prefix) && isPodOf(set, name.slice(prefix.length));
  });

/** The pod of an ordinal, made from `template`; `revision` names the revision that holds it. */
export function podFor(
  set: Stored<StatefulSet>,
  ordinal: number,
  { template, revision }: { template: PodTemplateSpec; revision: string },
): Pod {
  const pod = podFromTemplate(set, template, controllerRefTo(StatefulSets, set));
  const { generateName: _, ...metadata } = pod.metadata ?? {};
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((t) => ({
    name: t.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, t, ordinal) },
  }));
  const own = (pod.spec?.volumes ?? []).filter((v) => !claims.some((c) => c.name === v.name));
  const name = podName(set, ordinal);
  return {
    ...pod,
    metadata: {
      ...metadata,
      name,
      labels: { ...metadata.labels, ...identityLabels(set, ordinal), [HASH_LABEL]: revision },
    },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(own.length + claims.length > 0 ? { volumes: [...own, ...claims] } : {}),
    },
  } as Pod;
}

/** The claims of an ordinal. */
export const claimsFor = (set: Stored<StatefulSet>, ordinal: number): PersistentVolumeClaim[] =>
  (set.spec?.volumeClaimTemplates ?? []).map((t) => ({
    metadata: {
      ...structuredClone(t.metadata),
      name: claimName(set, t, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...t.metadata?.labels, ...set.spec?.selector?.matchLabels },
      ...ownersIf(retentionOwners(set, undefined)),
    },
    spec: structuredClone(t.spec),
  })) as PersistentVolumeClaim[];

const ownersIf = (ownerReferences: OwnerReference[]) => (ownerReferences.length > 0 ? { ownerReferences } : {});

/** Who must be there for a claim to stay: by policy the set, or, once it is scaled away, its pod. `leaving`: that pod. */
function retentionOwners(set: Stored<StatefulSet>, leaving: Stored<Pod> | undefined): OwnerReference[] {
  const { whenScaled, whenDeleted } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  if (leaving && whenScaled === 'Delete') {
    const { name, uid } = leaving.metadata;
    return [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  }
  if (whenDeleted !== 'Delete') return [];
  const { apiVersion, kind, name, uid } = controllerRefTo(StatefulSets, set);
  return [{ apiVersion, kind, name, uid }];
}

const ownedByPod = (set: Stored<StatefulSet>, r: OwnerReference): boolean =>
  r.kind === 'Pod' && isPodOf(set, r.name ?? '');

/** Pure: whether the claim goes with a pod that was scaled away. */
export const goesWithPod = (set: Stored<StatefulSet>, claim: Stored<PersistentVolumeClaim>): boolean =>
  (claim.metadata.ownerReferences ?? []).some((r) => ownedByPod(set, r));

/**
 * Pure: the owners a claim shall have, or undefined if it has them. Owners other than the set and pods of its name are
 * left alone.
 */
export function claimOwners(
  set: Stored<StatefulSet>,
  claim: Stored<PersistentVolumeClaim>,
  leaving: Stored<Pod> | undefined,
): OwnerReference[] | undefined {
  const present = claim.metadata.ownerReferences ?? [];
  const ours = (r: OwnerReference): boolean => r.uid === set.metadata.uid || ownedByPod(set, r);
  const wanted = [...present.filter((r) => !ours(r)), ...retentionOwners(set, leaving)];
  return sameJson(wanted, present) ? undefined : wanted;
}
