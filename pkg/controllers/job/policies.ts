import type { Job, Pod, PodFailurePolicyRule } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { countIndexes, hasIndex, type Indexes, parseIndexes } from './indexes.ts';
import { countsPerIndex } from './pods.ts';

export interface FailureVerdict {
  readonly action: PodFailurePolicyRule['action'];
  /** Says which pod and rule, for FailJob. */
  readonly message?: string;
}

const COUNT: FailureVerdict = { action: 'Count' };

type ExitCodes = NonNullable<PodFailurePolicyRule['onExitCodes']>;

function matchingContainer(pod: Pod, rule: ExitCodes): { name: string; exitCode: number } | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  for (const { name, state } of statuses) {
    const exitCode = state?.terminated?.exitCode ?? 0;
    if (exitCode === 0 || (rule.containerName !== undefined && rule.containerName !== name)) continue;
    const listed = rule.values?.includes(exitCode) ?? false;
    if (listed === (rule.operator === 'In')) return { name, exitCode };
  }
  return undefined;
}

const matchingCondition = (pod: Pod, rule: PodFailurePolicyRule) =>
  rule.onPodConditions?.find((pattern) =>
    pod.status?.conditions?.some((c) => c.type === pattern.type && c.status === (pattern.status ?? 'True')),
  );

/** What is done about a failed pod: the first rule of the pod failure policy that matches it decides. */
export function failureVerdict(job: Job, pod: Stored<Pod>): FailureVerdict {
  if (pod.status?.phase !== 'Failed') return COUNT;
  for (const [i, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const container = rule.onExitCodes && matchingContainer(pod, rule.onExitCodes);
    const condition = matchingCondition(pod, rule);
    if (!container && !condition) continue;
    if (rule.action === 'FailIndex' && !countsPerIndex(job)) return COUNT;
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const what = container
      ? `Container ${container.name} for pod ${name} failed with exit code ${container.exitCode}`
      : `Pod ${name} has condition ${condition?.type}`;
    return { action: rule.action, message: `${what} matching ${rule.action} rule at index ${i}` };
  }
  return COUNT;
}

/** The first rule of the success policy that the succeeded indexes meet; undefined while none is. */
export function metSuccessRule(job: Job, succeeded: Indexes): number | undefined {
  const completions = job.spec?.completions ?? 0;
  const found = (job.spec?.successPolicy?.rules ?? []).findIndex((rule) => {
    if (rule.succeededIndexes === undefined) return countIndexes(succeeded) >= (rule.succeededCount ?? completions);
    const wanted = parseIndexes(rule.succeededIndexes, completions);
    const needed = rule.succeededCount ?? countIndexes(wanted);
    let met = 0;
    for (const [first, last] of wanted) for (let i = first; i <= last; i++) if (hasIndex(succeeded, i)) met++;
    return met >= needed;
  });
  return found < 0 ? undefined : found;
}
