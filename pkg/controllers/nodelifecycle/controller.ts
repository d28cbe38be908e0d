import { Leases, type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { apiTime } from '../harness/time.ts';
import { isReady, isTerminal } from '../pods/state.ts';
import { evictionTime, type Health, healthOf, renewedAt, wantedTaints } from './health.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const PARALLEL = 8;
/** When this share of all nodes is silent, it is rather we who are cut off: nothing is evicted. */
const FULL_OUTAGE = 1;

interface Heartbeat {
  renew: string;
  /** When we saw it change, by our clock: clocks of nodes are never compared with ours. */
  at: number;
}

/** Watches heartbeats: marks silent nodes, taints them, and moves their pods away in time ("Nodes", node controller). */
export function nodeLifecycleController(deps: ControllerDeps, options: { gracePeriodMs: number }): Controller {
  const nodes = deps.informers.informer(Nodes);
  const pods = deps.informers.informer(Pods);
  const leases = deps.informers.informer(Leases, { namespace: LEASE_NAMESPACE });
  const podsOn = byNode(pods);
  const heard = new Map<string, Heartbeat>();
  const events = deps.events('node-controller');
  const { clock, client } = deps;

  function heartbeat(name: string): Heartbeat {
    const renew = renewedAt(leases.lister.get(name, LEASE_NAMESPACE));
    let h = heard.get(name);
    if (!h || h.renew !== renew) {
      h = { renew, at: clock.now() };
      heard.set(name, h);
    }
    return h;
  }

  async function markSilent(node: Stored<Node>): Promise<void> {
    const now = apiTime(clock.now());
    const conditions = (node.status?.conditions ?? []).map((c) =>
      c.status === 'Unknown'
        ? c
        : {
            ...c,
            status: 'Unknown' as const,
            reason: 'NodeStatusUnknown',
            message: 'Kubelet stopped posting node status.',
            lastTransitionTime: now,
          },
    );
    if (sameJson(conditions, node.status?.conditions)) return;
    events.event(node, 'Normal', 'NodeNotReady', `Node ${node.metadata.name} status is now: NodeNotReady`);
    await client.patch(
      Nodes,
      { name: node.metadata.name, subresource: 'status' },
      { type: 'strategic', body: { status: { conditions } } },
    );
  }

  /** Pods of a node that does not answer are not ready, so that services stop sending to them. */
  async function markPodsNotReady(node: string): Promise<void> {
    const now = apiTime(clock.now());
    await forEachLimited(
      podsOn(node).filter((p) => isReady(p) && !isTerminal(p)),
      PARALLEL,
      async (p) => {
        const body = {
          metadata: { uid: p.metadata.uid },
          status: { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: now, reason: 'NodeNotReady' }] },
        };
        try {
          await client.patch(
            Pods,
            { name: p.metadata.name, namespace: p.metadata.namespace ?? '', subresource: 'status' },
            { type: 'strategic', body },
          );
        } catch (e) {
          if (!isNotFound(e) && !isConflict(e)) throw e;
        }
      },
    );
  }

  async function taint(node: Stored<Node>, health: Health): Promise<Stored<Node>> {
    const taints = wantedTaints(node, health, apiTime(clock.now()));
    if (sameJson(taints, node.spec?.taints ?? [])) return node;
    const body = { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } };
    return client.patch(Nodes, { name: node.metadata.name }, { type: 'merge', body });
  }

  const silent = (name: string): boolean => clock.now() - heartbeat(name).at > options.gracePeriodMs;

  /** True when no node at all is heard. */
  function isFullOutage(): boolean {
    const all = [...nodes.lister.list()];
    return all.length > 1 && all.filter((n) => silent(n.metadata.name)).length >= all.length * FULL_OUTAGE;
  }

  async function evict(pod: Stored<Pod>): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    events.event(
      { ...pod, kind: 'Pod', apiVersion: 'v1' },
      'Normal',
      'TaintManagerEviction',
      `Marking for deletion Pod ${namespace}/${name}`,
    );
    try {
      await client.delete(Pods, name, namespace, { preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }

  /** Evicts what is due. @returns milliseconds until the next pod is */
  async function evictDue(node: Stored<Node>): Promise<number | undefined> {
    const now = clock.now();
    let next: number | undefined;
    const due: Stored<Pod>[] = [];
    for (const pod of podsOn(node.metadata.name)) {
      if (pod.metadata.deletionTimestamp) continue;
      const at = evictionTime(pod, node.spec?.taints ?? [], now);
      if (at === undefined) continue;
      if (at <= now) due.push(pod);
      else next = Math.min(next ?? at - now, at - now);
    }
    if (due.length > 0 && !isFullOutage()) await forEachLimited(due, PARALLEL, evict);
    return next;
  }

  async function reconcile(name: string): Promise<Outcome> {
    const node = nodes.lister.get(name);
    if (!node) {
      heard.delete(name);
      return undefined;
    }
    const h = heartbeat(name);
    const health = healthOf(node, h.at, clock.now(), options.gracePeriodMs);
    if (health === 'unreachable') await markSilent(node);
    const tainted = await taint(node, health);
    if (health !== 'ready') await markPodsNotReady(name);
    const nextEviction = await evictDue(tainted);
    const nextCheck = health === 'unreachable' ? options.gracePeriodMs : h.at + options.gracePeriodMs + 1 - clock.now();
    return { afterMs: Math.max(50, Math.min(nextCheck, nextEviction ?? nextCheck)) };
  }

  const relevant = (n: Node): unknown => [
    n.spec?.taints,
    n.spec?.unschedulable,
    n.status?.conditions?.map((c) => [c.type, c.status]),
  ];
  return {
    name: 'node-lifecycle',
    watches: [
      watching(Nodes, (n, old) => (old && sameJson(relevant(n), relevant(old)) ? [] : ownKey(n))),
      // A renewed lease only moves the time of the next check; a node that was silent is looked at again at once.
      watching(
        Leases,
        (l) => {
          const was = heard.get(l.metadata.name);
          const wasSilent = was !== undefined && clock.now() - was.at > options.gracePeriodMs;
          heartbeat(l.metadata.name);
          return wasSilent || !was ? [l.metadata.name] : [];
        },
        { informer: { namespace: LEASE_NAMESPACE } },
      ),
      watching(Pods, (p, old) =>
        p.spec?.nodeName && !old?.spec?.nodeName && nodes.lister.get(p.spec.nodeName)?.spec?.taints?.length
          ? [p.spec.nodeName]
          : [],
      ),
    ],
    reconcile,
  };
}
