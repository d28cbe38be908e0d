import { type Deployment, Deployments, type Pod, Pods, type ReplicaSet, ReplicaSets } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byController, orphansIn } from '../harness/indexes.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { LastWritten, RecentWrites } from '../harness/recent-writes.ts';
import { claim } from '../ownership/claim.ts';
import { controllerKeys, controllerOf } from '../ownership/controller-ref.ts';
import { isTerminal } from '../pods/state.ts';
import { DESIRED, MAX, REVISION, replicaSetAnnotations, revisionOf } from './annotations.ts';
import { sameTemplate } from './hash.ts';
import { isRolling, maxTotal, replicasOf } from './limits.ts';
import { newReplicaSet, type Revisions, revisionsOf, surplusHistory } from './revisions.ts';
import { rollingStep, type Scale } from './rolling.ts';
import { isScaling, scaleStep } from './scaling.ts';
import { overdueIn, type Rollout, statusOf } from './status.ts';

/** Changes of the ReplicaSets of one Deployment within this time lead to one reconcile, milliseconds. */
const GATHER_MS = 20;

interface Current {
  readonly rs: Stored<ReplicaSet> | undefined;
  readonly started?: NonNullable<Rollout['started']>;
  readonly failure?: string;
  readonly collisionCount?: number;
}

/** Rolls Deployments out and back: one ReplicaSet per template, sized step by step ("Deployments"). */
class DeploymentController implements Controller {
  readonly name = 'deployment';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #deployments;
  readonly #sets;
  readonly #pods;
  readonly #setsOf;
  readonly #orphans;
  readonly #podsOf;
  readonly #recent;
  readonly #written;
  readonly #lastSets = new LastWritten<ReplicaSet>();
  readonly #events;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#deployments = deps.informers.informer(Deployments);
    this.#sets = deps.informers.informer(ReplicaSets);
    this.#pods = deps.informers.informer(Pods);
    this.#setsOf = byController(this.#sets);
    this.#orphans = orphansIn(this.#sets);
    this.#podsOf = byController(this.#pods);
    this.#recent = new RecentWrites<ReplicaSet>(this.#sets);
    this.#written = new KindWrites(deps.client, Deployments);
    this.#events = deps.events('deployment-controller');
    this.watches = [
      watching(Deployments, (d, _old, gone) => {
        if (!gone) return ownKey(d);
        this.#recent.forget(d.metadata.uid);
        this.#written.forget(d.metadata.uid);
        return [];
      }),
      watching(
        ReplicaSets,
        (rs, old, gone) => {
          if (gone) this.#lastSets.forget(rs.metadata.uid);
          return old ? [...this.#keysOfSet(old), ...this.#keysOfSet(rs)] : this.#keysOfSet(rs);
        },
        { delayMs: GATHER_MS },
      ),
      watching(Pods, (pod, _old, gone) => this.#keysOfPod(pod, gone), { delayMs: GATHER_MS }),
    ];
  }

  readonly #keysOfSet = (rs: Stored<ReplicaSet>): readonly string[] => {
    if (controllerOf(rs)) return controllerKeys(rs, Deployments);
    const keys: string[] = [];
    for (const d of this.#deployments.lister.list(rs.metadata.namespace)) {
      if (compileLabelSelector(d.spec?.selector).matches(rs.metadata.labels ?? {})) keys.push(keyOf(d));
    }
    return keys;
  };

