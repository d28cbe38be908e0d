import { f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ObjectReference = obj(
  'ObjectReference',
  'Points to another object, or to a part of it.',
  {
    kind: f(1, str, 'Kind of the object pointed to.'),
    namespace: f(2, str, 'Namespace of the object pointed to.'),
    name: f(3, str, 'Name of the object pointed to.'),
    uid: f(4, str, 'UID of the object pointed to.'),
    apiVersion: f(5, str, 'API version of the object pointed to.'),
    resourceVersion: f(6, str, 'The exact version of the object meant, if one is.'),
    fieldPath: f(7, str, 'A part of the object, e.g. `spec.containers{web}`.'),
  },
  { structType: 'atomic' },
);
export type ObjectReference = TypeOf<typeof ObjectReference>;

export const LocalObjectReference = obj(
  'LocalObjectReference',
  'Names an object in the same namespace.',
  {
    name: f(1, str, 'Name of the object.'),
  },
  { structType: 'atomic' },
);
export type LocalObjectReference = TypeOf<typeof LocalObjectReference>;

export const SecretReference = obj(
  'SecretReference',
  'Names a secret in any namespace.',
  {
    name: f(1, str, 'Name of the secret.'),
    namespace: f(2, str, 'Namespace of the secret.'),
  },
  { structType: 'atomic' },
);
export type SecretReference = TypeOf<typeof SecretReference>;

export const TypedLocalObjectReference = obj(
  'TypedLocalObjectReference',
  'Names an object of any kind in the same namespace.',
  {
    apiGroup: req(1, str, 'API group of the object; absent means the core group.', { ptr: true }),
    kind: req(2, str, 'Kind of the object.'),
    name: req(3, str, 'Name of the object.'),
  },
  { structType: 'atomic' },
);
export type TypedLocalObjectReference = TypeOf<typeof TypedLocalObjectReference>;

export const TypedObjectReference = obj(
  'TypedObjectReference',
  'Names an object of any kind, possibly in another namespace.',
  {
    apiGroup: req(1, str, 'API group of the object; absent means the core group.', { ptr: true }),
    kind: req(2, str, 'Kind of the object.'),
    name: req(3, str, 'Name of the object.'),
    namespace: f(4, str, 'Namespace of the object; needs a ReferenceGrant when it is another one.', { ptr: true }),
  },
);
export type TypedObjectReference = TypeOf<typeof TypedObjectReference>;
