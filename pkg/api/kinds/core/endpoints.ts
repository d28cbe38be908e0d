import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, int32, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { ObjectReference } from './references.ts';
import { Protocol } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const EndpointAddress = obj('EndpointAddress', 'An address behind a service.', {
  ip: req(1, str, 'The address.'),
  hostname: f(3, str, 'Host name of the endpoint.'),
  nodeName: f(4, str, 'Node the endpoint runs on.', { ptr: true }),
  targetRef: f(2, ObjectReference, 'The pod.'),
});
export type EndpointAddress = TypeOf<typeof EndpointAddress>;

export const EndpointPort = obj('EndpointPort', 'A port of the endpoints.', {
  name: f(1, str, 'Name of the service port it belongs to.'),
  port: req(2, int32, 'The port number.'),
  protocol: f(3, Protocol, 'Transport protocol.', { default: 'TCP' }),
  appProtocol: f(4, str, 'Protocol spoken over it, as a hint.', { ptr: true }),
});
export type EndpointPort = TypeOf<typeof EndpointPort>;

export const EndpointSubset = obj('EndpointSubset', 'Addresses that share a set of ports.', {
  addresses: f(1, arr(EndpointAddress), 'Ready addresses.'),
  notReadyAddresses: f(2, arr(EndpointAddress), 'Addresses that are not ready.'),
  ports: f(3, arr(EndpointPort), 'Their ports.'),
});
export type EndpointSubset = TypeOf<typeof EndpointSubset>;

export const EndpointsSchema = topLevel(
  PKG,
  'Endpoints',
  'Addresses behind a service; EndpointSlice is the newer form.',
  {
    subsets: f(2, arr(EndpointSubset), 'Groups of addresses with the same ports.'),
  },
);
export type Endpoints = TypeOf<typeof EndpointsSchema>;

export const EndpointsResource = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  schema: EndpointsSchema,
});
