import { defineKind, topLevel } from '../../kind.ts';
import { bool, bytes, f, map, str, type TypeOf } from '../../schema/schema.ts';

const PKG = 'io.k8s.api.core.v1';

export const ConfigMapSchema = topLevel(PKG, 'ConfigMap', 'Configuration as keys and values.', {
  immutable: f(4, bool, 'No change is allowed once true.', { ptr: true }),
  data: f(2, map(str), 'Text values.'),
  binaryData: f(3, map(bytes), 'Binary values; keys must differ from those of data.'),
});
export type ConfigMap = TypeOf<typeof ConfigMapSchema>;

export const ConfigMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  schema: ConfigMapSchema,
});
