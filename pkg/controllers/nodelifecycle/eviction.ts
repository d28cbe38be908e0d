import { type Pod, Pods, type Taint } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { tolerates } from '#api/scheduling/taints.ts';
import type { EventRecorder } from '#client/types.ts';
import { forEachLimited } from '../harness/batches.ts';
import type { ControllerDeps } from '../harness/controller.ts';

const PARALLEL = 8;

/** Epoch ms at which a pod must leave a node with these taints; undefined: it may stay ("Taint based Evictions"). Pure. */
export function evictionTime(pod: Pod, taints: readonly Taint[], now: number): number | undefined {
  let at: number | undefined;
  // One that came later has its time from then on.
  const created = Date.parse(pod.metadata?.creationTimestamp ?? '') || 0;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    const since = Math.max(created, taint.timeAdded ? Date.parse(taint.timeAdded) : now);
    const tolerating = (pod.spec?.tolerations ?? []).filter((t) => tolerates(t, taint));
    if (tolerating.length === 0) return now;
    const limits = tolerating.flatMap((t) => t.tolerationSeconds ?? []);
    // Tolerations without a limit do not shorten the time the others allow; without any limit the pod stays.
    if (limits.length === 0) continue;
    const until = since + Math.max(0, Math.min(...limits)) * 1000;
    at = Math.min(at ?? until, until);
  }
  return at;
}

interface Tools extends Pick<ControllerDeps, 'client' | 'clock'> {
  readonly events: EventRecorder;
}

/** Pods that have to leave their nodes, at once or in time. */
export class Evictions {
  readonly #tools: Tools;
  /** By node: uids of pods whose time has not come yet. */
  readonly #awaited = new Map<string, ReadonlySet<string>>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** Deletes the pods of a node with these taints whose time is over. @returns milliseconds until the next one is due */
  async due(node: string, taints: readonly Taint[], pods: readonly Stored<Pod>[]): Promise<number | undefined> {
    const now = this.#tools.clock.now();
    const due: Stored<Pod>[] = [];
    const awaited = new Set<string>();
    let next: number | undefined;
    for (const pod of pods) {
      if (pod.metadata.deletionTimestamp) continue;
      const at = evictionTime(pod, taints, now);
      if (at === undefined) this.#spare(node, pod);
      else if (at <= now) due.push(pod);
      else {
        awaited.add(pod.metadata.uid);
        next = Math.min(next ?? at - now, at - now);
      }
    }
    if (awaited.size > 0) this.#awaited.set(node, awaited);
    else this.#awaited.delete(node);
    await forEachLimited(due, PARALLEL, (pod) => evict(this.#tools, pod));
    return next;
  }

  /** The node is gone. */
  forget(node: string): void {
    this.#awaited.delete(node);
  }

  #spare(node: string, pod: Stored<Pod>): void {
    const { namespace, name, uid } = pod.metadata;
    if (!this.#awaited.get(node)?.has(uid)) return;
    const message = `Cancelling deletion of Pod ${namespace}/${name}`;
    this.#tools.events.event(pod, 'Normal', 'TaintManagerEviction', message);
  }
}

async function evict({ client, clock, events }: Tools, pod: Stored<Pod>): Promise<void> {
  const { name, namespace = '', uid } = pod.metadata;
  const why = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: apiTime(clock.now()),
  };
  events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`);
  try {
    const body = { metadata: { uid }, status: { conditions: [why] } };
    await client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
    await client.delete(Pods, name, namespace, { preconditions: { uid } });
  } catch (e) {
    if (!isNotFound(e) && !isConflict(e)) throw e;
  }
}
