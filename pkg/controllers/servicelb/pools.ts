import { formatIpv4, parseCidr, parseIpv4 } from '#api/meta/ipv4.ts';

interface AddressRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
}

/** Addresses that load balancers may have. */
export interface AddressPool {
  readonly name: string;
  readonly ranges: readonly AddressRange[];
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Of a network without its first and last address, which hosts do not use, unless it has no more than two. @throws RangeError */
function rangeOf(text: string): AddressRange {
  const [from = '', to, ...more] = text.split('-');
  if (to === undefined) {
    const { base, size } = parseCidr(text.includes('/') ? text : `${text}/32`);
    return size > 2 ? { first: base + 1, last: base + size - 2 } : { first: base, last: base + size - 1 };
  }
  const range = { first: parseIpv4(from), last: parseIpv4(to) };
  if (more.length > 0 || range.last < range.first) throw new RangeError(`${text} is not a range of addresses`);
  return range;
}

const overlap = (a: AddressRange, b: AddressRange): boolean => a.first <= b.last && b.first <= a.last;
const textOf = ({ first, last }: AddressRange): string => `${formatIpv4(first)}-${formatIpv4(last)}`;

/**
 * Pools by name, each a list such as "10.0.0.16/28+10.0.0.40-10.0.0.49". No address may be in two of them, or in one of
 * the networks that are used otherwise.
 * @throws RangeError that says what is wrong
 */
export function parsePools(texts: Readonly<Record<string, string>>, used: readonly string[] = []): AddressPool[] {
  const taken = used.map((cidr) => {
    const { base, size } = parseCidr(cidr);
    return { of: cidr, range: { first: base, last: base + size - 1 } };
  });
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

export const poolOf = (pools: readonly AddressPool[], address: number): AddressPool | undefined =>
  pools.find((p) => p.ranges.some((r) => r.first <= address && address <= r.last));

/** Every address of these pools, in order. */
export function* addressesOf(pools: readonly AddressPool[]): Generator<string> {
  for (const { ranges } of pools) {
    for (const { first, last } of ranges) for (let n = first; n <= last; n++) yield formatIpv4(n);
  }
}
