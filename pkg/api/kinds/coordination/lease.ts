import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, invalid } from '../../meta/fielderrors.ts';
import { f, int32, microTime, objectsIn, str, type TypeOf } from '../../schema/schema.ts';
import { nonNegative } from '../check/check.ts';
import { dropDisabledFields } from '../disabled-fields.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.coordination.v1';
const obj = objectsIn(PKG);

export const LeaseSpec = obj('LeaseSpec', 'Who holds a lease, and for how long.', {
  holderIdentity: f(1, str, 'The holder.', { ptr: true }),
  leaseDurationSeconds: f(2, int32, 'Seconds others wait after the last renewal.', { ptr: true }),
  acquireTime: f(3, microTime, 'When it was acquired.'),
  renewTime: f(4, microTime, 'When it was last renewed.'),
  leaseTransitions: f(5, int32, 'How often the holder changed.', { ptr: true }),
  strategy: f(6, str, 'How the holder is chosen, in coordinated election.', { ptr: true }),
  preferredHolder: f(7, str, 'Who should hold it next.', { ptr: true }),
});
export type LeaseSpec = TypeOf<typeof LeaseSpec>;

export const LeaseSchema = topLevel(
  PKG,
  'Lease',
  "A claim that has to be renewed: leadership, or a node's heartbeat.",
  {
    spec: f(2, LeaseSpec, 'Who holds it.', { default: {} }),
  },
);
export type Lease = TypeOf<typeof LeaseSchema>;

function validateLease(o: Lease): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const seconds = spec?.leaseDurationSeconds;
  if (seconds !== undefined && seconds <= 0) {
    found.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
  }
  found.push(...nonNegative('spec.leaseTransitions', spec?.leaseTransitions));
  if (spec?.preferredHolder && !spec.strategy) {
    found.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
  }
  return found;
}

/** The election that these are for (CoordinatedLeaderElection) is off in v1.33: they are not taken, unless they are there. */
const dropElection = (o: Lease, old?: Lease): void =>
  dropDisabledFields(o.spec, old?.spec, ['strategy', 'preferredHolder']);

export const Leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  needsVersion: true,
  createOnUpdate: true,
  schema: LeaseSchema,
  prepareCreate: (o) => dropElection(o),
  prepareUpdate: dropElection,
  validate: validateLease,
  columns: [nameColumn, column('Holder', 'Who holds it.', (o) => o.spec?.holderIdentity ?? ''), ageColumn],
});
