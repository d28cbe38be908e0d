import { arr, bool, f, int32, int64, objectsIn, raw, req, str, type TypeOf } from '../schema/schema.ts';
import { ObjectMeta } from './objectmeta.ts';

const obj = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1');

/** The two fields every body starts with; in protobuf they travel in the envelope. */
const typeMeta = {
  apiVersion: f(0, str, 'Version of this representation.'),
  kind: f(0, str, 'Kind of this object.'),
};

export const Preconditions = obj('Preconditions', 'What must hold for a deletion to be carried out.', {
  uid: f(1, str, 'The object must have this UID.', { ptr: true }),
  resourceVersion: f(2, str, 'The object must be at this version.', { ptr: true }),
});

export const DeleteOptions = obj('DeleteOptions', 'How to delete an object.', {
  ...typeMeta,
  gracePeriodSeconds: f(1, int64, 'Seconds granted for a graceful end; zero means at once.', { ptr: true }),
  preconditions: f(2, Preconditions, 'Conditions for the deletion.'),
  orphanDependents: f(3, bool, 'Old form of propagationPolicy.', { ptr: true }),
  propagationPolicy: f(4, str, 'What becomes of dependents: Orphan, Background or Foreground.', { ptr: true }),
  dryRun: f(5, arr(str), '"All" checks everything but changes nothing.'),
  ignoreStoreReadErrorWithClusterBreakingPotential: f(6, bool, 'Delete even an object that cannot be read.', {
    ptr: true,
  }),
});
export type DeleteOptions = TypeOf<typeof DeleteOptions>;

export const ListMeta = obj('ListMeta', 'Version of a list, and how to go on reading it.', {
  selfLink: f(1, str, 'Unused; kept so that old clients can decode it.'),
  resourceVersion: f(2, str, 'Version of the collection: where a watch goes on from.'),
  continue: f(3, str, 'Token for the next part; empty on the last.'),
  remainingItemCount: f(4, int64, 'Items that follow this part, when known.', { ptr: true }),
});
export type ListMeta = TypeOf<typeof ListMeta>;

export const StatusCause = obj('StatusCause', 'One reason for a failure.', {
  reason: f(1, str, 'Cause for programs, in CamelCase.'),
  message: f(2, str, 'Cause for people.'),
  field: f(3, str, 'JSON path of the field at fault.'),
});

export const StatusDetails = obj('StatusDetails', 'What a Status speaks of.', {
  name: f(1, str, 'Name of the object.'),
  group: f(2, str, 'API group of the object.'),
  kind: f(3, str, 'Resource of the object.'),
  uid: f(6, str, 'UID of the object.'),
  causes: f(4, arr(StatusCause), 'Single reasons, one a field for failed validation.'),
  retryAfterSeconds: f(5, int32, 'When to try again.'),
});

/** The wire schema of `Status` in errors.ts. */
export const StatusSchema = obj('Status', 'Outcome of a request that returns no object.', {
  ...typeMeta,
  metadata: f(1, ListMeta, 'Unused.'),
  status: f(2, str, 'Success or Failure.'),
  message: f(3, str, 'Outcome for people.'),
  reason: f(4, str, 'Outcome for programs, in CamelCase.'),
  details: f(5, StatusDetails, 'What it speaks of.'),
  code: f(6, int32, 'HTTP status code.'),
});

export const PartialObjectMetadata = obj('PartialObjectMetadata', 'An object of any kind, reduced to its metadata.', {
  ...typeMeta,
  metadata: f(1, ObjectMeta, 'Its metadata.'),
});

export const WatchEvent = obj('WatchEvent', 'One event of a watch.', {
  type: req(1, str, 'ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.'),
  object: req(2, raw, 'The object after the change, before its deletion, or a Status.'),
});

const writeOptions = {
  ...typeMeta,
  dryRun: f(1, arr(str), '"All" checks everything but changes nothing.'),
};
const fieldManager = 'Who writes, for managedFields.';
const fieldValidation = 'What to do about unknown and duplicate fields: Ignore, Warn or Strict.';

export const CreateOptions = obj('CreateOptions', 'How to create an object.', {
  ...writeOptions,
  fieldManager: f(3, str, fieldManager),
  fieldValidation: f(4, str, fieldValidation),
});

export const UpdateOptions = obj('UpdateOptions', 'How to update an object.', {
  ...writeOptions,
  fieldManager: f(2, str, fieldManager),
  fieldValidation: f(3, str, fieldValidation),
});

export const PatchOptions = obj('PatchOptions', 'How to patch an object.', {
  ...writeOptions,
  force: f(2, bool, 'Take fields from their managers instead of a conflict.', { ptr: true }),
  fieldManager: f(3, str, fieldManager),
  fieldValidation: f(4, str, fieldValidation),
});

export const GetOptions = obj('GetOptions', 'How to read an object.', {
  ...typeMeta,
  resourceVersion: f(1, str, 'How new the answer must be.'),
});

export const ListOptions = obj('ListOptions', 'Which objects to list or watch.', {
  ...typeMeta,
  labelSelector: f(1, str, 'Labels the objects must have.'),
  fieldSelector: f(2, str, 'Fields the objects must have.'),
  watch: f(3, bool, 'Stream changes instead of a list.'),
  allowWatchBookmarks: f(9, bool, 'Bookmarks may be sent.'),
  resourceVersion: f(4, str, 'How new the answer must be, or where a watch starts.'),
  resourceVersionMatch: f(10, str, 'How resourceVersion is meant: Exact or NotOlderThan.'),
  timeoutSeconds: f(5, int64, 'When the call ends at the latest.', { ptr: true }),
  limit: f(7, int64, 'Most items in one answer.'),
  continue: f(8, str, 'Token of the part before.'),
  sendInitialEvents: f(11, bool, 'Start a watch with all present objects.', { ptr: true }),
});

/** Every type here, for the completeness test and for decoders that look them up by name. */
export const metaTypes = [
  CreateOptions,
  DeleteOptions,
  GetOptions,
  ListMeta,
  ListOptions,
  PartialObjectMetadata,
  PatchOptions,
  Preconditions,
  StatusCause,
  StatusDetails,
  StatusSchema,
  UpdateOptions,
  WatchEvent,
] as const;
