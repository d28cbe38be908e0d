/** "0/5 nodes are available: 2 node(s) were unschedulable, 3 Insufficient cpu." */
export function failureMessage(total: number, counts: ReadonlyMap<string, number>): string {
  if (total === 0) return 'no nodes available to schedule pods';
  const reasons = [...counts].map(([text, n]) => `${n} ${text}`).sort();
  return `0/${total} nodes are available: ${reasons.join(', ')}.`;
}
