import { apiVersionOf } from '#api/kind.ts';
import { type Deployment, Deployments, type ReplicaSet, ReplicaSets } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { olderFirst } from '../harness/age.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { DESIRED, MAX, replicaSetAnnotations, revisionOf } from './annotations.ts';
import { HASH_LABEL, sameTemplate, templateHash } from './hash.ts';
import { isRolling, maxTotal, replicasOf, sum } from './limits.ts';
import { grownSize } from './rolling.ts';

/** The ReplicaSets of a Deployment: the one that makes the pods of its template, if it exists, and all others. */
export interface Revisions {
  readonly current: Stored<ReplicaSet> | undefined;
  readonly old: readonly Stored<ReplicaSet>[];
  /** The number the current template has, or will get. */
  readonly revision: number;
}

/** Of several ReplicaSets with the same template (left by a race) the oldest is the current one. */
export function revisionsOf(d: Stored<Deployment>, sets: readonly Stored<ReplicaSet>[]): Revisions {
  const template = d.spec?.template;
  const sorted = [...sets].sort(olderFirst);
  const current = template && sorted.find((rs) => rs.spec?.template && sameTemplate(rs.spec.template, template));
  const old = sorted.filter((rs) => rs !== current);
  const highestOld = old.reduce((n, rs) => Math.max(n, revisionOf(rs)), 0);
  return { current, old, revision: highestOld + 1 };
}

/** The ReplicaSet to create for the template of `d`. Its name follows from the template, so that two tries make one object. */
export function newReplicaSet(d: Stored<Deployment>, r: Revisions): ReplicaSet {
  const template = structuredClone(d.spec?.template ?? {});
  const hash = templateHash(template, d.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  const selector = structuredClone(d.spec?.selector);
  const replicas = isRolling(d) ? grownSize(d, { spec: { replicas: 0 } }, sum(r.old, replicasOf)) : replicasOf(d);
  return {
    apiVersion: apiVersionOf(ReplicaSets),
    kind: ReplicaSets.kind,
    metadata: {
      name: `${d.metadata.name}-${hash}`,
      namespace: d.metadata.namespace,
      labels,
      annotations: {
        ...replicaSetAnnotations(d, {}, r.revision),
        [DESIRED]: String(replicasOf(d)),
        [MAX]: String(maxTotal(d)),
      },
      ownerReferences: [controllerRefTo(Deployments, d)],
    },
    spec: {
      replicas,
      minReadySeconds: d.spec?.minReadySeconds,
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  } as ReplicaSet;
}

/** Old ReplicaSets beyond `revisionHistoryLimit`, oldest revision first; only such as have no pods left. */
export function surplusHistory(d: Stored<Deployment>, old: readonly Stored<ReplicaSet>[]): Stored<ReplicaSet>[] {
  const limit = d.spec?.revisionHistoryLimit ?? 10;
  const alive = old.filter((rs) => !rs.metadata.deletionTimestamp);
  const surplus = alive.length - limit;
  if (surplus <= 0) return [];
  return alive
    .sort((a, b) => revisionOf(a) - revisionOf(b) || olderFirst(a, b))
    .slice(0, surplus)
    .filter(
      (rs) =>
        replicasOf(rs) === 0 &&
        (rs.status?.replicas ?? 0) === 0 &&
        (rs.metadata.generation ?? 0) <= (rs.status?.observedGeneration ?? 0),
    );
}
