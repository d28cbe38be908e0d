import type { Deployment, ReplicaSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED = 'deployment.kubernetes.io/desired-replicas';
export const MAX = 'deployment.kubernetes.io/max-replicas';

/** Not copied from a Deployment to its ReplicaSets: bookkeeping of other writers, or set by us per ReplicaSet. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.rollback-to',
  REVISION,
  REVISION_HISTORY,
  DESIRED,
  MAX,
]);

type Annotated = { metadata?: { annotations?: Record<string, string> } };

const numberIn = (o: Annotated, name: string): number | undefined => {
  const n = Number.parseInt(o.metadata?.annotations?.[name] ?? '', 10);
  return Number.isNaN(n) ? undefined : n;
};

/** 0 when the object has none yet. */
export const revisionOf = (o: Annotated): number => numberIn(o, REVISION) ?? 0;
export const desiredOf = (rs: ReplicaSet): number | undefined => numberIn(rs, DESIRED);
export const maxOf = (rs: ReplicaSet): number | undefined => numberIn(rs, MAX);

/** The annotations a ReplicaSet of revision `revision` should have, given those it has. */
export function replicaSetAnnotations(
  d: Stored<Deployment>,
  current: Readonly<Record<string, string>>,
  revision: number,
): Record<string, string> {
  const next: Record<string, string> = { ...current };
  for (const [k, v] of Object.entries(d.metadata.annotations ?? {})) if (!NOT_COPIED.has(k)) next[k] = v;
  const old = Number.parseInt(current[REVISION] ?? '', 10);
  if (Number.isNaN(old) || old < revision) {
    next[REVISION] = String(revision);
    // A ReplicaSet that serves again (rollback) remembers which revisions it has been.
    if (!Number.isNaN(old)) {
      const history = current[REVISION_HISTORY] ? current[REVISION_HISTORY].split(',') : [];
      next[REVISION_HISTORY] = [...history.filter((h) => h !== String(old)), String(old)].join(',');
    }
  }
  return next;
}
