import type { Column, Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';

/** One row of a meta.k8s.io Table. */
interface TableRow {
  cells: (string | number | boolean | null)[];
  object?: unknown;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Kinds without columns of their own show name and age, as Kubernetes does for custom resources. */
const DEFAULT_COLUMNS: readonly Column<KubeObject>[] = [
  { name: 'Name', format: 'name', description: 'Name of the object.', cell: (o) => o.metadata?.name ?? '' },
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created.',
    cell: (o) => o.metadata?.creationTimestamp ?? null,
  },
];

const columnsOf = (kind: Kind): readonly Column<KubeObject>[] =>
  kind.columns.length > 0 ? kind.columns : DEFAULT_COLUMNS;

const definitions = new WeakMap<Kind, unknown[]>();
function definitionsOf(kind: Kind): unknown[] {
  let d = definitions.get(kind);
  if (!d) {
    d = columnsOf(kind).map((c) => ({
      name: c.name,
      type: c.type === 'date' ? 'string' : (c.type ?? 'string'),
      format: c.format ?? (c.type === 'date' && kind.columns.length === 0 ? 'date' : ''),
      description: c.description,
      priority: c.priority ?? 0,
    }));
    definitions.set(kind, d);
  }
  return d;
}

/** Metadata of `o` alone, as meta.k8s.io serves it. */
export const partialObject = (o: KubeObject, metaVersion: string): unknown => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${metaVersion}`,
  metadata: o.metadata,
});

export interface TableOptions {
  readonly metaVersion: string;
  readonly includeObject: IncludeObject;
  /** Leave the column definitions out (second and later events of a watch). */
  readonly withoutColumns?: boolean;
  readonly listMeta?: Record<string, unknown>;
  /** Epoch milliseconds, for ages. */
  readonly now: number;
}

function rowOf(kind: Kind, o: KubeObject, options: TableOptions): TableRow {
  const cells = columnsOf(kind).map((c) => c.cell(o, options.now));
  if (options.includeObject === 'None') return { cells };
  return { cells, object: options.includeObject === 'Object' ? o : partialObject(o, options.metaVersion) };
}

/** The server-printed table `kubectl get` shows: "Receiving resources as Tables" in the API concepts. */
export function tableOf(kind: Kind, objects: readonly KubeObject[], options: TableOptions): unknown {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.metaVersion}`,
    metadata: options.listMeta ?? {},
    columnDefinitions: options.withoutColumns ? [] : definitionsOf(kind),
    rows: objects.map((o) => rowOf(kind, o, options)),
  };
}
