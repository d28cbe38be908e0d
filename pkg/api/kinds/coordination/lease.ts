import { defineKind, topLevel } from '../../kind.ts';
import { f, int32, microTime, objectsIn, str, type TypeOf } from '../../schema/schema.ts';

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
    spec: f(2, LeaseSpec, 'Who holds it.'),
  },
);
export type Lease = TypeOf<typeof LeaseSchema>;

export const Leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  schema: LeaseSchema,
});
