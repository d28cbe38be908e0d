import type { Pod } from '../kinds/core/pod/pod.ts';
import { isSidecar } from '../kinds/core/pod/sidecars.ts';
import { sameJson } from '../meta/equal.ts';
import { milliValue } from '../meta/quantity.ts';

/** Amounts by resource name: cpu in millicores, all else in whole units (bytes, counts). */
export type Amounts = Map<string, number>;

/** What score plugins assume of containers that ask for nothing: 100 millicores and 200 MB, as Kubernetes does. */
const ASSUMED_CPU_MILLI = 100;
const ASSUMED_MEMORY_BYTES = 200 * 1024 * 1024;

type Requests = Record<string, string> | undefined;

const amount = (name: string, quantity: string): number =>
  name === 'cpu' ? milliValue(quantity) : Math.ceil(milliValue(quantity) / 1000);

export function amountsOf(quantities: Requests): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, q] of Object.entries(quantities ?? {})) amounts.set(name, amount(name, q));
  return amounts;
}

function addInto(sum: Amounts, more: Amounts): void {
  for (const [name, n] of more) sum.set(name, (sum.get(name) ?? 0) + n);
}

function raiseTo(max: Amounts, other: Amounts): void {
  for (const [name, n] of other) if (n > (max.get(name) ?? 0)) max.set(name, n);
}

/** Requests of one pod, computed once per pod object. */
export interface PodRequests {
  readonly amounts: Amounts;
  /** cpu and memory with assumed values where the pod asks for nothing: for scoring. */
  readonly scored: { readonly cpu: number; readonly memory: number };
}

const computed = new WeakMap<Pod, PodRequests>();

/**
 * What a pod needs at its worst moment: app containers and sidecars together, or a single init container on top of the
 * sidecars started before it, plus overhead ("Resource sharing within containers").
 */
export function podRequests(pod: Pod): PodRequests {
  let r = computed.get(pod);
  if (!r) {
    r = compute(pod);
    computed.set(pod, r);
  }
  return r;
}

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

/** What a node says of the requests of containers that last: set aside for them, and in force. */
const inForce = ({ status }: Pod) =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].flatMap((s) =>
    s.allocatedResources || s.resources ? [[s.name, s.allocatedResources, s.resources?.requests] as const] : [],
  );

/** A change of its resources that its node will never have room for. */
const isInfeasible = ({ status }: Pod): boolean =>
  status?.conditions?.some((c) => c.type === 'PodResizePending' && c.reason === 'Infeasible') ?? false;

/** Requests of a container that lasts: while they are changed, the most of old and new ("Resize CPU and Memory Resources"). */
function lastingRequests(pod: Pod): (c: Container) => Amounts {
  const known = inForce(pod);
  if (known.length === 0) return (c) => amountsOf(c.resources?.requests);
  const unmoved = isInfeasible(pod);
  return (c) => {
    const [, ...said] = known.find(([name]) => name === c.name) ?? [''];
    const most = unmoved && said.length > 0 ? new Map<string, number>() : amountsOf(c.resources?.requests);
    for (const requests of said) raiseTo(most, amountsOf(requests));
    return most;
  };
}

/** Whether two versions of a pod whose specs are alike count the same. Cheaper than counting both. */
export function requestAlike(a: Pod, b: Pod): boolean {
  if (sameJson(inForce(a), inForce(b)) && isInfeasible(a) === isInfeasible(b)) return true;
  const [x, y] = [podRequests(a), podRequests(b)];
  return sameJson([...x.amounts].sort(), [...y.amounts].sort()) && sameJson(x.scored, y.scored);
}

function compute(pod: Pod): PodRequests {
  const spec = pod.spec;
  const lasting = lastingRequests(pod);
  const running: Amounts = new Map();
  const peak: Amounts = new Map();
  const sidecars: Amounts = new Map();
  let cpu = 0;
  let memory = 0;
  for (const c of spec?.containers ?? []) {
    const a = lasting(c);
    addInto(running, a);
    cpu += a.get('cpu') || ASSUMED_CPU_MILLI;
    memory += a.get('memory') || ASSUMED_MEMORY_BYTES;
  }
  for (const c of spec?.initContainers ?? []) {
    if (isSidecar(c)) {
      addInto(sidecars, lasting(c));
      raiseTo(peak, sidecars);
    } else {
      const a = amountsOf(c.resources?.requests);
      addInto(a, sidecars);
      raiseTo(peak, a);
    }
  }
  addInto(running, sidecars);
  raiseTo(running, peak);
  addInto(running, amountsOf(spec?.overhead));
  return {
    amounts: running,
    scored: { cpu: Math.max(cpu, running.get('cpu') ?? 0), memory: Math.max(memory, running.get('memory') ?? 0) },
  };
}
