import { type Lease, Leases, type Node, Nodes, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady, readinessOf } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import { forEachLimited } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { isTerminal } from '../pods/state.ts';
import { Evictions } from './eviction.ts';
import { type Health, healthOf, isBeingEvicted, isOwnReport, renewedAt, silenced, wantedTaints } from './health.ts';
import { Heartbeats } from './heartbeats.ts';
import { TaintTimes } from './taint-times.ts';
import { countZones, EvictionPace, evictionInterval, isFullOutage, zoneOf } from './zones.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const PARALLEL = 8;
/** How long a node waits whose zone may lose no more pods for now. */
const WITHHELD_MS = 10_000;
/** A node is new for so long after it was made. */
const NEW_MS = 300_000;

/** Watches heartbeats: marks silent nodes, taints them, and moves their pods away in time ("Nodes", node controller). */
class NodeLifecycle implements Controller {
  readonly name = 'node-lifecycle';
  readonly watches: readonly Watch[];
  readonly #nodes;
  readonly #pods;
  readonly #leases;
  readonly #podsOn;
  readonly #beats = new Heartbeats();
  readonly #pace = new EvictionPace();
  readonly #taintTimes = new TaintTimes();
  readonly #written = new LastWritten<Node>();
  readonly #events;
  readonly #clock;
  readonly #client;
  readonly #gracePeriodMs;
  readonly #evictions;

