import type { Pod } from '../kinds/core/pod/pod.ts';
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

function compute(pod: Pod): PodRequests {
  const spec = pod.spec;
  const running: Amounts = new Map();
  const peak: Amounts = new Map();
  const sidecars: Amounts = new Map();
  let cpu = 0;
  let memory = 0;
  for (const c of spec?.containers ?? []) {
    const a = amountsOf(c.resources?.requests);
    addInto(running, a);
    cpu += a.get('cpu') || ASSUMED_CPU_MILLI;
    memory += a.get('memory') || ASSUMED_MEMORY_BYTES;
  }
  for (const c of spec?.initContainers ?? []) {
    const a = amountsOf(c.resources?.requests);
    if (c.restartPolicy === 'Always') {
      addInto(sidecars, a);
      raiseTo(peak, sidecars);
    } else {
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
