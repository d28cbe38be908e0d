/**
 * An absolute number, or a percentage of `total` ("25%").
 * @param round what becomes of a fraction: `Math.ceil` or `Math.floor`
 */
export function countOrShare(value: number | string | undefined, total: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = Number.parseFloat(value ?? '0');
  return round((percent * total) / 100);
}
