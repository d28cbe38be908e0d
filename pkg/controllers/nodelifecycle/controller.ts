import { type Lease, Leases, type Node, Nodes, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { apiTime } from '../harness/time.ts';
import { isReady, isTerminal } from '../pods/state.ts';
import { evictDue } from './eviction.ts';
import { type Health, healthOf, isBeingEvicted, isOwnReport, renewedAt, wantedTaints } from './health.ts';
import { Heartbeats } from './heartbeats.ts';
import { countZones, EvictionPace, evictionInterval, isFullOutage, zoneOf } from './zones.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const PARALLEL = 8;
/** How long a node waits whose zone may lose no more pods for now. */
const WITHHELD_MS = 10_000;

/** Watches heartbeats: marks silent nodes, taints them, and moves their pods away in time ("Nodes", node controller). */
export function nodeLifecycleController(deps: ControllerDeps, options: { gracePeriodMs: number }): Controller {
  const nodes = deps.informers.informer(Nodes);
  const pods = deps.informers.informer(Pods);
  const leases = deps.informers.informer(Leases, { namespace: LEASE_NAMESPACE });
  const podsOn = byNode(pods);
  const beats = new Heartbeats();
  const pace = new EvictionPace();
  const written = new LastWritten<Node>();
  const events = deps.events('node-controller');
  const { clock, client } = deps;
  const { gracePeriodMs } = options;

  const heardAt = (name: string): number =>
    beats.hear(name, renewedAt(leases.lister.get(name, LEASE_NAMESPACE)), clock.now());
  const health = (n: Stored<Node>): Health => healthOf(n, heardAt(n.metadata.name), clock.now(), gracePeriodMs);

  /** A silent node: nothing it last said of itself holds any more. */
  async function markSilent(node: Stored<Node>): Promise<Stored<Node>> {
    const { name } = node.metadata;
    const conditions = (node.status?.conditions ?? [])
      .filter((c) => c.status !== 'Unknown' && c.type !== 'NetworkUnavailable')
      .map((c) => ({
        type: c.type,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: apiTime(clock.now()),
      }));
    if (conditions.length === 0) return node;
    const body = { status: { conditions } };
    const marked = await client.patch(Nodes, { name, subresource: 'status' }, { type: 'strategic', body });
    events.event(nodeRef(node), 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    return written.wrote(marked);
  }

  /** Pods of a node that does not answer are not ready, so that services stop sending to them at once. */
  async function markPodsNotReady(node: string): Promise<void> {
    const ready = podsOn(node).filter((p) => isReady(p) && !isTerminal(p));
    await forEachLimited(ready, PARALLEL, async (p) => {
      const { name, namespace = '', uid } = p.metadata;
      const condition = { type: 'Ready', status: 'False', lastTransitionTime: apiTime(clock.now()) };
      const body = { metadata: { uid }, status: { conditions: [condition] } };
      try {
        await client.patch(Pods, { name, namespace, subresource: 'status' }, { type: 'strategic', body });
        const about = { apiVersion: 'v1', kind: 'Pod', metadata: p.metadata };
        events.event(about, 'Warning', 'NodeNotReady', 'Node is not ready');
      } catch (e) {
        if (!isNotFound(e) && !isConflict(e)) throw e;
      }
    });
  }

  /** Whether the pods of an unhealthy node may be given up now; if not, when to ask again. */
  function mayEvict(node: Stored<Node>): { evict: boolean; askAgainMs?: number } {
    const zones = countZones(nodes.lister.list(), (n) => health(n as Stored<Node>) === 'ready');
    if (isFullOutage(zones.values())) return { evict: false, askAgainMs: WITHHELD_MS };
    if (isBeingEvicted(node)) return { evict: true };
    const zone = zoneOf(node);
    const interval = evictionInterval(zones.get(zone) ?? { ready: 0, unhealthy: 1 });
    const wait = pace.take(node.metadata.name, { name: zone, interval }, clock.now());
    return wait === 0 ? { evict: true } : { evict: false, askAgainMs: Math.min(wait, WITHHELD_MS) };
  }

  async function taint(node: Stored<Node>, state: Health, evict: boolean): Promise<Stored<Node>> {
    const taints = wantedTaints(node, { health: state, evict, nowText: apiTime(clock.now()) });
    if (sameJson(taints, node.spec?.taints ?? [])) return node;
    const body = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } };
    return written.wrote(await client.patch(Nodes, { name: node.metadata.name }, { type: 'merge', body }));
  }

  async function reconcile(name: string): Promise<Outcome> {
    const cached = nodes.lister.get(name);
    if (!cached) {
      beats.forget(name);
      return undefined;
    }
    let node = written.freshest(cached);
    const state = health(node);
    const silentFor = clock.now() - heardAt(name);
    if (silentFor > gracePeriodMs) {
      node = await markSilent(node);
      await markPodsNotReady(name);
    }
    const { evict, askAgainMs } = state === 'ready' ? { evict: false } : mayEvict(node);
    node = await taint(node, state, evict);
    const nextEviction = await evictDue({ client, clock, events }, node, podsOn(name));
    // A silent node needs no timer: its next sign of life, or the next change of its pods, brings the key.
    const silentIn = silentFor > gracePeriodMs ? undefined : gracePeriodMs - silentFor + 1;
    const next = [silentIn, askAgainMs, nextEviction].filter((t) => t !== undefined);
    return next.length > 0 ? { afterMs: Math.max(20, Math.min(...next)) } : undefined;
  }

  /** A renewed lease only moves the time of the next check; when a silent node is heard again, all are looked at. */
  function onLease(lease: Stored<Lease>): readonly string[] {
    const { name } = lease.metadata;
    const before = beats.lastHeard(name);
    const wasSilent = before === undefined || clock.now() - before > gracePeriodMs;
    beats.hear(name, renewedAt(lease), clock.now());
    return wasSilent ? [...nodes.lister.list()].map((n) => n.metadata.name) : [];
  }

  const nodeRef = (n: Stored<Node>) => ({ apiVersion: 'v1', kind: 'Node', metadata: n.metadata });
  const relevant = (n: Node): unknown => [
    n.spec?.taints,
    n.spec?.unschedulable,
    n.status?.conditions?.map((c) => [c.type, c.status]),
  ];
  return {
    name: 'node-lifecycle',
    watches: [
      watching(Nodes, (n, old, gone) => {
        if (gone) written.forget(n.metadata.uid);
        if (old && isOwnReport(n, old)) beats.alive(n.metadata.name, clock.now());
        return old && sameJson(relevant(n), relevant(old)) ? [] : ownKey(n);
      }),
      watching(Leases, (l, _old, gone) => (gone ? [] : onLease(l)), { informer: { namespace: LEASE_NAMESPACE } }),
      // A pod bound to a tainted node may have to go at once; one on a silent node is not ready whatever it says.
      watching(Pods, (p, old) => {
        const node = p.spec?.nodeName;
        if (!node || (old?.spec?.nodeName && isReady(old) === isReady(p))) return [];
        return nodes.lister.get(node)?.spec?.taints?.length ? [node] : [];
      }),
    ],
    reconcile,
  };
}
