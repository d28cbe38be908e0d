import { defineKind, topLevel } from '../../kind.ts';
import type { KubeObject } from '../../meta/objectmeta.ts';
import { arr, f, map, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ObjectReference } from '../core/references.ts';
import {
  type Endpoint,
  EndpointConditions,
  EndpointHints,
  type EndpointSlice,
  EndpointSlicePort,
  EndpointSlices,
} from '../discovery/endpointslice.ts';
import { viaStored } from './renamed.ts';

const PKG = 'io.k8s.api.discovery.v1beta1';
const obj = objectsIn(PKG);

const EndpointV1Beta1 = obj('Endpoint', 'One endpoint behind a service.', {
  addresses: req(1, arr(str, { listType: 'set' }), 'Its addresses; all mean the same.'),
  conditions: f(2, EndpointConditions, 'Its state.'),
  hostname: f(3, str, 'Its host name.', { ptr: true }),
  targetRef: f(4, ObjectReference, 'The pod.'),
  topology: f(5, map(str), 'Where it is: host name, zone and region.'),
  nodeName: f(6, str, 'Node it runs on.', { ptr: true }),
  hints: f(7, EndpointHints, 'Who should use it.'),
});
type EndpointV1Beta1 = TypeOf<typeof EndpointV1Beta1>;

const EndpointSliceV1Beta1Schema = topLevel(PKG, 'EndpointSlice', 'A part of the endpoints behind a service.', {
  addressType: req(4, oneOf('IPv4', 'IPv6', 'FQDN'), 'What kind of addresses it holds.'),
  endpoints: req(2, arr(EndpointV1Beta1), 'The endpoints.'),
  ports: req(3, arr(EndpointSlicePort), 'Their ports.'),
});
export type EndpointSliceV1Beta1 = TypeOf<typeof EndpointSliceV1Beta1Schema>;

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

/** The zone has a field of its own in v1, the host name is the node's. */
function endpointToV1({ topology, ...e }: EndpointV1Beta1): Endpoint {
  const { [ZONE]: zone, [HOST]: host, ...other } = topology ?? {};
  const nodeName = e.nodeName ?? host;
  return {
    ...e,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(Object.keys(other).length > 0 ? { deprecatedTopology: other } : {}),
  };
}

function endpointFromV1({ zone, deprecatedTopology, ...e }: Endpoint): EndpointV1Beta1 {
  const topology = {
    ...deprecatedTopology,
    ...(zone === undefined ? {} : { [ZONE]: zone }),
    ...(e.nodeName === undefined ? {} : { [HOST]: e.nodeName }),
  };
  return { ...e, ...(Object.keys(topology).length > 0 ? { topology } : {}) };
}

const toV1 = (o: EndpointSliceV1Beta1): EndpointSlice => ({ ...o, endpoints: (o.endpoints ?? []).map(endpointToV1) });
const fromV1 = (o: EndpointSlice): EndpointSliceV1Beta1 => ({
  ...o,
  endpoints: (o.endpoints ?? []).map(endpointFromV1),
});

export const EndpointSlicesV1Beta1 = defineKind<EndpointSliceV1Beta1>({
  group: 'discovery.k8s.io',
  version: 'v1beta1',
  deprecated:
    'discovery.k8s.io/v1beta1 EndpointSlice is deprecated in v1.21+, unavailable in v1.25+; use discovery.k8s.io/v1 EndpointSlice',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  schema: EndpointSliceV1Beta1Schema,
  storedAs: {
    kind: EndpointSlices as never,
    toStored: toV1,
    fromStored: fromV1 as (o: KubeObject) => EndpointSliceV1Beta1,
  },
  columns: viaStored(EndpointSlices.columns, toV1),
});
