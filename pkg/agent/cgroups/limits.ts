import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import { boundsOf } from '../pods/container-config.ts';
import type { CgroupLimits } from '../runtime/types.ts';

type Amount = (c: Container) => number | undefined;

const cpuRequest: Amount = (c) => amount(c.resources?.requests?.cpu, milliValue);
const cpuLimit: Amount = (c) => amount(c.resources?.limits?.cpu, milliValue);
const memoryLimit: Amount = (c) => amount(c.resources?.limits?.memory, wholeValue);

const amount = (q: string | undefined, of: (q: string) => number): number | undefined =>
  q === undefined ? undefined : of(q);

/** What the containers need together at the worst moment: while an init container runs, or afterwards. */
function together(pod: Pod, of: Amount): number {
  const sum = (list: readonly Container[]): number => list.reduce((n, c) => n + (of(c) ?? 0), 0);
  const init = pod.spec?.initContainers ?? [];
  const sidecars = sum(init.filter(isSidecar));
  const peaks = init.filter((c) => !isSidecar(c)).map((c) => (of(c) ?? 0) + sidecars);
  return Math.max(sum(pod.spec?.containers ?? []) + sidecars, ...peaks);
}

/** Bounds of a pod's own cgroup; a limit only if every container has one ("Pod Quality of Service Classes"). Pure. */
export function podBounds(pod: Pod): CgroupLimits {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const limit = (of: Amount): number => (all.every((c) => (of(c) ?? 0) > 0) ? together(pod, of) : 0);
  return boundsOf({
    cpuRequestMilli: together(pod, cpuRequest),
    cpuLimitMilli: limit(cpuLimit),
    memoryBytes: limit(memoryLimit),
  });
}
