import { type Node, Nodes } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  type Watch,
  watching,
} from '../harness/controller.ts';

/** How many seconds agents may keep Secrets and ConfigMaps without asking again ("Well-Known Labels, Annotations and Taints"). */
export const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl';
/** Nodes that come together, and sizes that are passed, lead to one write of each node. */
const GATHER_MS = 1000;

/** Kubernetes' sizes of clusters. They overlap, so that a node more or less does not move all the others to and fro. */
const STEPS: readonly { readonly min: number; readonly max: number; readonly seconds: number }[] = [
  { min: 0, max: 100, seconds: 0 },
  { min: 90, max: 500, seconds: 15 },
  { min: 450, max: 1000, seconds: 30 },
  { min: 900, max: 2000, seconds: 60 },
  { min: 1800, max: Number.POSITIVE_INFINITY, seconds: 300 },
];

/** Pure: the seconds for a cluster of so many nodes that had `before`: as long as that may be, it stays. */
export function ttlFor(nodes: number, before: number): number {
  const fits = STEPS.filter(({ min, max }) => nodes >= min && nodes <= max).map((s) => s.seconds);
  // Of two that fit, the nearer one: it comes from below or from above.
  return fits.includes(before) ? before : fits.reduce((a, b) => (Math.abs(a - before) <= Math.abs(b - before) ? a : b));
}

/** Says on every node, once, how long its agent may keep what it has read: by the size of the cluster. */
class NodeTtl implements Controller {
  readonly name = 'ttl';
  readonly watches: readonly Watch[];
  readonly #client;
  readonly #nodes;
  #count = 0;
  #seconds = 0;

  constructor(deps: ControllerDeps) {
    this.#client = deps.client;
    this.#nodes = deps.informers.informer(Nodes);
    this.watches = [watching(Nodes, (n, old, gone) => this.#changed(n, !old, gone), { delayMs: GATHER_MS })];
  }

  readonly #isTold = ({ metadata }: Stored<Node>): boolean =>
    metadata.annotations?.[TTL_ANNOTATION] === `${this.#seconds}`;

  /** @returns the nodes to write: none for what a node says of itself */
  #changed(n: Stored<Node>, isNew: boolean, gone: boolean): readonly string[] {
    if (gone) this.#count--;
    else if (isNew) this.#count++;
    const before = this.#seconds;
    this.#seconds = ttlFor(this.#count, before);
    if (this.#seconds !== before) return [...this.#nodes.lister.list()].flatMap(ownKey);
    return gone || this.#isTold(n) ? [] : ownKey(n);
  }

  async reconcile(name: string): Promise<Outcome> {
    const node = this.#nodes.lister.get(name);
    if (!node || this.#isTold(node)) return undefined;
    const metadata = { uid: node.metadata.uid, annotations: { [TTL_ANNOTATION]: `${this.#seconds}` } };
    try {
      await this.#client.patch(Nodes, { name }, { type: 'merge', body: { metadata } });
    } catch (e) {
      // Gone, or another one of that name: it is heard of.
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }
}

export const nodeTtlController = (deps: ControllerDeps): Controller => new NodeTtl(deps);
