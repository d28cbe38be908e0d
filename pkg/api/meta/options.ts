import { arr, bool, f, int64, objectsIn, str, type TypeOf } from '../schema/schema.ts';

const obj = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1');

export const Preconditions = obj('Preconditions', 'What must hold for a deletion to be carried out.', {
  uid: f(1, str, 'The object must have this UID.', { ptr: true }),
  resourceVersion: f(2, str, 'The object must be at this version.', { ptr: true }),
});

export const DeleteOptions = obj('DeleteOptions', 'How to delete an object.', {
  apiVersion: f(0, str, 'Version of these options.'),
  kind: f(0, str, 'DeleteOptions.'),
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
