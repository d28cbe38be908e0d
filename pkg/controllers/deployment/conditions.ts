import type { Deployment } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';

export type DeploymentStatus = NonNullable<Deployment['status']>;
export type Condition = NonNullable<DeploymentStatus['conditions']>[number];
type Draft = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** "No deadline" as clients that cannot leave the field out write it. */
const NO_DEADLINE = 2 ** 31 - 1;

/** Milliseconds a rollout may take without progress; undefined = no limit. */
export function deadlineMs(d: Deployment): number | undefined {
  const seconds = d.spec?.progressDeadlineSeconds;
  return seconds === undefined || seconds >= NO_DEADLINE ? undefined : seconds * 1000;
}

export const conditionOf = (status: DeploymentStatus | undefined, type: string): Condition | undefined =>
  status?.conditions?.find((c) => c.type === type);

/**
 * The conditions with `draft` in place. `lastUpdateTime` moves when the condition says something new, or always with
 * `touch`; `lastTransitionTime` only when its status changes.
 */
export function withCondition(
  conditions: readonly Condition[],
  draft: Draft,
  when: { readonly now: number; readonly touch?: boolean },
): Condition[] {
  const old = conditions.find((c) => c.type === draft.type);
  if (!when.touch && old?.status === draft.status && old.reason === draft.reason) return [...conditions];
  const at = apiTime(when.now);
  const next: Condition = {
    ...draft,
    lastUpdateTime: at,
    lastTransitionTime: old?.status === draft.status ? (old.lastTransitionTime ?? at) : at,
  };
  return [...conditions.filter((c) => c.type !== draft.type), next];
}

export const withoutCondition = (conditions: readonly Condition[], type: string): Condition[] =>
  conditions.filter((c) => c.type !== type);
