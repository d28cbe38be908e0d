import { describe, expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type TableOptions, tableOf } from './table.ts';

const NOW = 10_000;
const kind = (columns: object[]): Kind => ({ columns }) as unknown as Kind;
const own = kind([
  { name: 'Name', format: 'name', description: 'the name', cell: (o: KubeObject) => o.metadata?.name ?? '' },
  { name: 'Since', type: 'integer', description: 'd', priority: 1, cell: (_: KubeObject, now: number) => now / 1000 },
]);
const object = {
  kind: 'X',
  metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { n: 1 },
} as unknown as KubeObject;
const table = (k: Kind, more: Partial<TableOptions> = {}) =>
  tableOf(k, [object], { metaVersion: 'v1', includeObject: 'None', now: NOW, ...more });

describe('tables', () => {
  test('columns of the kind', () => {
    expect(table(own, { listMeta: { resourceVersion: '5' } })).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '5' },
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', description: 'the name', priority: 0 },
        { name: 'Since', type: 'integer', format: '', description: 'd', priority: 1 },
      ],
      rows: [{ cells: ['a', 10] }],
    });
  });

  test('columns of a kind without any', () => {
    expect(table(kind([]))).toMatchObject({
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name' },
        { name: 'Created At', type: 'string', format: 'date' },
      ],
      rows: [{ cells: ['a', '2026-01-01T00:00:00Z'] }],
    });
  });

  test.each<[TableOptions['includeObject'], string, unknown]>([
    ['None', 'v1', undefined],
    ['Object', 'v1', object],
    [
      'Metadata',
      'v1beta1',
      { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1beta1', metadata: object.metadata },
    ],
  ])('includeObject %s', (includeObject, metaVersion, expected) => {
    const t = table(own, { includeObject, metaVersion }) as { apiVersion: string; rows: { object?: unknown }[] };
    expect(t.rows[0]?.object).toEqual(expected);
    expect(t.apiVersion).toBe(`meta.k8s.io/${metaVersion}`);
  });

  test('later events of a watch leave the definitions out', () => {
    expect(table(own, { withoutColumns: true })).toMatchObject({ columnDefinitions: [], rows: [{ cells: ['a', 10] }] });
  });
});
