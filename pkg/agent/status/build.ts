import type { Container, PodStatus } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatus } from './container-status.ts';
import type { ContainerStatuses, StatusInput } from './input.ts';
import { phaseOf } from './phase.ts';

function statusesOf(i: StatusInput): ContainerStatuses {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = i.pod.spec ?? {};
  return {
    init: initContainers.map((c) => containerStatus(i, c, 'init')),
    app: containers.map((c) => containerStatus(i, c, 'app')),
    ephemeral: ephemeralContainers.map((c) => containerStatus(i, c as Container, 'ephemeral')),
  };
}

/** The status of a pod as its node sees it. Pure. */
export function buildStatus(i: StatusInput): PodStatus {
  const statuses = statusesOf(i);
  const old = i.pod.status ?? {};
  const settled = old.phase === 'Succeeded' || old.phase === 'Failed' ? old.phase : undefined;
  const phase = settled ?? (i.failure ? 'Failed' : phaseOf(i.pod, statuses, i.over));
  const { init, app, ephemeral } = statuses;
  // Why it ended is told once and for all; of a pod that lives there is nothing to explain.
  const { reason, message } = i.failure ?? (settled ? old : {});
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
