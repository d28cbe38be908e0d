import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { ContainerStatus, Pod, PodStatus } from '#api/kinds/index.ts';
import type { ContainerStatuses } from './input.ts';

export type Phase = NonNullable<PodStatus['phase']>;

/** The end a container came to, whether or not it is to be started again. */
const endOf = (s: ContainerStatus | undefined) =>
  s?.state?.terminated ?? (s?.state?.waiting ? s.lastState?.terminated : undefined);

/** What the init containers allow; undefined when they are done. */
function initPhase(pod: Pod, init: readonly ContainerStatus[]): Phase | undefined {
  for (const [n, c] of (pod.spec?.initContainers ?? []).entries()) {
    const s = init[n];
    if (isSidecar(c)) {
      if (s?.state?.waiting && !s.lastState?.terminated) return 'Pending';
    } else if (s?.state?.terminated?.exitCode !== 0) {
      return s?.state?.terminated && pod.spec?.restartPolicy === 'Never' ? 'Failed' : 'Pending';
    }
  }
  return undefined;
}

/**
 * Pending, Running, Succeeded or Failed ("Pod Lifecycle", pod phase). A final one also while something of the pod still
 * runs, which is to be ended then.
 * @param over nothing will be started any more, whatever the restart policy
 */
export function phaseOf(pod: Pod, { init, app }: Pick<ContainerStatuses, 'init' | 'app'>, over: boolean): Phase {
  const policy = pod.spec?.restartPolicy;
  const ends = app.map(endOf);
  const allSucceeded = ends.length > 0 && ends.every((e) => e?.exitCode === 0);
  if (over) return allSucceeded ? 'Succeeded' : 'Failed';
  const early = initPhase(pod, init);
  if (early) return early;
  if (app.some((s, n) => !s.state?.running && !ends[n])) return 'Pending';
  if (app.some((s) => s.state?.running) || policy === 'Always' || policy === undefined) return 'Running';
  if (allSucceeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** What a pod is until the last of its containers is down, whatever it comes to. */
export const phaseMeanwhile = (pod: Pod, statuses: Pick<ContainerStatuses, 'init' | 'app'>): Phase =>
  phaseOf({ ...pod, spec: { ...pod.spec, restartPolicy: 'Always' } as Pod['spec'] }, statuses, false);
