import { bool, f, objectsIn, quantity, req, str, type TypeOf } from '../../../schema/schema.ts';
import { embed } from '../../embed.ts';
import { LocalObjectReference } from '../references.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ObjectFieldSelector = obj(
  'ObjectFieldSelector',
  'Selects a field of the pod.',
  {
    apiVersion: f(1, str, 'API version the path is written for.', { default: 'v1' }),
    fieldPath: req(2, str, 'Path of the field, e.g. `metadata.name`.'),
  },
  { structType: 'atomic' },
);
export type ObjectFieldSelector = TypeOf<typeof ObjectFieldSelector>;

export const ResourceFieldSelector = obj(
  'ResourceFieldSelector',
  'Selects a resource limit or request of a container.',
  {
    containerName: f(1, str, 'The container; needed in volumes, optional in environment variables.'),
    resource: req(2, str, 'Resource such as `limits.cpu`.'),
    divisor: f(3, quantity, 'Unit the value is expressed in.', { default: '0' }),
  },
  { structType: 'atomic' },
);
export type ResourceFieldSelector = TypeOf<typeof ResourceFieldSelector>;

export const ConfigMapKeySelector = obj(
  'ConfigMapKeySelector',
  'Selects a key of a config map.',
  {
    ...embed(1, LocalObjectReference),
    key: req(2, str, 'Key to take.'),
    optional: f(3, bool, 'Whether the config map or key may be missing.', { ptr: true }),
  },
  { structType: 'atomic' },
);
export type ConfigMapKeySelector = TypeOf<typeof ConfigMapKeySelector>;

export const SecretKeySelector = obj(
  'SecretKeySelector',
  'Selects a key of a secret.',
  {
    ...embed(1, LocalObjectReference),
    key: req(2, str, 'Key to take.'),
    optional: f(3, bool, 'Whether the secret or key may be missing.', { ptr: true }),
  },
  { structType: 'atomic' },
);
export type SecretKeySelector = TypeOf<typeof SecretKeySelector>;

export const EnvVarSource = obj(
  'EnvVarSource',
  'Where the value of an environment variable comes from; one of the fields is set.',
  {
    fieldRef: f(1, ObjectFieldSelector, 'A field of the pod.'),
    resourceFieldRef: f(2, ResourceFieldSelector, 'A resource limit or request of a container.'),
    configMapKeyRef: f(3, ConfigMapKeySelector, "A key of a config map in the pod's namespace."),
    secretKeyRef: f(4, SecretKeySelector, "A key of a secret in the pod's namespace."),
  },
);
export type EnvVarSource = TypeOf<typeof EnvVarSource>;

export const EnvVar = obj('EnvVar', 'One environment variable.', {
  name: req(1, str, 'Name of the variable.'),
  value: f(2, str, 'Its value; $(NAME) refers to earlier variables, $$ is a dollar sign.'),
  valueFrom: f(3, EnvVarSource, 'Where the value comes from instead.'),
});
export type EnvVar = TypeOf<typeof EnvVar>;

export const ConfigMapEnvSource = obj(
  'ConfigMapEnvSource',
  'A config map whose entries become environment variables.',
  {
    ...embed(1, LocalObjectReference),
    optional: f(2, bool, 'Whether the config map may be missing.', { ptr: true }),
  },
);
export type ConfigMapEnvSource = TypeOf<typeof ConfigMapEnvSource>;

export const SecretEnvSource = obj('SecretEnvSource', 'A secret whose entries become environment variables.', {
  ...embed(1, LocalObjectReference),
  optional: f(2, bool, 'Whether the secret may be missing.', { ptr: true }),
});
export type SecretEnvSource = TypeOf<typeof SecretEnvSource>;

export const EnvFromSource = obj('EnvFromSource', 'A set of environment variables taken from one object.', {
  prefix: f(1, str, "Put before every variable's name."),
  configMapRef: f(2, ConfigMapEnvSource, 'Config map to take from.'),
  secretRef: f(3, SecretEnvSource, 'Secret to take from.'),
});
export type EnvFromSource = TypeOf<typeof EnvFromSource>;
