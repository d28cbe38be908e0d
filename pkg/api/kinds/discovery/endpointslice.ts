import { isIPv4, isIPv6 } from 'node:net';
import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError, invalid, required, tooMany } from '../../meta/fielderrors.ts';
import { validateLabels } from '../../meta/labels.ts';
import { dnsLabel, dnsSubdomain, labelValue, portNumber, qualifiedName } from '../../meta/names.ts';
import { arr, bool, f, int32, map, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { fullDomainName, immutable, invalidFor, oneOfOptional, oneOfRequired } from '../check/check.ts';
import { ObjectReference } from '../core/references.ts';
import { validateExternalIp } from '../core/service/service-validation.ts';
import { Protocol } from '../core/values.ts';
import { ageColumn, column, firstThree, nameColumn, UNSET } from '../print/columns.ts';

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
  conditions: f(2, EndpointConditions, 'Its state.', { default: {} }),
  hostname: f(3, str, 'Its host name.', { ptr: true }),
  targetRef: f(4, ObjectReference, 'The pod.'),
  deprecatedTopology: f(5, map(str), 'Unused; kept so that old clients can decode it.'),
  nodeName: f(6, str, 'Node it runs on.', { ptr: true }),
  zone: f(7, str, 'Zone it runs in.', { ptr: true }),
  hints: f(8, EndpointHints, 'Who should use it.'),
});
export type Endpoint = TypeOf<typeof Endpoint>;

export const EndpointSlicePort = obj('EndpointPort', 'A port of the endpoints.', {
  name: f(1, str, 'Name of the service port it belongs to; absent or empty only on the single port.', {
    ptr: true,
    default: '',
  }),
  protocol: f(2, Protocol, 'Transport protocol.', { ptr: true, default: 'TCP' }),
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

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;
const MAX_TOPOLOGY = 16;

function validateAddresses(path: string, type: string, addresses: readonly string[]): FieldError[] {
  if (addresses.length === 0) return [required(path, 'must contain at least 1 address')];
  const found = addresses.length > MAX_ADDRESSES ? [tooMany(path, addresses.length, MAX_ADDRESSES)] : [];
  const wrong = addresses.flatMap((a, i) => {
    const at = `${path}[${i}]`;
    if (type === 'FQDN') return fullDomainName(at, a);
    if (type === 'IPv4' && !isIPv4(a)) return [invalid(at, a, 'must be a valid IPv4 address')];
    if (type === 'IPv6' && !isIPv6(a)) return [invalid(at, a, 'must be a valid IPv6 address')];
    return validateExternalIp(at, a);
  });
  return [...found, ...wrong];
}

/** Names that hints list: few, each once. */
function validateHinted(
  path: string,
  list: readonly { readonly name?: string }[] | undefined,
  check: (name: string) => string[],
): FieldError[] {
  const names = (list ?? []).map(({ name = '' }) => name);
  if (names.length > MAX_HINTS) return [tooMany(path, names.length, MAX_HINTS)];
  return names.flatMap((name, i) => {
    const at = `${path}[${i}].name`;
    const found = names.indexOf(name) < i ? [duplicate(at, name)] : [];
    return [...found, ...invalidFor(at, name, check(name))];
  });
}

function validateEndpoint(path: string, type: string, e: Endpoint): FieldError[] {
  const { hostname, nodeName, hints, deprecatedTopology: topology = {} } = e;
  const found = validateAddresses(`${path}.addresses`, type, e.addresses ?? []);
  if (nodeName !== undefined) found.push(...invalidFor(`${path}.nodeName`, nodeName, dnsSubdomain(nodeName)));
  const count = Object.keys(topology).length;
  if (count > MAX_TOPOLOGY) found.push(tooMany(`${path}.deprecatedTopology`, count, MAX_TOPOLOGY));
  found.push(...validateLabels(topology, `${path}.deprecatedTopology`));
  if (hostname !== undefined) found.push(...invalidFor(`${path}.hostname`, hostname, dnsLabel(hostname)));
  return [
    ...found,
    ...validateHinted(`${path}.hints.forZones`, hints?.forZones, labelValue),
    ...validateHinted(`${path}.hints.forNodes`, hints?.forNodes, dnsSubdomain),
  ];
}

function validatePorts(ports: readonly EndpointSlicePort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany('ports', ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return ports.flatMap((p, i) => {
    const path = `ports[${i}]`;
    const name = p.name ?? '';
    const found = name ? invalidFor(`${path}.name`, name, dnsLabel(name)) : [];
    if (names.has(name)) found.push(duplicate(`${path}.name`, name));
    names.add(name);
    found.push(...oneOfOptional(`${path}.protocol`, p.protocol, ['TCP', 'UDP', 'SCTP']));
    if (p.appProtocol !== undefined) {
      found.push(...invalidFor(`${path}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol)));
    }
    if (p.port !== undefined) found.push(...invalidFor(`${path}.port`, p.port, portNumber(p.port)));
    return found;
  });
}

function validateSlice(o: EndpointSlice, old?: EndpointSlice): FieldError[] {
  const found = oneOfRequired('addressType', o.addressType, ['FQDN', 'IPv4', 'IPv6']);
  const endpoints = o.endpoints ?? [];
  if (endpoints.length > MAX_ENDPOINTS) found.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  else found.push(...endpoints.flatMap((e, i) => validateEndpoint(`endpoints[${i}]`, o.addressType, e)));
  found.push(...validatePorts(o.ports ?? []));
  if (old) found.push(...immutable('addressType', o.addressType, old.addressType));
  return found;
}

const hintsNodes = (o: EndpointSlice): boolean => (o.endpoints ?? []).some((e) => e.hints?.forNodes !== undefined);

/** Hints for nodes (PreferSameTrafficDistribution) are off in v1.33: they are not taken, unless there are some. */
function dropNodeHints(o: EndpointSlice, old?: EndpointSlice): void {
  if (!hintsNodes(o) || (old && hintsNodes(old))) return;
  for (const { hints } of o.endpoints ?? []) delete hints?.forNodes;
}

/** What v1beta1 called topology is none of v1's: who writes endpoints by that does not keep it. */
function dropTopology(o: EndpointSlice, asked: string, old?: EndpointSlice): void {
  if (asked === 'v1beta1' || (old && sameJson(o.endpoints, old.endpoints))) return;
  for (const e of o.endpoints ?? []) delete e.deprecatedTopology;
}

export const EndpointSlices = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  hasGeneration: true,
  schema: EndpointSliceSchema,
  prepareCreate: (o, asked) => {
    dropNodeHints(o);
    dropTopology(o, asked);
  },
  prepareUpdate: (o, old, asked) => {
    dropNodeHints(o, old);
    dropTopology(o, asked, old);
  },
  validate: validateSlice,
  columns: [
    nameColumn,
    column('AddressType', 'What kind of addresses it holds.', (o) => o.addressType),
    column('Ports', 'Ports of the endpoints.', (o) =>
      firstThree(
        (o.ports ?? []).map((p) => String(p.port ?? (p.name || '*'))),
        UNSET,
      ),
    ),
    column('Endpoints', 'Addresses of the endpoints.', (o) =>
      firstThree(
        (o.endpoints ?? []).flatMap((e) => e.addresses),
        UNSET,
      ),
    ),
    ageColumn,
  ],
});
