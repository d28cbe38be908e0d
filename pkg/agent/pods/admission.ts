import type { Pod } from '#api/kinds/index.ts';
import { isCritical } from '../eviction/rank.ts';
import type { Pressure } from '../eviction/thresholds.ts';
import type { Failure } from './deadline.ts';
import { sysctlRefusal } from './sysctls.ts';

/** Whether a pod may start while something runs short ("Node-pressure Eviction", node conditions). */
function bears(pod: Pod, pressure: Pressure): boolean {
  if (isCritical(pod)) return true;
  if (pressure !== 'MemoryPressure') return false;
  const key = 'node.kubernetes.io/memory-pressure';
  const tolerated = pod.spec?.tolerations?.some(
    (t) => (!t.key || t.key === key) && (!t.effect || t.effect === 'NoSchedule'),
  );
  return tolerated || pod.status?.qosClass !== 'BestEffort';
}

/**
 * Why this node will not run a pod, whoever put it here; undefined when it will. Pure.
 * @param unsafe patterns of the sysctls it may set though they can harm others
 */
export function rejection(pod: Pod, pressures: ReadonlySet<Pressure>, unsafe: readonly string[]): Failure | undefined {
  const refusing = [...pressures].filter((p) => !bears(pod, p));
  if (refusing.length > 0) {
    const message = `Pod was rejected: The node had condition: [${refusing.join(' ')}]. `;
    return { reason: 'Evicted', message };
  }
  const { hostNetwork = false, hostIPC: hostIpc = false, securityContext } = pod.spec ?? {};
  // Docker adds the groups of the image whatever it is told.
  if (securityContext?.supplementalGroupsPolicy === 'Strict') {
    const message = 'Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
  for (const { name } of securityContext?.sysctls ?? []) {
    const why = sysctlRefusal(name, { unsafe, hostNetwork, hostIpc });
    if (why) return { reason: 'SysctlForbidden', message: `Pod was rejected: forbidden sysctl: "${name}" ${why}` };
  }
  return undefined;
}
