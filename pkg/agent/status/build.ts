import { isFinal } from '#api/kinds/core/pod/phase.ts';
import type { Container, PodStatus } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatus } from './container-status.ts';
import type { ContainerStatuses, StatusInput } from './input.ts';
import { type Phase, phaseMeanwhile, phaseOf } from './phase.ts';

function statusesOf(i: StatusInput): ContainerStatuses {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = i.pod.spec ?? {};
  return {
    init: initContainers.map((c) => containerStatus(i, c, 'init')),
    app: containers.map((c) => containerStatus(i, c, 'app')),
    ephemeral: ephemeralContainers.map((c) => containerStatus(i, c as Container, 'ephemeral')),
  };
}

/** What the pod has come to. When that is final, whatever of it still runs is to be ended. Pure. */
export function outcomeOf(i: StatusInput, statuses: ContainerStatuses = statusesOf(i)): Phase {
  const { phase } = i.pod.status ?? {};
  if (phase && isFinal(phase)) return phase;
  return i.failure ? 'Failed' : phaseOf(i.pod, statuses, i.over);
}

/** The phase that is told: a final one only once all containers are down, for then others take their place. */
function shownPhase(i: StatusInput, statuses: ContainerStatuses): Phase {
  const outcome = outcomeOf(i, statuses);
  const runs = [...i.runtime.containers.values()].some(([r]) => r?.state === 'running');
  return runs && isFinal(outcome) && !isFinal(i.pod.status?.phase) ? phaseMeanwhile(i.pod, statuses) : outcome;
}

/** The status of a pod as its node sees it. Pure. */
export function buildStatus(i: StatusInput): PodStatus {
  const statuses = statusesOf(i);
  const old = i.pod.status ?? {};
  const phase = shownPhase(i, statuses);
  const { init, app, ephemeral } = statuses;
  // Why it ended is told once and for all; of a pod that lives there is nothing to explain.
  const { reason, message } = i.failure ?? (isFinal(old.phase) ? old : {});
  const { reason: _reason, message: _message, ...rest } = old;
  return {
    ...rest,
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    conditions: conditionsOf(i, phase, statuses),
    ...(i.hostIps[0] ? { hostIP: i.hostIps[0], hostIPs: i.hostIps.map((ip) => ({ ip })) } : {}),
    ...(i.podIps[0] ? { podIP: i.podIps[0], podIPs: i.podIps.map((ip) => ({ ip })) } : {}),
    startTime: old.startTime ?? apiTime(i.startedAt),
    ...(init.length > 0 ? { initContainerStatuses: [...init] } : {}),
    containerStatuses: [...app],
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: [...ephemeral] } : {}),
  };
}
