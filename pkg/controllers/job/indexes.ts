/** Completion indexes as sorted, disjoint, closed ranges: a million of them cost no more than their gaps. */
export type Indexes = readonly (readonly [first: number, last: number])[];

export const NO_INDEXES: Indexes = [];

/** Reads "1,3-5,7". What cannot be read, and indexes that are not below `limit`, are left out. */
export function parseIndexes(text: string | undefined, limit: number): Indexes {
  const ranges: [number, number][] = [];
  for (const part of (text ?? '').split(',')) {
    const [from = '', to = from] = part.split('-');
    const first = Number.parseInt(from, 10);
    const last = Math.min(Number.parseInt(to, 10), limit - 1);
    if (first >= 0 && first <= last) ranges.push([first, last]);
  }
  return merged(ranges);
}

/** The form of `status.completedIndexes`: two neighbours are listed, longer runs become a range. */
export const formatIndexes = (indexes: Indexes): string =>
  indexes.map(([a, b]) => (a === b ? `${a}` : `${a}${b === a + 1 ? ',' : '-'}${b}`)).join(',');

export const countIndexes = (indexes: Indexes): number => indexes.reduce((n, [a, b]) => n + b - a + 1, 0);

export function hasIndex(indexes: Indexes, index: number): boolean {
  let low = 0;
  let high = indexes.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = indexes[middle] as readonly [number, number];
    if (index < first) high = middle - 1;
    else if (index > last) low = middle + 1;
    else return true;
  }
  return false;
}

export function withIndexes(indexes: Indexes, more: Iterable<number>): Indexes {
  const added = [...more].map((i): [number, number] => [i, i]);
  return added.length === 0 ? indexes : merged([...indexes, ...added]);
}

function merged(ranges: readonly (readonly [number, number])[]): Indexes {
  const result: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}
