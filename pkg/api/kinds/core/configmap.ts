import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { type FieldError, forbidden, invalid, tooLong } from '../../meta/fielderrors.ts';
import { configMapKey } from '../../meta/names.ts';
import { bool, bytes, f, map, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor } from '../check/check.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.core.v1';

export const ConfigMapSchema = topLevel(PKG, 'ConfigMap', 'Configuration as keys and values.', {
  immutable: f(4, bool, 'No change is allowed once true.', { ptr: true }),
  data: f(2, map(str), 'Text values.'),
  binaryData: f(3, map(bytes), 'Binary values; keys must differ from those of data.'),
});
export type ConfigMap = TypeOf<typeof ConfigMapSchema>;

/** Keys and values together may not be larger than this. */
export const MAX_DATA_BYTES = 1024 * 1024;
const FROZEN = 'field is immutable when `immutable` is set';

/** What an update may not do to an object marked immutable; `parts` are its data fields. */
export function validateFrozen<T extends { immutable?: boolean }>(
  o: T,
  old: T,
  parts: readonly (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return [];
  const found = o.immutable ? [] : [forbidden('immutable', FROZEN)];
  for (const k of parts) if (!sameJson(o[k] ?? {}, old[k] ?? {})) found.push(forbidden(k, FROZEN));
  return found;
}

/** Bytes a base64 text stands for. */
export const decodedLength = (base64: string): number =>
  Math.floor((base64.length * 3) / 4) - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);

function validateConfigMap(o: ConfigMap, old?: ConfigMap): FieldError[] {
  const found: FieldError[] = [];
  let size = 0;
  for (const [k, v] of Object.entries(o.data ?? {})) {
    found.push(...invalidFor(`data[${k}]`, k, configMapKey(k)));
    if (o.binaryData?.[k] !== undefined) found.push(invalid(`data[${k}]`, k, 'duplicate of key present in binaryData'));
    size += Buffer.byteLength(v);
  }
  for (const [k, v] of Object.entries(o.binaryData ?? {})) {
    const at = `binaryData[${k}]`;
    found.push(...invalidFor(at, k, configMapKey(k)));
    if (o.data?.[k] !== undefined) found.push(invalid(at, k, 'duplicate of key present in data'));
    size += decodedLength(v);
  }
  if (size > MAX_DATA_BYTES) found.push(tooLong('', MAX_DATA_BYTES));
  return old ? [...validateFrozen(o, old, ['data', 'binaryData']), ...found] : found;
}

export const ConfigMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  schema: ConfigMapSchema,
  validate: validateConfigMap,
  columns: [
    nameColumn,
    column('Data', 'Number of keys.', (o) => Object.keys(o.data ?? {}).length + Object.keys(o.binaryData ?? {}).length),
    ageColumn,
  ],
});
