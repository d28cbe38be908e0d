import { expect, test } from 'vitest';
import { withAges } from './ages.ts';

const columns = [
  { name: 'Name', priority: 0 },
  { name: 'Age', priority: 0 },
];
const at = Date.UTC(2026, 0, 1);
const row = (age: unknown) => ({
  cells: ['a', age],
  object: { metadata: { creationTimestamp: new Date(at).toISOString() } } as never,
});

test.each([
  ['0s', 65_000, '65s'],
  ['65s', 3 * 86_400_000, '3d'],
  ['5s', -2000, '0s'],
  ['<unknown>', 65_000, '<unknown>'],
  [null, 65_000, null],
])('an age %s is shown after %d ms as %s', (told, ms, shown) => {
  expect(withAges([row(told)], columns, at + ms)[0]?.cells).toEqual(['a', shown]);
});

test('a table without ages stays as it is', () => {
  const rows = [row('5s')];
  expect(withAges(rows, columns.slice(0, 1), at + 65_000)).toEqual(rows);
});
