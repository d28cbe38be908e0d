import { defineKind, topLevel } from '../../kind.ts';
import { bool, bytes, f, map, str, type TypeOf } from '../../schema/schema.ts';

const PKG = 'io.k8s.api.core.v1';

export const SecretSchema = topLevel(PKG, 'Secret', 'Confidential data as keys and values.', {
  immutable: f(5, bool, 'No change is allowed once true.', { ptr: true }),
  data: f(2, map(bytes), 'The values, base64 in JSON.'),
  stringData: f(4, map(str), 'Write-only: text merged into data.'),
  type: f(3, str, 'What the data are for.', { default: 'Opaque' }),
});
export type Secret = TypeOf<typeof SecretSchema>;

export const Secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  schema: SecretSchema,
});
