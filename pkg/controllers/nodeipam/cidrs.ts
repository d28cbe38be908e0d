import type { Node } from '#api/kinds/index.ts';
import { addressText, type IpFamily, type Network, parseNetwork } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isOlder } from '../harness/age.ts';

/** Undefined for what is no network. */
function networkOf(cidr: string): Network | undefined {
  try {
    return parseNetwork(cidr);
  } catch {
    return undefined;
  }
}

/** More subnets than this are not handed out of one cluster CIDR: 2^16 nodes, as in Kubernetes. */
const MAX_SUBNETS = 1n << 16n;

/** All subnets of `mask` bits in a cluster CIDR, by index. Pure. */
export class SubnetPool {
  readonly family: IpFamily;
  readonly #base: bigint;
  readonly #step: bigint;
  readonly #mask: number;
  readonly size: number;

  /** @throws RangeError when the mask is wider than the cluster CIDR, or leaves no address for pods */
  constructor(clusterCidr: string, mask: number) {
    const { base, size, family, bits } = parseNetwork(clusterCidr);
    const longest = family === 'IPv4' ? 30 : 126;
    if (mask < bits || mask > longest) throw new RangeError(`subnets of /${mask} do not fit into ${clusterCidr}`);
    const count = 1n << BigInt(mask - bits);
    this.family = family;
    this.#step = size / count;
    this.#base = base;
    this.#mask = mask;
    this.size = Number(count < MAX_SUBNETS ? count : MAX_SUBNETS);
  }

  /** The first subnet that has no address in common with what is taken; undefined when there is none. */
  free(taken: Iterable<string>): string | undefined {
    const used = new Set<number>();
    for (const cidr of taken) for (const i of this.#indexes(cidr)) used.add(i);
    for (let i = 0; i < this.size; i++) {
      if (!used.has(i)) return `${addressText(this.#base + BigInt(i) * this.#step, this.family)}/${this.#mask}`;
    }
    return undefined;
  }

  /** Of the subnets that a network lies in, or covers. */
  *#indexes(cidr: string): Generator<number> {
    const block = networkOf(cidr);
    if (block?.family !== this.family) return;
    const last = block.base + block.size - 1n;
    if (last < this.#base) return;
    const index = (address: bigint): number => {
      const i = address < this.#base ? 0n : (address - this.#base) / this.#step;
      return i < BigInt(this.size) ? Number(i) : this.size;
    };
    for (let i = index(block.base); i <= Math.min(this.size - 1, index(last)); i++) yield i;
  }
}

/** The subnets a node has, one of each address family at most. */
export const subnetsOf = ({ spec }: Node): readonly string[] =>
  spec?.podCIDRs?.length ? spec.podCIDRs : spec?.podCIDR ? [spec.podCIDR] : [];

const shareAddresses = (a: Network, b: Network): boolean =>
  a.family === b.family && a.base < b.base + b.size && b.base < a.base + a.size;

/** Two nodes whose subnets have addresses in common. */
export interface Overlap {
  readonly own: string;
  readonly theirs: string;
  readonly other: Stored<Node>;
}

/** Pure: an older node whose subnet, set by hand, shares addresses with one of this node's. */
export function overlapping(node: Stored<Node>, all: Iterable<Stored<Node>>): Overlap | undefined {
  const mine = subnetsOf(node).flatMap((own) => {
    const network = networkOf(own);
    return network ? [{ own, network }] : [];
  });
  if (mine.length === 0) return undefined;
  for (const other of all) {
    if (other.metadata.uid === node.metadata.uid || !isOlder(other, node)) continue;
    for (const theirs of subnetsOf(other)) {
      const network = networkOf(theirs);
      const clash = network && mine.find((m) => shareAddresses(m.network, network));
      if (clash) return { own: clash.own, theirs, other };
    }
  }
  return undefined;
}