  constructor(deps: ControllerDeps, options: { gracePeriodMs: number }) {
    this.#nodes = deps.informers.informer(Nodes);
    this.#pods = deps.informers.informer(Pods);
    this.#leases = deps.informers.informer(Leases, { namespace: LEASE_NAMESPACE });
    this.#podsOn = byNode(this.#pods);
    this.#events = deps.events('node-controller');
    this.#clock = deps.clock;
    this.#client = deps.client;
    this.#gracePeriodMs = options.gracePeriodMs;
    this.#evictions = new Evictions({ client: deps.client, clock: deps.clock, events: this.#events });
    this.watches = [
      watching(Nodes, (n, old, gone) => {
        if (gone) {
          this.#written.forget(n.metadata.uid);
          this.#taintTimes.forget(n.metadata.uid);
        }
        if (gone || !old) this.#tellOfNode(n, gone);
        if (old && isOwnReport(n, old)) this.#beats.alive(n.metadata.name, this.#clock.now());
        return old && sameJson(this.#relevant(n), this.#relevant(old)) ? [] : ownKey(n);
      }),
      watching(Leases, (l, _old, gone) => (gone ? [] : this.#onLease(l)), { informer: { namespace: LEASE_NAMESPACE } }),
      // A pod bound to a tainted node may have to go at once; one on a silent node is not ready whatever it says.
      watching(Pods, (p, old) => {
        const node = p.spec?.nodeName;
        if (!node || (old?.spec?.nodeName && isReady(old) === isReady(p))) return [];
        return this.#nodes.lister.get(node)?.spec?.taints?.length ? [node] : [];
      }),
    ];
  }

  readonly #heardAt = (name: string): number =>
    this.#beats.hear(name, renewedAt(this.#leases.lister.get(name, LEASE_NAMESPACE)), this.#clock.now());

  readonly #health = (n: Stored<Node>): Health =>
    healthOf(n, this.#heardAt(n.metadata.name), this.#clock.now(), this.#gracePeriodMs);

  readonly #silentFor = (name: string): number => this.#clock.now() - this.#heardAt(name);

  /** Asks live before a node is called silent: it may be our watch, or we ourselves, that stood still. */
  async #hearLive(name: string): Promise<void> {
    try {
      const lease = await this.#client.get(Leases, name, LEASE_NAMESPACE);
      this.#beats.hear(name, renewedAt(lease), this.#clock.now());
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  /** Those that were there long before this process are not told of again. */
  #tellOfNode(n: Stored<Node>, gone: boolean): void {
    const { name, creationTimestamp } = n.metadata;
    if (!gone && this.#clock.now() - Date.parse(creationTimestamp) >= NEW_MS) return;
    const [reason, what] = gone
      ? ['RemovingNode', `Removing Node ${name} from`]
      : ['RegisteredNode', `Registered Node ${name} in`];
    this.#events.event(n, 'Normal', reason, `Node ${name} event: ${what} Controller`);
  }

  readonly #relevant = (n: Node): unknown => [
    n.spec?.taints,
    n.spec?.unschedulable,
    n.status?.conditions?.map((c) => [c.type, c.status]),
  ];

  /** A silent node: nothing it last said of itself holds any more. */
  async #markSilent(node: Stored<Node>): Promise<Stored<Node>> {
    const { name, resourceVersion } = node.metadata;
    const conditions = silenced(node, this.#clock.now());
    if (conditions.length === 0) return node;
    // Not over what the node, or another one of its name, may have said of itself meanwhile.
    const body = { metadata: { resourceVersion }, status: { conditions } };
    const marked = await this.#client.patch(Nodes, { name, subresource: 'status' }, { type: 'strategic', body });
    this.#events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    return this.#written.wrote(marked);
  }

  /** Pods of a node that does not answer are not ready, so that services stop sending to them at once. */
  async #markPodsNotReady(node: string): Promise<void> {
    const ready = this.#podsOn(node).filter((p) => isReady(p) && !isTerminal(p));
    await forEachLimited(ready, PARALLEL, async (p) => {
      const { name, namespace = '', uid } = p.metadata;
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: apiTime(this.#clock.now()) };
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      try {
        await this.#client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
        this.#events.event(p, 'Warning', 'NodeNotReady', 'Node is not ready');
      } catch (e) {
        if (!isNotFound(e) && !isConflict(e)) throw e;
      }
    });
  }

  /** Whether the pods of an unhealthy node may be given up now; if not, when to ask again. */
  #mayEvict(node: Stored<Node>): { evict: boolean; askAgainMs?: number } {
    const zones = countZones(this.#nodes.lister.list(), (n) => this.#health(n as Stored<Node>) === 'ready');
    if (isFullOutage(zones.values())) return { evict: false, askAgainMs: WITHHELD_MS };
    // Should the others turn out to be silent too, it was no failure of this node, and its pods stay.
    if (isBeingEvicted(node)) return { evict: true, askAgainMs: WITHHELD_MS };
    const zone = zoneOf(node);
    const interval = evictionInterval(zones.get(zone) ?? { ready: 0, unhealthy: 1 });
    const wait = this.#pace.take(node.metadata.name, { name: zone, interval }, this.#clock.now());
    return wait === 0
      ? { evict: true, askAgainMs: WITHHELD_MS }
      : { evict: false, askAgainMs: Math.min(wait, WITHHELD_MS) };
  }

  async #taint(node: Stored<Node>, state: Health, evict: boolean): Promise<Stored<Node>> {
    const taints = wantedTaints(node, { health: state, evict, nowText: apiTime(this.#clock.now()) });
    if (sameJson(taints, node.spec?.taints ?? [])) return node;
    const body = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } };
    return this.#written.wrote(await this.#client.patch(Nodes, { name: node.metadata.name }, { type: 'merge', body }));
  }

  async reconcile(name: string): Promise<Outcome> {
    const cached = this.#nodes.lister.get(name);
    if (!cached) {
      this.#beats.forget(name);
      this.#evictions.forget(name);
      return undefined;
    }
    let node = this.#written.freshest(cached);
    if (this.#silentFor(name) > this.#gracePeriodMs && readinessOf(node) !== 'Unknown') await this.#hearLive(name);
    const state = this.#health(node);
    const silentFor = this.#silentFor(name);
    if (silentFor > this.#gracePeriodMs) {
      node = await this.#markSilent(node);
      await this.#markPodsNotReady(name);
    }
    const { evict, askAgainMs } = state === 'ready' ? { evict: false } : this.#mayEvict(node);
    node = await this.#taint(node, state, evict);
    const nextEviction = await this.#evictions.due(
      name,
      this.#taintTimes.dated(node, this.#clock.now()),
      this.#podsOn(name),
    );
    // A silent node needs no timer: its next sign of life, or the next change of its pods, brings the key.
    const silentIn = silentFor > this.#gracePeriodMs ? undefined : this.#gracePeriodMs - silentFor + 1;
    const next = [silentIn, askAgainMs, nextEviction].filter((t) => t !== undefined);
    return next.length > 0 ? { afterMs: Math.max(20, Math.min(...next)) } : undefined;
  }

  /** A renewed lease only moves the time of the next check; when a silent node is heard again, all are looked at. */
  #onLease(lease: Stored<Lease>): readonly string[] {
    const { name } = lease.metadata;
    const before = this.#beats.lastHeard(name);
    const wasSilent = before === undefined || this.#clock.now() - before > this.#gracePeriodMs;
    this.#beats.hear(name, renewedAt(lease), this.#clock.now());
    return wasSilent ? [...this.#nodes.lister.list()].map((n) => n.metadata.name) : [];
  }
}

export const nodeLifecycleController = (deps: ControllerDeps, options: { gracePeriodMs: number }): Controller =>
  new NodeLifecycle(deps, options);
