import { ControllerRevisions, type DaemonSet, DaemonSets, type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
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
import { KindWrites } from '../harness/kind-writes.ts';
import { RetryGate } from '../harness/retry-gate.ts';
import { HASH_LABEL, Revisions } from '../history/revisions.ts';
import { controllerRefTo } from '../ownership/controller-ref.ts';
import { Family } from '../ownership/family.ts';
import { podFromTemplate } from '../pods/from-template.ts';
import { PodControl } from '../pods/pod-control.ts';
import { belongsOn, templateFor } from './placement.ts';
import { type DaemonPlan, planPlaces, planUpdate, type Scene } from './plan.ts';
import { statusOf } from './status.ts';

const GATHER_MS = 20;
/** Most pods created or deleted in one round. */
const BURST = 250;
/** Waits between replacements of a pod that fails again and again on one node. */
const FAILED_WAITS = { baseMs: 1000, maxMs: 15 * 60_000 };

/** Runs one pod of a template on every suitable node, and rolls out new templates node by node ("DaemonSet"). */
class DaemonSetController implements Controller {
  readonly name = 'daemonset';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #sets;
  readonly #nodes;
  readonly #family: Family<DaemonSet, Pod>;
  readonly #revisions: Revisions<DaemonSet>;
  readonly #events;
  readonly #control: PodControl;
  readonly #written: KindWrites<DaemonSet>;
  readonly #failures: RetryGate;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#failures = new RetryGate(deps.clock, FAILED_WAITS);
    const { client, informers } = deps;
    this.#written = new KindWrites(client, DaemonSets);
    this.#sets = informers.informer(DaemonSets);
    this.#nodes = informers.informer(Nodes);
    const selectorOf = (ds: Stored<DaemonSet>) => compileLabelSelector(ds.spec?.selector);
    const base = { client, ownerKind: DaemonSets, owners: this.#sets, selectorOf };
    this.#family = new Family({ ...base, childKind: Pods, children: informers.informer(Pods) });
    this.#revisions = new Revisions({ ...base, revisions: informers.informer(ControllerRevisions) });
    this.#events = deps.events('daemonset-controller');
    this.#control = new PodControl(client, this.#family.recent, this.#events);
    this.watches = [
      watching(DaemonSets, (ds, _old, gone) => (gone ? this.#forget(ds) : ownKey(ds))),
      watching(Pods, this.#family.toKeys, { delayMs: GATHER_MS }),
      watching(Nodes, (node, old, gone) => this.#concernedBy(node, old, gone)),
      watching(ControllerRevisions, () => []),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const cached = this.#sets.lister.get(name, namespace);
    if (!cached || cached.metadata.deletionTimestamp) return undefined;
    const ds = this.#written.freshest(cached);
    const pods = await this.#family.claimed(ds);
    const { all, latest, collisionCount } = await this.#revisions.sync(ds);
    const hash = latest.metadata.labels?.[HASH_LABEL] ?? '';
    const nodes = [...this.#nodes.lister.list()];
    const scene: Scene = { ds, nodes, pods, hash, now: this.#deps.clock.now() };
    const { error, waitMs } = await this.#act(scene);
    const after = { ...scene, pods: this.#family.present(ds) };
    await this.#prune(after, all);
    const { status, changesIn } = statusOf(after, collisionCount);
    await this.#written.status(ds, status);
    if (error) throw new Error(error);
    const afterMs = Math.min(changesIn ?? Number.POSITIVE_INFINITY, waitMs);
    return Number.isFinite(afterMs) ? { afterMs } : undefined;
  }

  /** @returns what went wrong, and in how many milliseconds there is more to do. */
  async #act(scene: Scene): Promise<{ error?: string | undefined; waitMs: number }> {
    const { ds } = scene;
    const places = planPlaces(scene);
    let waitMs = Number.POSITIVE_INFINITY;
    const held = new Set<Stored<Pod>>();
    for (const p of places.ended) {
      const wait = this.#failures.pass(`${ds.metadata.uid}/${ds.metadata.generation}/${p.spec?.nodeName}`);
      if (wait > 0) {
        held.add(p);
        waitMs = Math.min(waitMs, wait);
        continue;
      }
      const where = `daemon pod ${keyOf(p)} on node ${p.spec?.nodeName}`;
      if (p.status?.phase === 'Succeeded')
        this.#events.event(ds, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where}, will try to delete it`);
      else this.#events.event(ds, 'Warning', 'FailedDaemonPod', `Found failed ${where}, will try to kill it`);
    }
    const placing = { ...places, remove: places.remove.filter((p) => !held.has(p)) };
    if (placing.create.length > BURST || placing.remove.length > BURST) waitMs = GATHER_MS;
    const error = await this.#perform(scene, placing);
    if (error) return { error, waitMs };
    const next = planUpdate({ ...scene, pods: this.#family.present(ds) });
    return { error: await this.#perform(scene, next), waitMs };
  }

  /** @returns what went wrong. */
  async #perform({ ds, hash }: Scene, plan: DaemonPlan): Promise<string | undefined> {
    const ref = controllerRefTo(DaemonSets, ds);
    const pods = plan.create.slice(0, BURST).map((node) => podFromTemplate(ds, templateFor(ds, node, hash), ref));
    const created = await this.#control.create(ds, pods);
    const removed = await this.#control.remove(ds, plan.remove.slice(0, BURST));
    return created?.message ?? removed?.message;
  }

  async #prune(s: Scene, all: Parameters<Revisions<DaemonSet>['prune']>[1]): Promise<void> {
    const hashes = new Set(s.pods.map((p) => p.metadata.labels?.[HASH_LABEL]));
    const used = all.filter((r) => r === all.at(-1) || hashes.has(r.metadata.labels?.[HASH_LABEL]));
    await this.#revisions.prune(s.ds, all, new Set(used.map((r) => r.metadata.name)));
  }

  /** Heartbeats concern nobody: only sets for which the node's part changes are looked at. */
  #concernedBy(node: Stored<Node>, old: Stored<Node> | undefined, gone: boolean): string[] {
    const keys: string[] = [];
    for (const ds of this.#sets.lister.list()) {
      const verdict = belongsOn(ds, node);
      if (old ? !sameJson(belongsOn(ds, old), verdict) : gone || verdict.run) keys.push(keyOf(ds));
    }
    return keys;
  }

  #forget(ds: Stored<DaemonSet>): readonly string[] {
    this.#family.recent.forget(ds.metadata.uid);
    this.#revisions.forget(ds.metadata.uid);
    this.#written.forget(ds.metadata.uid);
    return [];
  }
}

export const daemonSetController = (deps: ControllerDeps): Controller => new DaemonSetController(deps);
