import { type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { PREEMPTED, type Victims } from './plugins/default-preemption.ts';

export interface PreemptorDeps {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PARALLEL = 16;

/**
 * Makes room: tells the victims why, and deletes them with their grace period.
 * @returns whether all of them are going.
 */
export async function evictVictims(
  deps: PreemptorDeps,
  preemptor: Stored<Pod>,
  { node, pods }: Victims,
  signal: AbortSignal,
): Promise<boolean> {
  const rest = [...pods];
  let all = true;
  const lane = async (): Promise<void> => {
    for (let victim = rest.pop(); victim; victim = rest.pop()) {
      if (!(await evict(deps, preemptor, { victim, node }, signal))) all = false;
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, rest.length) }, lane));
  return all;
}

async function evict(
  { client, events, clock, logger }: PreemptorDeps,
  preemptor: Stored<Pod>,
  { victim, node }: { victim: Stored<Pod>; node: string },
  signal: AbortSignal,
): Promise<boolean> {
  const { name, namespace = '', uid } = victim.metadata;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: PREEMPTED,
    message: `${preemptor.spec?.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: apiTime(clock.now()),
  };
  try {
    if (!victim.metadata.deletionTimestamp) {
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body }, { signal });
      await client.delete(Pods, name, namespace, { preconditions: { uid }, signal });
    }
    events.event(victim as never, 'Normal', 'Preempted', `Preempted by pod ${preemptor.metadata.uid} on node ${node}`);
    return true;
  } catch (e) {
    if (signal.aborted || isNotFound(e) || isConflict(e)) return true;
    logger.warn({ err: e, pod: `${namespace}/${name}` }, 'could not evict a pod for one of higher priority');
    return false;
  }
}
