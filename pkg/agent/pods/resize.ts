import { lastingContainers } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod, PodCondition } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import type { CgroupLimits, ContainerRecord } from '../runtime/types.ts';
import { cgroupLimits } from './container-config.ts';

type Amounts = Readonly<Record<string, string>>;

const COUNTED = [
  ['cpu', milliValue],
  ['memory', wholeValue],
] as const;

/** Why a change of a pod's resources has to wait. */
export interface PendingResize {
  readonly reason: 'Infeasible' | 'Deferred';
  readonly message: string;
}

function requested(pod: Pod, resource: string, of: (q: string) => number): number {
  const amounts = lastingContainers(pod.spec).map((c) => c.resources?.requests?.[resource]);
  return amounts.reduce((sum, q) => sum + (q === undefined ? 0 : of(q)), 0);
}

/** Whether a node has room for what a pod wants now; `others` are the further pods of the node. Pure. */
export function pendingResize(pod: Pod, others: Iterable<Pod>, allocatable: Amounts): PendingResize | undefined {
  const alive = [...others].filter((p) => p.status?.phase !== 'Succeeded' && p.status?.phase !== 'Failed');
  for (const [name, of] of COUNTED) {
    const capacity = allocatable[name];
    if (capacity === undefined) continue;
    const [wanted, all] = [requested(pod, name, of), of(capacity)];
    if (wanted > all) {
      const message = `Node didn't have enough capacity: ${name}, requested: ${wanted}, capacity: ${all}`;
      return { reason: 'Infeasible', message };
    }
    const used = alive.reduce((sum, p) => sum + requested(p, name, of), 0);
    if (used + wanted > all) {
      const message = `Node didn't have enough resource: ${name}, requested: ${wanted}, used: ${used}, capacity: ${all}`;
      return { reason: 'Deferred', message };
    }
  }
  return undefined;
}

export interface Resize {
  readonly record: ContainerRecord;
  readonly limits: CgroupLimits;
}

/** What a running container lacks of its limits, and whether it must be restarted for them. Pure. */
export function resizeOf(c: Container, r: ContainerRecord): (Resize & { readonly restart: boolean }) | undefined {
  const limits = cgroupLimits(c);
  if (!r.limits || sameJson(r.limits, limits)) return undefined;
  const changed = new Set([
    ...(r.limits.memoryBytes === limits.memoryBytes ? [] : ['memory']),
    ...(r.limits.cpuShares === limits.cpuShares && r.limits.cpuQuotaUs === limits.cpuQuotaUs ? [] : ['cpu']),
  ]);
  const restart = (c.resizePolicy ?? []).some(
    (p) => changed.has(p.resourceName) && p.restartPolicy === 'RestartContainer',
  );
  return { record: r, limits, restart };
}

/** The conditions of a change of resources that is not done ("Resize CPU and Memory Resources", pod resize status). */
export function resizeConditions(
  pending: PendingResize | undefined,
  inProgress: boolean,
): Pick<PodCondition, 'type' | 'reason' | 'message'>[] {
  if (pending && inProgress) return [{ type: 'PodResizePending', ...pending }];
  return inProgress ? [{ type: 'PodResizeInProgress' }] : [];
}
