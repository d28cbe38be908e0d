import type { KubeObject } from '#api/meta/objectmeta.ts';
import { formatColumns } from './columns.ts';

/** A meta.k8s.io Table as the server sends it. */
export interface Table {
  kind: 'Table';
  metadata?: { resourceVersion?: string; continue?: string };
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[]; object: KubeObject }[];
}

export interface TableStyle {
  readonly wide?: boolean;
  readonly withNamespace?: boolean;
  readonly noHeaders?: boolean;
  readonly showLabels?: boolean;
  readonly labelColumns?: readonly string[];
  /** "pod/" in front of names, when several types are shown. */
  readonly namePrefix?: string;
}

const labelsText = (o: KubeObject): string => {
  const pairs = Object.entries(o.metadata?.labels ?? {});
  return pairs.length === 0
    ? '<none>'
    : pairs
        .map(([k, v]) => `${k}=${v}`)
        .sort()
        .join(',');
};

const cellText = (v: unknown): string => (v === null || v === undefined ? '<none>' : String(v).replaceAll('\n', '\\n'));

/** Header and rows as cells; columns come from the first table of a stream. */
export function tableCells(table: Table, columns: Table['columnDefinitions'], style: TableStyle): string[][] {
  const shown = columns.map((c, i) => ({ ...c, i })).filter((c) => c.priority === 0 || style.wide);
  const labels = style.labelColumns ?? [];
  const header = [
    ...(style.withNamespace ? ['NAMESPACE'] : []),
    ...shown.map((c) => c.name.toUpperCase()),
    ...labels.map((l) => (l.split('/').at(-1) ?? l).toUpperCase()),
    ...(style.showLabels ? ['LABELS'] : []),
  ];
  const rows = table.rows.map((row) => [
    ...(style.withNamespace ? [row.object.metadata?.namespace ?? ''] : []),
    ...shown.map((c) => (c.name === 'Name' && style.namePrefix ? style.namePrefix : '') + cellText(row.cells[c.i])),
    ...labels.map((l) => row.object.metadata?.labels?.[l] ?? ''),
    ...(style.showLabels ? [labelsText(row.object)] : []),
  ]);
  return style.noHeaders ? rows : [header, ...rows];
}

export const tableText = (table: Table, style: TableStyle): string =>
  formatColumns(tableCells(table, table.columnDefinitions, style));
