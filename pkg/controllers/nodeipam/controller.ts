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
class NodeIpam implements Controller {
  readonly name = 'node-ipam';
  readonly workers = 1;
  readonly watches = [watching(Nodes, (n, old) => (old?.spec?.podCIDR ? [] : ownKey(n)))];
  readonly #client: Client;
  readonly #options: NodeIpamOptions;
  readonly #nodes;
  readonly #events;
  /** Given out, but perhaps not in the cache yet. */
  readonly #given = new Map<string, readonly string[]>();
  /** Until the cache has caught up with it. */
  #before: Before | undefined;
  #begun: Promise<void> | undefined;

  constructor(deps: ControllerDeps, options: NodeIpamOptions) {
    this.#client = deps.client;
    this.#options = options;
    this.#nodes = deps.informers.informer(Nodes);
    this.#events = deps.events('node-ipam-controller');
  }

  #begin(): Promise<void> {
    this.#begun ??= takeOver(this.#client).then(
      (found) => {
        this.#before = found;
      },
      (e: unknown) => {
        this.#begun = undefined;
        throw e;
      },
    );
    return this.#begun;
  }

  /** One subnet of each pool; undefined when one of them has none left. */
  #freeFor(name: string): readonly string[] | undefined {
    const { pools, serviceCidrs } = this.#options;
    const taken = new Set(serviceCidrs);
    for (const [n, cidrs] of this.#given) if (n !== name) for (const c of cidrs) taken.add(c);
    if (this.#before && !isNewer(this.#before.version, this.#nodes.resourceVersion)) this.#before = undefined;
    for (const n of [...this.#nodes.lister.list(), ...(this.#before?.nodes ?? [])])
      for (const c of subnetsOf(n)) taken.add(c);
    const found = pools.flatMap((p) => p.free(taken) ?? []);
    return found.length === pools.length ? found : undefined;
  }

  async reconcile(name: string): Promise<Outcome> {
    const node = this.#nodes.lister.get(name);
    if (!node) {
      this.#given.delete(name);
      return undefined;
    }
    const present = subnetsOf(node);
    if (present.length > 0) {
      this.#given.set(name, present);
      this.#tellOfOverlap(node);
      return undefined;
    }
    await this.#begin();
    const cidrs = this.#given.get(name) ?? this.#freeFor(name);
    if (!cidrs) {
      this.#events.event(node, 'Warning', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
      return { afterMs: FULL_RETRY_MS };
    }
    this.#given.set(name, cidrs);
    try {
      await this.#give(node, cidrs);
    } catch (e) {
      // Without an answer the write may have been done: the subnets stay reserved for this node, and are tried again.
      if (e instanceof StatusError && e.code < 500) this.#given.delete(name);
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  #tellOfOverlap(node: Stored<Node>): void {
    const clash = overlapping(node, this.#nodes.lister.list());
    if (!clash) return;
    const message = `pod CIDR ${clash.own} overlaps ${clash.theirs} of the older node ${clash.other.metadata.name}`;
    this.#events.event(node, 'Warning', 'CIDROverlap', `${message}: pods of this node are not reached`);
  }

  async #give({ metadata: { name, uid } }: Stored<Node>, cidrs: readonly string[]): Promise<void> {
    const now = await this.#client.get(Nodes, name);
    if (now.metadata.uid !== uid || subnetsOf(now).length > 0) return;
    // Of this version: what comes late, after a later run has looked, must not be done.
    const metadata = { uid, resourceVersion: now.metadata.resourceVersion, annotations: { [GIVER]: null } };
    const body = { metadata, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
    await this.#client.patch(Nodes, { name }, { type: 'merge', body });
  }
}

export const nodeIpamController = (deps: ControllerDeps, options: NodeIpamOptions): Controller =>
  new NodeIpam(deps, options);
