import { addressBytes, addressNumber, addressText, familyOf, type IpFamily, parseNetwork } from '#api/meta/ip.ts';

interface AddressRange {
  readonly family: IpFamily;
  readonly first: bigint;
  /** Included. */
  readonly last: bigint;
}

/** Addresses that load balancers may have, of one family or both. */
export interface AddressPool {
  readonly name: string;
  readonly ranges: readonly AddressRange[];
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function wholeNetwork(cidr: string): AddressRange {
  const { family, base, size } = parseNetwork(cidr);
  return { family, first: base, last: base + size - 1n };
}

/** Of a network without its first and last address, which hosts do not use, unless it has no more than two. @throws RangeError */
function rangeOf(text: string): AddressRange {
  if (text.includes('/')) {
    const { family, first, last } = wholeNetwork(text);
    return last - first > 1n ? { family, first: first + 1n, last: last - 1n } : { family, first, last };
  }
  const [from = '', to = from, ...more] = text.split('-');
  const range = { family: familyOf(from), first: addressNumber(from), last: addressNumber(to) };
  if (more.length > 0 || familyOf(to) !== range.family || range.last < range.first) {
    throw new RangeError(`${text} is not a range of addresses`);
  }
  return range;
}

const overlap = (a: AddressRange, b: AddressRange): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last;
const textOf = ({ family, first, last }: AddressRange): string =>
  `${addressText(first, family)}-${addressText(last, family)}`;

/**
 * Pools by name, each a list such as "10.0.0.16/28+10.0.0.40-10.0.0.49+fd00::40-fd00::49". No address may be in two of
 * them, or in one of the networks that are used otherwise.
 * @throws RangeError that says what is wrong
 */
export function parsePools(texts: Readonly<Record<string, string>>, used: readonly string[] = []): AddressPool[] {
  const taken = used.map((cidr) => ({ of: cidr, range: wholeNetwork(cidr) }));
  return Object.entries(texts).map(([name, list]) => {
    if (!NAME.test(name) || name === NODES) throw new RangeError(`"${name}" is not a name for a pool`);
    const ranges = list.split('+').map(rangeOf);
    for (const range of ranges) {
      const other = taken.find((t) => overlap(t.range, range));
      if (other) throw new RangeError(`${textOf(range)} of pool ${name} overlaps ${other.of}`);
      taken.push({ of: `${textOf(range)} of pool ${name}`, range });
    }
    return { name, ranges };
  });
}

/** What follows in `loadBalancerClass` is the name of a pool, or "nodes". */
export const CLASS_PREFIX = 'coxswain.dev/';
export const NODES = 'nodes';

/** False for what is no address, too. */
export function isInPools(pools: readonly AddressPool[], address: string): boolean {
  if (!addressBytes(address)) return false;
  const [family, n] = [familyOf(address), addressNumber(address)];
  return pools.some((p) => p.ranges.some((r) => r.family === family && r.first <= n && n <= r.last));
}

/** Those that have addresses of a family. */
export const poolsOfFamily = (pools: readonly AddressPool[], family: IpFamily): AddressPool[] =>
  pools.filter((p) => p.ranges.some((r) => r.family === family));

/** Every address of a family in these pools, in order. There may be more than anybody can wait for. */
export function* addressesOf(pools: readonly AddressPool[], family: IpFamily): Generator<string> {
  for (const { ranges } of pools) {
    for (const r of ranges)
      if (r.family === family) for (let n = r.first; n <= r.last; n++) yield addressText(n, family);
  }
}
