import { expect, test } from 'vitest';
import type { ManagedFieldsEntry } from '../../meta/objectmeta.ts';
import { startingEntries, storedEntries } from './entries.ts';

const entry = (manager: string, operation: string, time: string, more: Partial<ManagedFieldsEntry> = {}) => ({
  manager,
  operation,
  time,
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { [`f:${manager}`]: {} },
  ...more,
});

const stored = [entry('a', 'Update', '1')];

test.each<[string, ManagedFieldsEntry[], readonly ManagedFieldsEntry[]]>([
  ['sent ones count', [entry('b', 'Apply', '2')], [entry('b', 'Apply', '2')]],
  ['one empty entry clears', [{}], []],
  ['an empty list changes nothing', [], stored],
  ['an unknown operation', [entry('b', 'Spin', '2')], stored],
  ['no fields', [entry('b', 'Update', '2', { fieldsV1: undefined })], stored],
  ['a broken tree', [entry('b', 'Update', '2', { fieldsV1: { 'f:x': 1 } })], stored],
  ['a broken key', [entry('b', 'Update', '2', { fieldsV1: { 'k:{': {} } })], stored],
])('%s', (_name, sent, want) => expect(startingEntries(sent, stored)).toEqual(want));

test('what a writer sends back as it got it is what is stored', () => {
  expect(startingEntries(structuredClone(stored), stored)).toBe(stored);
});

test('appliers first, then by age; empty entries go', () => {
  const list = [
    entry('u2', 'Update', '2'),
    entry('gone', 'Update', '0', { fieldsV1: {} }),
    entry('u1', 'Update', '1'),
    entry('x', 'Apply', '9'),
  ];
  expect(storedEntries(list).map((e) => e.manager)).toEqual(['x', 'u1', 'u2']);
});

test('of more than ten updaters the oldest are merged, however often it happens', () => {
  let list: ManagedFieldsEntry[] = [entry('applier', 'Apply', '0')];
  for (let i = 10; i < 35; i++)
    list = storedEntries([...list, entry(`m${i}`, 'Update', String(i), { subresource: 's' })]);
  expect(list.map((e) => e.manager)).toEqual([
    'applier',
    'ancient-changes',
    ...Array.from({ length: 9 }, (_, i) => `m${26 + i}`),
  ]);
  expect(list[1]).toMatchObject({ operation: 'Update', apiVersion: 'v1', time: '25' });
  expect(list[1]).not.toHaveProperty('subresource');
  expect(Object.keys(list[1]?.fieldsV1 ?? {})).toEqual(Array.from({ length: 16 }, (_, i) => `f:m${10 + i}`));
});
