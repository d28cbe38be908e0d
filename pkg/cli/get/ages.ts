import { ageSince } from '#api/kinds/print/duration.ts';
import type { Table } from '../output/table.ts';

/** Pure: rows with the ages of this moment, where the server has told those of another. @param now epoch milliseconds */
export function withAges<R extends Table['rows'][number]>(
  rows: readonly R[],
  columns: Table['columnDefinitions'],
  now: number,
): R[] {
  const age = columns.findIndex((c) => c.name === 'Age');
  if (age < 0) return [...rows];
  return rows.map((row) => {
    const { creationTimestamp } = row.object.metadata ?? {};
    if (creationTimestamp === undefined || !/^\d+[a-z]/.test(String(row.cells[age]))) return row;
    // A clock that is behind the server's does not make an object of the future.
    return {
      ...row,
      cells: row.cells.with(age, ageSince(creationTimestamp, Math.max(now, Date.parse(creationTimestamp)))),
    };
  });
}
