import type { Kind } from '#api/kind.ts';
import {
  type Pod,
  Pods,
  type ReplicaSet,
  ReplicaSets,
  type ReplicationController,
  ReplicationControllers,
} from '#api/kinds/index.ts';
import { compileLabelSelector, type Selector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byController, type Lookup } from '../harness/indexes.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { Family } from '../ownership/family.ts';
import { podFromTemplate } from '../pods/from-template.ts';
import { type Failure, PodControl } from '../pods/pod-control.ts';
import { isActive } from '../pods/state.ts';
import { countByNode, deletionOrder } from './ranking.ts';
import { statusOf } from './status.ts';

/** Most pods created or deleted in one round. */
const BURST = 500;
/** Pod events of one set within this time lead to one reconcile and one status write. */
const GATHER_MS = 20;

/** Both kinds differ in the form of their selector only. */
type Replicated = ReplicaSet | ReplicationController;

interface Flavour<T extends Replicated> {
  readonly name: string;
  readonly kind: Kind<T>;
  readonly selectorOf: (o: T) => Selector;
}

/** Keeps `spec.replicas` pods of the template alive: adopts, releases, creates, deletes, and reports status. */
class ReplicasController<T extends Replicated> implements Controller {
  readonly name: string;
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #kind: Kind<T>;
  readonly #sets;
  readonly #siblings: Lookup<T>;
  readonly #family: Family<T, Pod>;
  readonly #control: PodControl;
  readonly #written: KindWrites<T>;

  constructor(deps: ControllerDeps, { name, kind, selectorOf }: Flavour<T>) {
    this.name = name;
    this.#deps = deps;
    this.#kind = kind;
    this.#written = new KindWrites(deps.client, kind);
    this.#sets = deps.informers.informer(kind);
    this.#siblings = byController(this.#sets);
    this.#family = new Family<T, Pod>({
      client: deps.client,
      ownerKind: kind,
      owners: this.#sets,
      childKind: Pods,
      children: deps.informers.informer(Pods),
      selectorOf,
    });
    this.#control = new PodControl(deps.client, this.#family.recent, deps.events(`${name}-controller`));
    this.watches = [
      watching(kind, (rs, _old, gone) => (gone ? this.#forget(rs) : ownKey(rs))),
      watching(Pods, this.#family.toKeys, { delayMs: GATHER_MS }),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const cached = this.#sets.lister.get(name, namespace);
    if (!cached) return undefined;
    const rs = this.#written.freshest(cached);
    let active: readonly Stored<Pod>[] = (await this.#family.claimed(rs)).filter(isActive);
    const missing = (rs.spec?.replicas ?? 1) - active.length;
    let failure: Failure | undefined;
    if (!rs.metadata.deletionTimestamp) {
      failure = await this.#manage(rs, active);
      active = this.#family.present(rs).filter(isActive);
    }
    const { status, changesIn } = statusOf(rs, { active, failure, now: this.#deps.clock.now() });
    await this.#written.status(rs, status);
    if (failure) throw new Error(failure.message);
    if (Math.abs(missing) > BURST) return { afterMs: GATHER_MS };
    return changesIn === undefined ? undefined : { afterMs: changesIn };
  }

  #manage(rs: Stored<T>, active: readonly Stored<Pod>[]): Promise<Failure | undefined> {
    const surplus = active.length - (rs.spec?.replicas ?? 1);
    const { template } = rs.spec ?? {};
    if (surplus < 0 && template) {
      const pod = podFromTemplate(rs, template, controllerRefTo(this.#kind, rs));
      return this.#control.create(rs, new Array<Pod>(Math.min(-surplus, BURST)).fill(pod));
    }
    if (surplus <= 0) return Promise.resolve(undefined);
    const order = deletionOrder(active, this.#workloadPerNode(rs), this.#deps.clock.now());
    return this.#control.remove(rs, order.slice(0, Math.min(surplus, BURST)));
  }

  /** Pods per node over all sets of the same Deployment: spreading is judged for the workload, not for one revision. */
  #workloadPerNode(rs: Stored<T>): Map<string, number> {
    const parent = controllerOf(rs);
    const sets = parent ? this.#siblings(parent.uid) : [rs];
    return countByNode(sets.flatMap((s) => this.#family.cached(s.metadata.uid).filter(isActive)));
  }

  #forget(rs: Stored<T>): readonly string[] {
    this.#family.recent.forget(rs.metadata.uid);
    this.#written.forget(rs.metadata.uid);
    return [];
  }
}

/** ReplicaSets: the present form, and what Deployments are made of ("ReplicaSet"). */
export const replicaSetController = (deps: ControllerDeps): Controller =>
  new ReplicasController<ReplicaSet>(deps, {
    name: 'replicaset',
    kind: ReplicaSets,
    selectorOf: (rs) => compileLabelSelector(rs.spec?.selector),
  });

/** ReplicationControllers: the older form, with plain equality selectors ("ReplicationController"). */
export const replicationController = (deps: ControllerDeps): Controller =>
  new ReplicasController<ReplicationController>(deps, {
    name: 'replication',
    kind: ReplicationControllers,
    selectorOf: (rc) => compileLabelSelector({ matchLabels: rc.spec?.selector ?? {} }),
  });