  /** Recreate waits until the last old pod is gone: pods lead to the Deployment of their ReplicaSet. */
  readonly #keysOfPod = (pod: Stored<Pod>, gone: boolean): readonly string[] => {
    if (!gone && !isTerminal(pod)) return [];
    const ref = controllerOf(pod);
    const rs = ref && this.#sets.lister.get(ref.name, pod.metadata.namespace);
    return rs ? controllerKeys(rs, Deployments) : [];
  };

  readonly #oldPodsLeft = (old: readonly Stored<ReplicaSet>[]): boolean =>
    old.some((rs) => this.#podsOf(rs.metadata.uid).some((p) => !isTerminal(p)));

  async #claimed(d: Stored<Deployment>): Promise<Stored<ReplicaSet>[]> {
    const selector = compileLabelSelector(d.spec?.selector);
    const owned = this.#recent.overlay(d.metadata.uid, this.#setsOf(d.metadata.uid));
    const found = await claim(this.#deps.client, {
      ownerKind: Deployments,
      owner: d,
      childKind: ReplicaSets,
      owned,
      orphans: this.#orphans(d.metadata.namespace ?? ''),
      matches: (labels) => selector.matches(labels ?? {}),
    });
    return found.map((rs) => this.#lastSets.freshest(rs));
  }

  /** The ReplicaSet of the present template, made if need be. */
  async #ensureCurrent(d: Stored<Deployment>, r: Revisions): Promise<Current> {
    if (r.current) {
      const rs = await this.#annotate(d, r.current, r.revision);
      // The Deployment is stamped with the revision last of all: until then this counts as the start of a rollout, and a
      // rollback does not inherit the expired deadline of the rollout it ends.
      return revisionOf(d) === revisionOf(rs) ? { rs } : { rs, started: 'FoundNewReplicaSet' };
    }
    const wanted = newReplicaSet(d, r);
    try {
      const made = await this.#deps.client.create(ReplicaSets, wanted);
      this.#recent.created(d.metadata.uid, made);
      const size = replicasOf(made);
      if (size > 0)
        this.#events.event(
          d,
          'Normal',
          'ScalingReplicaSet',
          `Scaled up replica set ${made.metadata.name} from 0 to ${size}`,
        );
      return { rs: made, started: 'NewReplicaSetCreated' };
    } catch (e) {
      if (isAlreadyExists(e)) return this.#takeExisting(d, wanted);
      const message = e instanceof Error ? e.message : String(e);
      this.#events.event(
        d,
        'Warning',
        'ReplicaSetCreateError',
        `Failed to create new replica set "${wanted.metadata?.name}": ${message}`,
      );
      return { rs: undefined, failure: message };
    }
  }

  /** The name is taken: by our own earlier try, or by another template with the same hash. */
  async #takeExisting(d: Stored<Deployment>, wanted: ReplicaSet): Promise<Current> {
    const found = await this.#deps.client.get(ReplicaSets, wanted.metadata?.name ?? '', d.metadata.namespace);
    const ours = controllerOf(found)?.uid === d.metadata.uid;
    if (ours && found.spec?.template && d.spec?.template && sameTemplate(found.spec.template, d.spec.template)) {
      this.#recent.created(d.metadata.uid, found);
      return { rs: found };
    }
    return { rs: undefined, collisionCount: (d.status?.collisionCount ?? 0) + 1 };
  }

  /** Keeps annotations and minReadySeconds of the current ReplicaSet in step. */
  async #annotate(d: Stored<Deployment>, rs: Stored<ReplicaSet>, revision: number): Promise<Stored<ReplicaSet>> {
    const annotations = replicaSetAnnotations(d, rs.metadata.annotations ?? {}, revision);
    const minReadySeconds = d.spec?.minReadySeconds ?? 0;
    if (sameJson(annotations, rs.metadata.annotations) && (rs.spec?.minReadySeconds ?? 0) === minReadySeconds)
      return rs;
    const body = { metadata: { annotations }, spec: { minReadySeconds } };
    const { name, namespace } = rs.metadata;
    return this.#lastSets.wrote(
      await this.#deps.client.patch(ReplicaSets, { name, namespace }, { type: 'merge', body }),
    );
  }

  async #scale(d: Stored<Deployment>, { rs, to }: Scale): Promise<void> {
    const from = replicasOf(rs);
    const annotations = { [DESIRED]: String(replicasOf(d)), [MAX]: String(maxTotal(d)) };
    const body = { metadata: { annotations, resourceVersion: rs.metadata.resourceVersion }, spec: { replicas: to } };
    const { name, namespace } = rs.metadata;
    this.#lastSets.wrote(await this.#deps.client.patch(ReplicaSets, { name, namespace }, { type: 'merge', body }));
    if (from === to) return;
    this.#events.event(
      d,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`,
    );
  }

  #stepsOf(
    d: Stored<Deployment>,
    current: Stored<ReplicaSet> | undefined,
    old: readonly Stored<ReplicaSet>[],
  ): Scale[] {
    const all = [...(current ? [current] : []), ...old];
    if (d.spec?.paused || isScaling(d, all)) return scaleStep(d, current, old);
    if (!current) return [];
    if (isRolling(d)) return rollingStep(d, current, old);
    return replicasOf(current) === replicasOf(d) ? [] : [{ rs: current, to: replicasOf(d) }];
  }

  async #advance(d: Stored<Deployment>): Promise<Rollout> {
    const r = revisionsOf(d, await this.#claimed(d));
    const now = this.#deps.clock.now();
    if (d.spec?.paused) {
      for (const step of this.#stepsOf(d, r.current, r.old)) await this.#scale(d, step);
      return { current: r.current, old: r.old, now };
    }
    if (!isRolling(d)) {
      // Recreate: nothing new starts while anything old still runs.
      const running = r.old.filter((rs) => replicasOf(rs) > 0);
      for (const rs of running) await this.#scale(d, { rs, to: 0 });
      if (running.length > 0 || this.#oldPodsLeft(r.old)) return { current: r.current, old: r.old, now, waiting: true };
    }
    const { rs: current, ...found } = await this.#ensureCurrent(d, r);
    if (current) {
      for (const step of this.#stepsOf(d, current, r.old)) await this.#scale(d, step);
      await this.#prune(d, current, r.old);
    }
    const latest = (rs: Stored<ReplicaSet>): Stored<ReplicaSet> => this.#lastSets.freshest(rs);
    return { current: current && latest(current), old: r.old.map(latest), now, ...found };
  }

  async #stampRevision(d: Stored<Deployment>, current: Stored<ReplicaSet> | undefined): Promise<void> {
    const revision = current?.metadata.annotations?.[REVISION];
    if (!revision || d.metadata.annotations?.[REVISION] === revision) return;
    const body = { metadata: { annotations: { [REVISION]: revision } } };
    const { name, namespace } = d.metadata;
    // Through the status: a change of annotations counts as one of what is wanted otherwise.
    const to = { name, namespace, subresource: 'status' };
    this.#written.wrote(await this.#deps.client.patch(Deployments, to, { type: 'merge', body }));
  }

  async #prune(d: Stored<Deployment>, current: Stored<ReplicaSet>, old: readonly Stored<ReplicaSet>[]): Promise<void> {
    if ((current.status?.availableReplicas ?? 0) < replicasOf(d)) return;
    for (const rs of surplusHistory(d, old)) {
      try {
        await this.#deps.client.delete(ReplicaSets, rs.metadata.name, rs.metadata.namespace, {
          preconditions: { uid: rs.metadata.uid },
        });
      } catch (e) {
        if (!isNotFound(e)) throw e;
      }
    }
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const cached = this.#deployments.lister.get(name, namespace);
    if (!cached) return undefined;
    const d = this.#written.freshest(cached);
    if (d.metadata.deletionTimestamp) return undefined;
    const rollout = await this.#advance(d);
    const status = statusOf(d, rollout);
    await this.#written.status(d, status);
    if (!d.spec?.paused && !rollout.waiting) await this.#stampRevision(d, rollout.current);
    if (rollout.failure) throw new Error(rollout.failure);
    if (rollout.collisionCount !== undefined) return { afterMs: GATHER_MS };
    const overdue = overdueIn(d, status, this.#deps.clock.now());
    return overdue === undefined ? undefined : { afterMs: overdue };
  }
}

export const deploymentController = (deps: ControllerDeps): Controller => new DeploymentController(deps);
