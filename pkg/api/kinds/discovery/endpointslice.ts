import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, int32, map, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ObjectReference } from '../core/references.ts';
import { Protocol } from '../core/values.ts';

const PKG = 'io.k8s.api.discovery.v1';
const obj = objectsIn(PKG);

export const EndpointConditions = obj('EndpointConditions', 'State of an endpoint.', {
  ready: f(1, bool, 'Takes new connections; absent means it does.', { ptr: true }),
  serving: f(2, bool, 'Ready even if it is terminating.', { ptr: true }),
  terminating: f(3, bool, 'It is being ended.', { ptr: true }),
});
export type EndpointConditions = TypeOf<typeof EndpointConditions>;

export const ForZone = obj('ForZone', 'A zone that should use an endpoint.', {
  name: req(1, str, 'Name of the zone.'),
});
export type ForZone = TypeOf<typeof ForZone>;

export const ForNode = obj('ForNode', 'A node that should use an endpoint.', {
  name: req(1, str, 'Name of the node.'),
});
export type ForNode = TypeOf<typeof ForNode>;

export const EndpointHints = obj('EndpointHints', 'Who should use an endpoint.', {
  forZones: f(1, arr(ForZone), 'Zones that should.'),
  forNodes: f(2, arr(ForNode), 'Nodes that should.'),
});
export type EndpointHints = TypeOf<typeof EndpointHints>;

export const Endpoint = obj('Endpoint', 'One endpoint behind a service.', {
  addresses: req(1, arr(str, { listType: 'set' }), 'Its addresses; all mean the same.'),
  conditions: f(2, EndpointConditions, 'Its state.'),
  hostname: f(3, str, 'Its host name.', { ptr: true }),
  targetRef: f(4, ObjectReference, 'The pod.'),
  deprecatedTopology: f(5, map(str), 'Unused; kept so that old clients can decode it.'),
  nodeName: f(6, str, 'Node it runs on.', { ptr: true }),
  zone: f(7, str, 'Zone it runs in.', { ptr: true }),
  hints: f(8, EndpointHints, 'Who should use it.'),
});
export type Endpoint = TypeOf<typeof Endpoint>;

export const EndpointSlicePort = obj('EndpointPort', 'A port of the endpoints.', {
  name: f(1, str, 'Name of the service port it belongs to; absent or empty only on the single port.', { ptr: true }),
  protocol: f(2, Protocol, 'Transport protocol.', { ptr: true }),
  port: f(3, int32, 'The port number; absent means every port.', { ptr: true }),
  appProtocol: f(4, str, 'Protocol spoken over it, as a hint.', { ptr: true }),
});
export type EndpointSlicePort = TypeOf<typeof EndpointSlicePort>;

export const EndpointSliceSchema = topLevel(PKG, 'EndpointSlice', 'A part of the endpoints behind a service.', {
  addressType: req(4, oneOf('IPv4', 'IPv6', 'FQDN'), 'What kind of addresses it holds.'),
  endpoints: req(2, arr(Endpoint), 'The endpoints.'),
  ports: req(3, arr(EndpointSlicePort), 'Their ports.'),
});
export type EndpointSlice = TypeOf<typeof EndpointSliceSchema>;

export const EndpointSlices = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  hasGeneration: true,
  schema: EndpointSliceSchema,
});
