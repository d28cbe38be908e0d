import { lastingContainers } from '#api/kinds/core/pod/sidecars.ts';
import type { MetricSpec, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { isReady } from '#api/meta/readiness.ts';
import type { Usage } from './metrics-apis.ts';

/** What arithmetic with fractions may be off by. */
const EPSILON = 1e-9;
/** When what pods use is acted on. */
export interface Caution {
  /** A deviation of the ratio from one that is not acted on (--horizontal-pod-autoscaler-tolerance). */
  readonly tolerance: number;
  /**
   * A pod that became ready, or unready, so soon is still busy with its start: its CPU says nothing yet, milliseconds
   * (--horizontal-pod-autoscaler-initial-readiness-delay).
   */
  readonly initialReadinessMs: number;
  /** For so long a pod may be starting, milliseconds (--horizontal-pod-autoscaler-cpu-initialization-period). */
  readonly cpuInitializationMs: number;
}

/** One metric of the pods: a resource, of all containers or of one, and what it shall be. */
export interface PodMetric {
  readonly resource: string;
  readonly container?: string;
  readonly target: NonNullable<MetricSpec['resource']>['target'];
}

export interface Advice {
  readonly replicas: number;
  /** Mean over the pods that were measured, in thousandths of the unit. */
  readonly averageMilli: number;
  /** In percent of the requests, for targets of that kind. */
  readonly utilization?: number;
}

interface Sample {
  readonly used: number;
  /** What the pod would use at the target. */
  readonly wanted: number;
}

const usedBy = (usage: Usage, { resource, container }: PodMetric): number =>
  Object.entries(usage).reduce(
    (sum, [name, amounts]) => (container && container !== name ? sum : sum + milliValue(amounts[resource] ?? '0')),
    0,
  );

/** @throws RangeError for a pod that requests nothing of the resource */
function requestedBy(pod: Stored<Pod>, { resource, container }: PodMetric): number {
  let sum = 0;
  // Sidecars run beside the others: what they use is measured with them.
  for (const c of lastingContainers(pod.spec)) {
    if (container && c.name !== container) continue;
    const request = c.resources?.requests?.[resource];
    if (request === undefined)
      throw new RangeError(`missing request for ${resource} in container ${c.name} of Pod ${pod.metadata.name}`);
    sum += milliValue(request);
  }
  return sum;
}

/**
 * Whether a pod's CPU use says something. While it may be starting it must have been ready for a while; later only one that
 * has never been ready is left out: one that was may be unready for its load.
 */
function isWarm(pod: Stored<Pod>, now: number, { initialReadinessMs, cpuInitializationMs }: Caution): boolean {
  const { startTime, conditions } = pod.status ?? {};
  const turned = conditions?.find((c) => c.type === 'Ready')?.lastTransitionTime;
  if (!startTime || !turned) return false;
  const [started, since] = [Date.parse(startTime), Date.parse(turned)];
  if (now < started + cpuInitializationMs) return isReady(pod) && now - since >= initialReadinessMs;
  return isReady(pod) || since >= started + initialReadinessMs;
}

/** The pods whose number is asked for, as they are now. */
export interface Group {
  readonly pods: readonly Stored<Pod>[];
  /** Replicas asked for. */
  readonly current: number;
  readonly now: number;
  readonly caution: Caution;
}

const isLiving = (p: Stored<Pod>): boolean =>
  !p.metadata.deletionTimestamp && p.status?.phase !== 'Failed' && p.status?.phase !== 'Succeeded';

/** How one metric of pods is read. */
interface Gauge {
  /** undefined: there is no measurement. */
  used(pod: Stored<Pod>): number | undefined;
  wanted(pod: Stored<Pod>): number;
  /** Whether what is measured says something yet. */
  warm(pod: Stored<Pod>): boolean;
}

const total = (list: readonly Sample[], key: keyof Sample): number => list.reduce((n, s) => n + s[key], 0);
const isNear = (ratio: number, { tolerance }: Caution): boolean => Math.abs(1 - ratio) <= tolerance + EPSILON;

/**
 * How many replicas bring the metric to its target ("Horizontal Pod Autoscaling", Algorithm details). Pods without a
 * measurement are counted so that they damp the change: as idle when scaling up, as busy when scaling down.
 * @throws RangeError when nothing can be said
 */
function damped(gauge: Gauge, { pods, current, caution }: Group): Advice & { readonly ratio: number } {
  const measured: Sample[] = [];
  const unready: Sample[] = [];
  const missing: Sample[] = [];
  for (const p of pods.filter(isLiving)) {
    const used = gauge.used(p);
    const wanted = gauge.wanted(p);
    if (p.status?.phase === 'Pending') unready.push({ used: 0, wanted });
    else if (used === undefined) missing.push({ used: 0, wanted });
    else if (gauge.warm(p)) measured.push({ used, wanted });
    else unready.push({ used: 0, wanted });
  }
  if (measured.length === 0) throw new RangeError('did not receive metrics for targeted pods (pods might be unready)');
  const averageMilli = Math.round(total(measured, 'used') / measured.length);
  const ratio = total(measured, 'used') / total(measured, 'wanted');
  const answer = (replicas: number) => ({ replicas, averageMilli, ratio });
  if (isNear(ratio, caution)) return answer(current);
  const idle = ratio > 1 ? [...unready, ...missing] : [];
  const busy = ratio < 1 ? missing.map((s) => ({ ...s, used: s.wanted })) : [];
  const all = [...measured, ...idle, ...busy];
  const mean = total(all, 'used') / total(all, 'wanted');
  // Damped so far that it would go the other way: nothing is done.
  if (isNear(mean, caution) || ratio > 1 !== mean > 1) return answer(current);
  const replicas = Math.ceil(mean * all.length - EPSILON);
  return answer(ratio > 1 ? Math.max(current, replicas) : Math.min(current, replicas));
}

/** Pure: replicas by what pods use of a resource. @throws RangeError when nothing can be said */
export function adviseByUsage(metric: PodMetric, usage: ReadonlyMap<string, Usage>, group: Group): Advice {
  const { averageUtilization, averageValue } = metric.target;
  const share = averageUtilization === undefined ? undefined : averageUtilization / 100;
  const { ratio, ...advice } = damped(
    {
      used: (p) => {
        const found = usage.get(p.metadata.name);
        return found && usedBy(found, metric);
      },
      wanted: (p) => (share === undefined ? milliValue(averageValue ?? '0') : requestedBy(p, metric) * share),
      warm: (p) => metric.resource !== 'cpu' || isWarm(p, group.now, group.caution),
    },
    group,
  );
  return averageUtilization === undefined ? advice : { ...advice, utilization: Math.round(ratio * averageUtilization) };
}

/**
 * Pure: replicas by a metric that each pod has. @param wanted the mean, in thousandths; @param values by pod
 * @throws RangeError when nothing can be said
 */
export function adviseByPods(wanted: number, values: ReadonlyMap<string, number>, group: Group): Advice {
  const gauge = { used: (p: Stored<Pod>) => values.get(p.metadata.name), wanted: () => wanted, warm: () => true };
  const { ratio: _, ...advice } = damped(gauge, group);
  return advice;
}

/** Pure: replicas by one number that shall have a value: as many times the ready pods as it is too large. */
export function adviseByValue(used: number, wanted: number, { pods, current, caution }: Group): number {
  const ratio = used / wanted;
  if (isNear(ratio, caution)) return current;
  if (pods.length === 0) throw new RangeError('unable to calculate ready pods: no pods returned by selector');
  const ready = pods.filter((p) => isLiving(p) && p.status?.phase === 'Running' && isReady(p)).length;
  return Math.max(0, Math.ceil(ratio * ready - EPSILON));
}

/** Pure: replicas by one number of which each pod shall have a share. */
export function adviseByAverage(
  used: number,
  wanted: number,
  { statusReplicas, caution }: Pick<Group, 'caution'> & { readonly statusReplicas: number },
): Advice {
  const averageMilli = statusReplicas > 0 ? Math.ceil(used / statusReplicas - EPSILON) : 0;
  const near = statusReplicas > 0 && isNear(used / (wanted * statusReplicas), caution);
  return { replicas: near ? statusReplicas : Math.max(0, Math.ceil(used / wanted - EPSILON)), averageMilli };
}
