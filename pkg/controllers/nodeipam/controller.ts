import { Nodes } from '#api/kinds/index.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { SubnetPool } from './cidrs.ts';

const FULL_RETRY_MS = 30_000;

/** Gives every node a subnet of the pod network, no two the same. One worker: assignments are made one after the other. */
export function nodeIpamController(
  deps: ControllerDeps,
  options: { clusterCidr: string; maskSize: number },
): Controller {
  const nodes = deps.informers.informer(Nodes);
  const pool = new SubnetPool(options.clusterCidr, options.maskSize);
  const events = deps.events('node-ipam-controller');
  /** Given out, but perhaps not in the cache yet. */
  const given = new Map<string, string>();

  function freeFor(name: string): string | undefined {
    const taken = new Set([...given].filter(([n]) => n !== name).map(([, cidr]) => cidr));
    for (const n of nodes.lister.list()) if (n.spec?.podCIDR) taken.add(n.spec.podCIDR);
    return pool.free(taken);
  }

  async function reconcile(name: string): Promise<Outcome> {
    const node = nodes.lister.get(name);
    if (!node) {
      given.delete(name);
      return undefined;
    }
    if (node.spec?.podCIDR) {
      given.set(name, node.spec.podCIDR);
      return undefined;
    }
    const cidr = given.get(name) ?? freeFor(name);
    if (!cidr) {
      events.event(node, 'Warning', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      return { afterMs: FULL_RETRY_MS };
    }
    given.set(name, cidr);
    const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
    try {
      await deps.client.patch(Nodes, { name }, { type: 'merge', body });
    } catch (e) {
      // Without an answer the write may have been done: the subnet stays reserved for this node, and is tried again.
      if (e instanceof StatusError && e.code < 500) given.delete(name);
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'node-ipam',
    workers: 1,
    watches: [watching(Nodes, (n, old) => (old && n.spec?.podCIDR ? [] : ownKey(n)))],
    reconcile,
  };
}
