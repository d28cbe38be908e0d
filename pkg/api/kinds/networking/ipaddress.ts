import { defineKind, topLevel } from '../../kind.ts';
import { f, objectsIn, str, type TypeOf } from '../../schema/schema.ts';

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

export const IPAddresses = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  namespaced: false,
  shortNames: ['ip'],
  schema: IPAddressSchema,
});
