import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, mapList, type TypeOf } from '../../schema/schema.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';
import { LocalObjectReference, ObjectReference } from './references.ts';

const PKG = 'io.k8s.api.core.v1';

export const ServiceAccountSchema = topLevel(PKG, 'ServiceAccount', 'An identity for processes in pods.', {
  secrets: f(2, mapList(ObjectReference, 'name'), 'Secrets its pods may use.'),
  imagePullSecrets: f(3, arr(LocalObjectReference), 'Registry credentials its pods get.'),
  automountServiceAccountToken: f(4, bool, 'Whether its pods get a token mounted.', { ptr: true }),
});
export type ServiceAccount = TypeOf<typeof ServiceAccountSchema>;

export const ServiceAccounts = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  returnsDeleted: true,
  subresources: ['token'],
  schema: ServiceAccountSchema,
  columns: [nameColumn, numberColumn('Secrets', 'Number of secrets.', (o) => (o.secrets ?? []).length), ageColumn],
});
