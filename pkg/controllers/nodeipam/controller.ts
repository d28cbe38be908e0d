import { Nodes } from '#api/kinds/index.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { overlapping, type SubnetPool, subnetsOf } from './cidrs.ts';

const FULL_RETRY_MS = 30_000;

export interface NodeIpamOptions {
  /** Where nodes get their subnets from: one network, or one of each address family, the primary one first. */
  readonly pools: readonly SubnetPool[];
  /** Addresses of Services, which are not for pods should the networks overlap. */
  readonly serviceCidrs: readonly string[];
}

/**
 * Gives every node a subnet of each pod network, no two the same. One worker: assignments are made one after the other. A
 * node that has subnets keeps them as they are: the API lets them be set once.
 */
export function nodeIpamController(deps: ControllerDeps, { pools, serviceCidrs }: NodeIpamOptions): Controller {
  const nodes = deps.informers.informer(Nodes);
  const events = deps.events('node-ipam-controller');
  /** Given out, but perhaps not in the cache yet. */
  const given = new Map<string, readonly string[]>();

  /** One subnet of each pool; undefined when one of them has none left. */
  function freeFor(name: string): readonly string[] | undefined {
    const taken = new Set(serviceCidrs);
    for (const [n, cidrs] of given) if (n !== name) for (const c of cidrs) taken.add(c);
    for (const n of nodes.lister.list()) for (const c of subnetsOf(n)) taken.add(c);
    const found = pools.flatMap((p) => p.free(taken) ?? []);
    return found.length === pools.length ? found : undefined;
  }

  async function reconcile(name: string): Promise<Outcome> {
    const node = nodes.lister.get(name);
    if (!node) {
      given.delete(name);
      return undefined;
    }
    const present = subnetsOf(node);
    if (present.length > 0) {
      given.set(name, present);
      const clash = overlapping(node, nodes.lister.list());
      if (clash) {
        const message = `pod CIDR ${clash.own} overlaps ${clash.theirs} of the older node ${clash.other.metadata.name}`;
        events.event(node, 'Warning', 'CIDROverlap', `${message}: pods of this node are not reached`);
      }
      return undefined;
    }
    const cidrs = given.get(name) ?? freeFor(name);
    if (!cidrs) {
      events.event(node, 'Warning', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      return { afterMs: FULL_RETRY_MS };
    }
    given.set(name, cidrs);
    const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
    try {
      await deps.client.patch(Nodes, { name }, { type: 'merge', body });
    } catch (e) {
      // Without an answer the write may have been done: the subnets stay reserved for this node, and are tried again.
      if (e instanceof StatusError && e.code < 500) given.delete(name);
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'node-ipam',
    workers: 1,
    watches: [watching(Nodes, (n, old) => (old?.spec?.podCIDR ? [] : ownKey(n)))],
    reconcile,
  };
}
