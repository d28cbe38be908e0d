import { type Pod, Pods, type ReplicaSet, ReplicaSets } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited, slowStart } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';
import { byController, orphansIn } from '../harness/indexes.ts';
import { LastWritten, RecentWrites } from '../harness/recent-writes.ts';
import { claim } from '../ownership/claim.ts';
import { controllerKeys, controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import { podFromTemplate } from '../pods/from-template.ts';
import { isActive } from '../pods/state.ts';
import { countByNode, deletionOrder } from './ranking.ts';
import { type Failure, statusOf } from './status.ts';

/** Most pods created or deleted in one round. */
const BURST = 500;
/** Writes in flight at a time for one ReplicaSet. */
const PARALLEL = 16;
/** Pod events of one ReplicaSet within this time lead to one reconcile and one status write. */
const GATHER_MS = 20;

/** Keeps `spec.replicas` pods of the template alive: adopts, releases, creates, deletes, and reports status. */
export function replicaSetController(deps: ControllerDeps): Controller {
  const sets = deps.informers.informer(ReplicaSets);
  const pods = deps.informers.informer(Pods);
  const podsOf = byController(pods);
  const orphans = orphansIn(pods);
  const siblings = byController(sets);
  const recent = new RecentWrites<Pod>(pods);
  const written = new LastWritten<ReplicaSet>();
  const events = deps.events('replicaset-controller');

  /** A pod concerns its controller; without one, every set that might adopt it. */
  const keysOfPod = (pod: Stored<Pod>): readonly string[] => {
    if (controllerOf(pod)) return controllerKeys(pod, ReplicaSets);
    const keys: string[] = [];
    for (const rs of sets.lister.list(pod.metadata.namespace)) {
      if (compileLabelSelector(rs.spec?.selector).matches(pod.metadata.labels ?? {})) keys.push(keyOf(rs));
    }
    return keys;
  };

  async function create(rs: Stored<ReplicaSet>, count: number): Promise<Failure | undefined> {
    const template = rs.spec?.template;
    if (!template) return undefined;
    const pod = podFromTemplate(rs, template, controllerRefTo(ReplicaSets, rs));
    const { error } = await slowStart(count, PARALLEL, async () => {
      const made = await deps.client.create(Pods, pod);
      recent.created(rs.metadata.uid, made);
      events.event(rs, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    });
    if (error === undefined || isNamespaceTerminating(error)) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    events.event(rs, 'Warning', 'FailedCreate', `Error creating: ${message}`);
    return { reason: 'FailedCreate', message };
  }

  async function remove(rs: Stored<ReplicaSet>, victims: readonly Stored<Pod>[]): Promise<Failure | undefined> {
    try {
      await forEachLimited(victims, PARALLEL, async (pod) => {
        const { name, namespace, uid } = pod.metadata;
        try {
          await deps.client.delete(Pods, name, namespace, { preconditions: { uid }, propagationPolicy: 'Background' });
          events.event(rs, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
        } catch (e) {
          if (!isNotFound(e)) throw e;
        }
        recent.deleted(rs.metadata.uid, uid);
      });
      return undefined;
    } catch (e) {
      const message = e instanceof Error ? e.message : String(e);
      events.event(rs, 'Warning', 'FailedDelete', `Error deleting: ${message}`);
      return { reason: 'FailedDelete', message };
    }
  }

  /** Pods per node over all sets of the same Deployment: spreading is judged for the workload, not for one revision. */
  function workloadPerNode(rs: Stored<ReplicaSet>): Map<string, number> {
    const parent = controllerOf(rs);
    const sets = parent ? siblings(parent.uid) : [rs];
    return countByNode(sets.flatMap((s) => podsOf(s.metadata.uid).filter(isActive)));
  }

  async function manage(rs: Stored<ReplicaSet>, active: readonly Stored<Pod>[]): Promise<Failure | undefined> {
    const surplus = active.length - (rs.spec?.replicas ?? 1);
    if (surplus < 0) return create(rs, Math.min(-surplus, BURST));
    if (surplus === 0) return undefined;
    const order = deletionOrder(active, workloadPerNode(rs), deps.clock.now());
    return remove(rs, order.slice(0, Math.min(surplus, BURST)));
  }

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const cached = sets.lister.get(name, namespace);
    if (!cached) return undefined;
    const rs = written.freshest(cached);
    const uid = rs.metadata.uid;
    const selector = compileLabelSelector(rs.spec?.selector);
    const matches = (labels: Readonly<Record<string, string>> | undefined): boolean => selector.matches(labels ?? {});
    const owned = recent.overlay(uid, podsOf(uid));
    const known = new Set(owned.map((p) => p.metadata.uid));
    const claimed = await claim(deps.client, {
      ownerKind: ReplicaSets,
      owner: rs,
      childKind: Pods,
      owned,
      orphans: orphans(namespace).filter((p) => !known.has(p.metadata.uid)),
      matches,
    });
    for (const pod of claimed) if (!known.has(pod.metadata.uid)) recent.created(uid, pod);
    let active = claimed.filter(isActive);
    let failure: Failure | undefined;
    const missing = (rs.spec?.replicas ?? 1) - active.length;
    if (!rs.metadata.deletionTimestamp) {
      failure = await manage(rs, active);
      active = recent.overlay(uid, podsOf(uid)).filter((p) => isActive(p) && matches(p.metadata.labels));
    }
    const { status, changesIn } = statusOf(rs, { active, failure, now: deps.clock.now() });
    if (!sameJson(status, rs.status)) {
      written.wrote(await deps.client.updateStatus(ReplicaSets, { ...rs, status }));
    }
    if (failure) throw new Error(failure.message);
    if (Math.abs(missing) > BURST) return { afterMs: GATHER_MS };
    return changesIn === undefined ? undefined : { afterMs: changesIn };
  }

  return {
    name: 'replicaset',
    watches: [
      watching(ReplicaSets, (rs, _old, gone) => {
        if (!gone) return ownKey(rs);
        recent.forget(rs.metadata.uid);
        written.forget(rs.metadata.uid);
        return [];
      }),
      watching(Pods, (pod, old) => (old ? [...keysOfPod(old), ...keysOfPod(pod)] : keysOfPod(pod)), {
        delayMs: GATHER_MS,
      }),
    ],
    reconcile,
  };
}
