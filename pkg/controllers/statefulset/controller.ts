import {
  type ControllerRevision,
  ControllerRevisions,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  type Pod,
  Pods,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
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
import { KindWrites } from '../harness/kind-writes.ts';
import { HASH_LABEL, type History, Revisions, templateOf } from '../history/revisions.ts';
import { Family } from '../ownership/family.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import { messageOf } from '../pods/pod-control.ts';
import { isTerminal } from '../pods/state.ts';
import { Claims } from './claims.ts';
import { identityLabels, isClaimOf, ordinalOf, podFor, podName } from './identity.ts';
import { planStep, revisionFor, type Scene, statusOf } from './plan.ts';

const GATHER_MS = 20;
const PARALLEL = 16;

/**
 * Runs pods with lasting names and claims ("StatefulSet"). That a name is never alive twice is the API's doing: a pod's
 * object stays until its containers have ended, and this controller never removes one by force.
 */
class StatefulSetController implements Controller {
  readonly name = 'statefulset';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #sets;
  readonly #family: Family<StatefulSet, Pod>;
  readonly #revisions: Revisions<StatefulSet>;
  readonly #claims: Claims;
  readonly #events;
  readonly #written: KindWrites<StatefulSet>;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const { client, informers } = deps;
    this.#written = new KindWrites(client, StatefulSets);
    this.#sets = informers.informer(StatefulSets);
    const selectorOf = (set: Stored<StatefulSet>) => compileLabelSelector(set.spec?.selector);
    const base = { client, ownerKind: StatefulSets, owners: this.#sets, selectorOf };
    const isMember = (set: Stored<StatefulSet>, pod: Stored<Pod>) => ordinalOf(set, pod) !== undefined;
    this.#family = new Family({ ...base, childKind: Pods, children: informers.informer(Pods), isMember });
    this.#revisions = new Revisions({ ...base, revisions: informers.informer(ControllerRevisions) });
    this.#events = deps.events('statefulset-controller');
    this.#claims = new Claims({ client, claims: informers.informer(PersistentVolumeClaims), events: this.#events });
    this.watches = [
      watching(StatefulSets, (set, _old, gone) => (gone ? this.#forget(set) : ownKey(set))),
      watching(Pods, this.#family.toKeys, { delayMs: GATHER_MS }),
      watching(ControllerRevisions, () => []),
      watching(PersistentVolumeClaims, (claim, _old, gone) => (gone ? this.#keysOfClaim(claim) : [])),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#sets.lister.get(name, namespace);
    if (!cached || cached.metadata.deletionTimestamp) return undefined;
    const set = this.#written.freshest(cached);
    await this.#family.claimed(set);
    const history = await this.#revisions.sync(set);
    const scene = this.#look(set, history);
    const { waitMs, error } = await this.#act(scene, history);
    const after = this.#look(set, history);
    const { status, changesIn } = statusOf(after, history.collisionCount ?? 0);
    await this.#written.status(set, status);
    await this.#prune(after, history);
    if (error !== undefined) throw error;
    const afterMs = Math.min(waitMs, changesIn);
    return Number.isFinite(afterMs) ? { afterMs } : undefined;
  }

  #look(set: Stored<StatefulSet>, { all, latest }: History): Scene {
    const known = all.find((r) => r.metadata.name === set.status?.currentRevision);
    const pods = this.#family.present(set).filter((p) => ordinalOf(set, p) !== undefined);
    const update = latest.metadata.name;
    return { set, pods, current: known?.metadata.name ?? update, update, now: this.#deps.clock.now() };
  }

  /** One step. What went wrong is given back, so that the status is written all the same. */
  async #act(s: Scene, history: History): Promise<{ waitMs: number; error?: unknown }> {
    const step = planStep(s);
    try {
      await this.#claims.retain(s.set, s.pods);
      await forEachLimited(s.pods, PARALLEL, (pod) => this.#identify(s.set, pod));
      await forEachLimited(step.remove, PARALLEL, (pod) => this.#remove(s.set, pod));
      await forEachLimited(step.create, PARALLEL, (ordinal) => this.#create(s, ordinal, history));
      const left = s.pods.filter((p) => !step.remove.includes(p));
      await this.#claims.restore(s.set, left);
      return { waitMs: step.waitMs };
    } catch (error) {
      return { waitMs: step.waitMs, error };
    }
  }

  async #create(s: Scene, ordinal: number, { all, latest }: History): Promise<void> {
    const { set } = s;
    await this.#claims.ensure(set, ordinal);
    const revision = revisionFor(s, ordinal);
    const held: Stored<ControllerRevision> = all.find((r) => r.metadata.name === revision) ?? latest;
    const what = `create Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
    try {
      const pod = podFor(set, ordinal, { template: templateOf(held), revision });
      this.#family.recent.created(set.metadata.uid, await this.#deps.client.create(Pods, pod));
      this.#events.event(set, 'Normal', 'SuccessfulCreate', `${what} successful`);
    } catch (e) {
      if (isNamespaceTerminating(e)) return;
      this.#events.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${messageOf(e)}`);
      throw e;
    }
  }

  async #remove(set: Stored<StatefulSet>, pod: Stored<Pod>): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    if (isTerminal(pod)) {
      const reason = pod.status?.phase === 'Failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod';
      const how = pod.status?.phase === 'Failed' ? 'failed' : 'terminated';
      const message = `StatefulSet ${namespace}/${set.metadata.name} is recreating ${how} Pod ${name}`;
      this.#events.event(set, 'Warning', reason, message);
    }
    const what = `delete Pod ${name} in StatefulSet ${set.metadata.name}`;
    let ending: Stored<Pod> | undefined;
    try {
      const options = { preconditions: { uid } };
      const answer = (await this.#deps.client.delete(Pods, name, namespace, options)) as Partial<Stored<Pod>>;
      if (answer.metadata?.uid === uid && answer.metadata.deletionTimestamp) ending = answer as Stored<Pod>;
      this.#events.event(set, 'Normal', 'SuccessfulDelete', `${what} successful`);
    } catch (e) {
      if (!isNotFound(e)) {
        this.#events.event(set, 'Warning', 'FailedDelete', `${what} failed error: ${messageOf(e)}`);
        throw e;
      }
    }
    this.#family.recent.deleted(set.metadata.uid, uid, ending);
  }

  /** Adopted pods may lack the labels that say who they are. */
  async #identify(set: Stored<StatefulSet>, pod: Stored<Pod>): Promise<void> {
    const ordinal = ordinalOf(set, pod);
    if (ordinal === undefined || pod.metadata.deletionTimestamp) return;
    const wanted = identityLabels(set, ordinal);
    if (Object.entries(wanted).every(([k, v]) => pod.metadata.labels?.[k] === v)) return;
    const { name, namespace = '', uid } = pod.metadata;
    await this.#deps.client.patch(
      Pods,
      { name, namespace },
      { type: 'merge', body: { metadata: { uid, labels: wanted } } },
    );
  }

  async #prune(s: Scene, { all }: History): Promise<void> {
    const used = new Set([s.current, s.update, ...s.pods.map((p) => p.metadata.labels?.[HASH_LABEL] ?? '')]);
    await this.#revisions.prune(s.set, all, used);
  }

  /** A pod may be waiting for it. */
  #keysOfClaim({ metadata: { name, namespace } }: Stored<PersistentVolumeClaim>): readonly string[] {
    return [...this.#sets.lister.list(namespace)].filter((set) => isClaimOf(set, name)).map(keyOf);
  }

  #forget({ metadata: { uid } }: Stored<StatefulSet>): readonly string[] {
    this.#family.recent.forget(uid);
    this.#revisions.forget(uid);
    this.#written.forget(uid);
    return [];
  }
}

export const statefulSetController = (deps: ControllerDeps): Controller => new StatefulSetController(deps);
