import {
  arr,
  bool,
  f,
  fieldsV1,
  int64,
  map,
  mapList,
  objectsIn,
  req,
  str,
  type TypeOf,
  time,
} from '../schema/schema.ts';

const obj = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1');

export const OwnerReference = obj(
  'OwnerReference',
  'Names the object that owns this one; when every owner is gone the garbage collector deletes the dependent.',
  {
    apiVersion: req(5, str, 'API version of the owner.'),
    kind: req(1, str, 'Kind of the owner.'),
    name: req(3, str, 'Name of the owner.'),
    uid: req(4, str, 'UID of the owner.'),
    controller: f(6, bool, 'True on the one owner that manages this object.', { ptr: true }),
    blockOwnerDeletion: f(7, bool, 'True if a foreground deletion of the owner waits until this dependent is gone.', {
      ptr: true,
    }),
  },
  { structType: 'atomic' },
);
export type OwnerReference = TypeOf<typeof OwnerReference>;

export const ManagedFieldsEntry = obj(
  'ManagedFieldsEntry',
  'Which fields one manager set, and when: the bookkeeping of server-side apply.',
  {
    manager: f(1, str, 'Name of the writer.'),
    operation: f(2, str, 'How the writer set the fields: Apply or Update.'),
    apiVersion: f(3, str, 'API version the field set is expressed in.'),
    time: f(4, time, 'When the set of fields last changed.'),
    fieldsType: f(6, str, 'Format of fieldsV1; always "FieldsV1".'),
    fieldsV1: f(7, fieldsV1, 'The set of fields, as a tree of path elements.'),
    subresource: f(8, str, 'Subresource through which the fields were set, empty for the main resource.'),
  },
);
export type ManagedFieldsEntry = TypeOf<typeof ManagedFieldsEntry>;

export const ObjectMeta = obj('ObjectMeta', 'What every stored object carries: identity, labels, lifecycle.', {
  name: f(1, str, 'Unique within the namespace and kind; cannot be changed.'),
  generateName: f(2, str, 'Prefix from which the server makes a unique name when none is given.'),
  namespace: f(3, str, 'The scope of the name; cannot be changed. Empty on cluster-scoped objects.'),
  selfLink: f(4, str, 'Unused; kept so that old clients can decode it.'),
  uid: f(5, str, 'Unique in time and space; set by the server on creation.'),
  resourceVersion: f(6, str, 'Opaque version of the object; changes on every write.'),
  generation: f(7, int64, 'Counts changes of the desired state.'),
  creationTimestamp: f(8, time, 'When the object was stored first.'),
  deletionTimestamp: f(9, time, 'When the object will be, or was meant to be, gone; set by a graceful delete.', {
    ptr: true,
  }),
  deletionGracePeriodSeconds: f(10, int64, 'Seconds granted for a graceful end, set with deletionTimestamp.', {
    ptr: true,
  }),
  labels: f(11, map(str), 'Key/value pairs that selectors match.'),
  annotations: f(12, map(str), 'Key/value pairs for tools; not queryable.'),
  ownerReferences: f(13, mapList(OwnerReference, 'uid'), 'Objects this one depends on.'),
  finalizers: f(
    14,
    arr(str, { listType: 'set', patchStrategy: 'merge' }),
    'Names that must all be removed before the object goes away.',
  ),
  managedFields: f(17, arr(ManagedFieldsEntry), 'Which writer owns which fields; kept by the server.'),
});
export type ObjectMeta = TypeOf<typeof ObjectMeta>;

/** The shape every API object has, whatever its kind. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** An object read from the server: name, uid and resourceVersion are there. Times are RFC 3339. */
export type Stored<T extends KubeObject> = T & {
  metadata: ObjectMeta & { name: string; uid: string; resourceVersion: string; creationTimestamp: string };
};
