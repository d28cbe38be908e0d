import { addressText, familyOf, type IpFamily, parseNetwork } from '#api/meta/ip.ts';

/** First and last address, as numbers. */
type Range = readonly [bigint, bigint];

function rangeOf(cidr: string): Range {
  const { base, size } = parseNetwork(cidr);
  return [base, base + size - 1n];
}

function subtract(ranges: readonly Range[], [first, last]: Range): Range[] {
  return ranges.flatMap((r): Range[] => {
    if (last < r[0] || first > r[1]) return [r];
    const left: Range[] = [];
    if (first > r[0]) left.push([r[0], first - 1n]);
    if (last < r[1]) left.push([last + 1n, r[1]]);
    return left;
  });
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The addresses of blocks of a family less their exceptions, as disjoint ranges in order ("first-last"): overlapping
 * intervals are an error to nftables.
 */
export function blockRanges(
  blocks: readonly { cidr: string; except?: readonly string[] }[],
  family: IpFamily,
): string[] {
  const all: Range[] = [];
  const mine = (cidr: string): boolean => familyOf(cidr) === family;
  for (const { cidr, except = [] } of blocks) {
    if (mine(cidr))
      all.push(
        ...except
          .filter(mine)
          .map(rangeOf)
          .reduce(subtract, [rangeOf(cidr)]),
      );
  }
  const merged: [bigint, bigint][] = [];
  for (const [first, last] of all.sort((a, b) => order(a[0], b[0]))) {
    const before = merged.at(-1);
    if (!before || first > before[1] + 1n) merged.push([first, last]);
    else if (last > before[1]) before[1] = last;
  }
  const text = (n: bigint): string => addressText(n, family);
  return merged.map(([first, last]) => (first === last ? text(first) : `${text(first)}-${text(last)}`));
}
