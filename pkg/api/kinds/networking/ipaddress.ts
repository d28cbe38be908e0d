import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, required } from '../../meta/fielderrors.ts';
import { f, objectsIn, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, ipAddress } from '../check/check.ts';
import { column, NONE, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.networking.v1';
const obj = objectsIn(PKG);

export const ParentReference = obj('ParentReference', 'The object an address belongs to.', {
  group: f(1, str, 'API group of the object.'),
  resource: f(2, str, 'Plural name of its resource.'),
  namespace: f(3, str, 'Its namespace.'),
  name: f(4, str, 'Its name.'),
});
export type ParentReference = TypeOf<typeof ParentReference>;

export const IPAddressSpec = obj('IPAddressSpec', 'Whose an address is.', {
  parentRef: f(1, ParentReference, 'The object it belongs to.'),
});
export type IPAddressSpec = TypeOf<typeof IPAddressSpec>;

export const IPAddressSchema = topLevel(PKG, 'IPAddress', 'An address in use; its name is the address.', {
  spec: f(2, IPAddressSpec, 'Whose it is.'),
});
export type IPAddress = TypeOf<typeof IPAddressSchema>;

function validateAddress(o: IPAddress, old?: IPAddress): FieldError[] {
  const found = ipAddress('metadata.name', o.metadata?.name);
  const ref = o.spec?.parentRef;
  if (!ref) found.push(required('spec.parentRef'));
  else {
    for (const k of ['resource', 'name'] as const) if (!ref[k]) found.push(required(`spec.parentRef.${k}`));
  }
  return old ? [...found, ...immutable('spec.parentRef', ref, old.spec?.parentRef)] : found;
}

function parentText(o: IPAddress): string {
  const ref = o.spec?.parentRef;
  if (!ref) return NONE;
  return [
    ref.resource,
    ref.group ? `.${ref.group}` : '',
    ref.namespace ? `/${ref.namespace}` : '',
    `/${ref.name}`,
  ].join('');
}

export const IPAddresses = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  namespaced: false,
  schema: IPAddressSchema,
  validate: validateAddress,
  fields: {
    'spec.parentRef.name': (o) => o.spec?.parentRef?.name ?? '',
    'spec.parentRef.namespace': (o) => o.spec?.parentRef?.namespace ?? '',
  },
  columns: [nameColumn, column('ParentRef', 'The object it belongs to.', parentText)],
});
