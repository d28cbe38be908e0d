import { type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import { retryOnConflict } from '#client/retry.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';

export interface ReportDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Report {
  /** Why the pod could not be placed; undefined: only the nomination changes. */
  readonly message?: string;
  /** SchedulerError: it was not even found out whether it could. */
  readonly reason?: 'Unschedulable' | 'SchedulerError';
  /** The node that is being emptied for it; null: none any more; undefined: as before. */
  readonly nominatedNodeName?: string | null;
}

/** The status patch that tells of a failed attempt; undefined when the pod says so already. Pure. */
export function reportPatch(
  pod: Stored<Pod>,
  { message, reason = 'Unschedulable', nominatedNodeName }: Report,
  nowMs: number,
): object | undefined {
  const status: Record<string, unknown> = {};
  if (nominatedNodeName !== undefined && (pod.status?.nominatedNodeName ?? null) !== nominatedNodeName) {
    status.nominatedNodeName = nominatedNodeName;
  }
  const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  const condition = { type: 'PodScheduled', status: 'False', reason, message };
  const same = known?.status === 'False' && known.reason === condition.reason && known.message === message;
  if (message !== undefined && !same) {
    const now = apiTime(nowMs);
    const lastTransitionTime = known?.status === 'False' ? known.lastTransitionTime : now;
    status.conditions = [{ ...condition, lastTransitionTime }];
  }
  const { uid, resourceVersion } = pod.metadata;
  return Object.keys(status).length > 0 ? { metadata: { uid, resourceVersion }, status } : undefined;
}

/**
 * Writes it, unless the pod has got a node meanwhile: nobody waits for this, and what comes late must not say of a pod that
 * runs that it is unschedulable. A failure is logged: the next attempt reports again.
 */
export async function report(deps: ReportDeps, pod: Stored<Pod>, what: Report, signal: AbortSignal): Promise<void> {
  const { client, clock } = deps;
  const { name, namespace = '', uid } = pod.metadata;
  let known: Stored<Pod> | undefined = pod;
  const write = async (): Promise<void> => {
    const now = known ?? (await client.get(Pods, name, namespace, { signal }));
    known = undefined;
    const body = now.metadata.uid === uid && !now.spec?.nodeName && reportPatch(now, what, clock.now());
    if (!body) return;
    await client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body }, { signal });
  };
  try {
    await retryOnConflict(write);
  } catch (e) {
    if (signal.aborted || isNotFound(e)) return;
    deps.logger.warn({ err: e, pod: `${namespace}/${name}` }, 'could not write why the pod is not scheduled');
  }
}
