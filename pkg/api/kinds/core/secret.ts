import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid, required, tooLong } from '../../meta/fielderrors.ts';
import { configMapKey } from '../../meta/names.ts';
import { bool, bytes, f, map, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor } from '../check/check.ts';
import { ageColumn, column, nameColumn, numberColumn } from '../print/columns.ts';
import { decodedLength, MAX_DATA_BYTES, validateFrozen } from './configmap.ts';

const PKG = 'io.k8s.api.core.v1';

export const SecretSchema = topLevel(PKG, 'Secret', 'Confidential data as keys and values.', {
  immutable: f(5, bool, 'No change is allowed once true.', { ptr: true }),
  data: f(2, map(bytes), 'The values, base64 in JSON.'),
  stringData: f(4, map(str), 'Write-only: text merged into data.'),
  type: f(3, str, 'What the data are for.', { default: 'Opaque' }),
});
export type Secret = TypeOf<typeof SecretSchema>;

const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const REDACTED = '<secret contents redacted>';

/** Keys that secrets of a well-known type must have. */
const REQUIRED_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

/** What JSON can hold beside objects, as Kubernetes calls it. */
const GO_TYPES: Readonly<Record<string, string>> = { string: 'string', number: 'number', boolean: 'bool' };

/** `stringData` is merged into `data` and never stored. */
function mergeStringData(o: Secret): void {
  if (!o.stringData) return;
  o.data = { ...o.data };
  for (const [k, v] of Object.entries(o.stringData)) o.data[k] = Buffer.from(v).toString('base64');
  delete o.stringData;
}

function validateJson(path: string, base64: string): FieldError[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    const what = Array.isArray(value) ? 'array' : GO_TYPES[typeof value];
    const why = `json: cannot unmarshal ${what} into Go value of type map[string]interface {}`;
    return what === undefined ? [] : [invalid(path, REDACTED, why)];
  } catch (e) {
    return [invalid(path, REDACTED, (e as Error).message)];
  }
}

function validateByType(o: Secret): FieldError[] {
  const type = o.type ?? '';
  const data = o.data ?? {};
  if (type === 'kubernetes.io/service-account-token') {
    const name = o.metadata?.annotations?.[ACCOUNT_NAME];
    return name ? [] : [required(`metadata.annotations[${ACCOUNT_NAME}]`)];
  }
  if (type === 'kubernetes.io/basic-auth') {
    if (data.username !== undefined || data.password !== undefined) return [];
    return [required('data[username]'), required('data[password]')];
  }
  return (REQUIRED_KEYS.get(type) ?? []).flatMap((key) => {
    const value = data[key];
    if (value === undefined || (type === 'kubernetes.io/ssh-auth' && value === '')) return [required(`data[${key}]`)];
    return type.startsWith('kubernetes.io/docker') ? validateJson(`data[${key}]`, value) : [];
  });
}

function validateSecret(o: Secret, old?: Secret): FieldError[] {
  const found: FieldError[] = [];
  let size = 0;
  for (const [k, v] of Object.entries(o.data ?? {})) {
    found.push(...invalidFor(`data[${k}]`, k, configMapKey(k)));
    size += decodedLength(v);
  }
  if (size > MAX_DATA_BYTES) found.push(tooLong('data', MAX_DATA_BYTES));
  found.push(...validateByType(o));
  if (!old) return found;
  return [...immutable('type', o.type, old.type), ...validateFrozen(o, old, ['data']), ...found];
}

export const Secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  schema: SecretSchema,
  defaults: mergeStringData,
  validate: validateSecret,
  fields: { type: (o) => o.type ?? '' },
  columns: [
    nameColumn,
    column('Type', 'What the data are for.', (o) => o.type ?? ''),
    numberColumn('Data', 'Number of keys.', (o) => Object.keys(o.data ?? {}).length),
    ageColumn,
  ],
});
