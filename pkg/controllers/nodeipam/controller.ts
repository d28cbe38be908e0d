import { randomUUID } from 'node:crypto';
import { type Node, Nodes } from '#api/kinds/index.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { createSemaphore } from '#async/semaphore.ts';
import { isNewer } from '#client/resource-version.ts';
import type { Client } from '#client/types.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { overlapping, type SubnetPool, subnetsOf } from './cidrs.ts';

const FULL_RETRY_MS = 30_000;
/** Annotation of a node that has no subnet yet: the run of this controller that gives it one. */
const GIVER = 'node-ipam.coxswain.io/giver';
/** Nodes that a run that begins writes at a time. */
const MARKED_AT_A_TIME = 16;

export interface NodeIpamOptions {
  /** Where nodes get their subnets from: one network, or one of each address family, the primary one first. */
  readonly pools: readonly SubnetPool[];
  /** Addresses of Services, which are not for pods should the networks overlap. */
  readonly serviceCidrs: readonly string[];
}

/** Nodes as they were when this run began. */
interface Before {
  readonly nodes: readonly Stored<Node>[];
  readonly version: string;
}

/** Makes another version of each node. Stops at the first failure: the API server may be gone, and there may be thousands. */
async function mark(client: Client, nodes: readonly Stored<Node>[]): Promise<void> {
  const run = randomUUID();
  const end = new AbortController();
  const one = async ({ metadata: { name, uid } }: Stored<Node>): Promise<void> => {
    const body = { metadata: { uid, annotations: { [GIVER]: run } } };
    try {
      await client.patch(Nodes, { name }, { type: 'merge', body });
    } catch (e) {
      if (isNotFound(e)) return;
      end.abort(e);
      throw e;
    }
  };
  const places = createSemaphore(MARKED_AT_A_TIME);
  await Promise.all(nodes.map((n) => places.run(() => one(n), end.signal)));
}

/**
 * Nodes as all earlier runs have left them. What one of them has sent and a server has not done yet is refused from then
 * on: it names a version of the node that is over.
 */
async function takeOver(client: Client): Promise<Before> {
  const { items, resourceVersion: version } = await client.list(Nodes);
  await mark(
    client,
    items.filter((n) => subnetsOf(n).length === 0),
  );
  // A write that was faster is seen here; there is none under way any more.
  const now = items.every((n) => subnetsOf(n).length > 0)
    ? { items, resourceVersion: version }
    : await client.list(Nodes);
  return { nodes: now.items, version: now.resourceVersion };
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

  /** Until the cache has caught up with it. */
  let before: Before | undefined;
  let begun: Promise<void> | undefined;

  function begin(): Promise<void> {
    begun ??= takeOver(deps.client).then(
      (found) => {
        before = found;
      },
      (e: unknown) => {
        begun = undefined;
        throw e;
      },
    );
    return begun;
  }

  /** One subnet of each pool; undefined when one of them has none left. */
  function freeFor(name: string): readonly string[] | undefined {
    const taken = new Set(serviceCidrs);
    for (const [n, cidrs] of given) if (n !== name) for (const c of cidrs) taken.add(c);
    if (before && !isNewer(before.version, nodes.resourceVersion)) before = undefined;
    for (const n of [...nodes.lister.list(), ...(before?.nodes ?? [])]) for (const c of subnetsOf(n)) taken.add(c);
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
    await begin();
    const cidrs = given.get(name) ?? freeFor(name);
    if (!cidrs) {
      events.event(node, 'Warning', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      return { afterMs: FULL_RETRY_MS };
    }
    given.set(name, cidrs);
    try {
      await give(node, cidrs);
    } catch (e) {
      // Without an answer the write may have been done: the subnets stay reserved for this node, and are tried again.
      if (e instanceof StatusError && e.code < 500) given.delete(name);
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  async function give({ metadata: { name, uid } }: Stored<Node>, cidrs: readonly string[]): Promise<void> {
    const now = await deps.client.get(Nodes, name);
    if (now.metadata.uid !== uid || subnetsOf(now).length > 0) return;
    // Of this version: what comes late, after a later run has looked, must not be done.
    const metadata = { uid, resourceVersion: now.metadata.resourceVersion, annotations: { [GIVER]: null } };
    const body = { metadata, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
    await deps.client.patch(Nodes, { name }, { type: 'merge', body });
  }

  return {
    name: 'node-ipam',
    workers: 1,
    watches: [watching(Nodes, (n, old) => (old?.spec?.podCIDR ? [] : ownKey(n)))],
    reconcile,
  };
}
