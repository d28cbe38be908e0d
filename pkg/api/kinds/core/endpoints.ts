import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, required } from '../../meta/fielderrors.ts';
import { hostPort } from '../../meta/ip.ts';
import { dnsLabel, dnsSubdomain, portNumber, qualifiedName } from '../../meta/names.ts';
import { arr, f, int32, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { invalidFor, oneOfRequired } from '../check/check.ts';
import { ageColumn, column, firstThree, NONE, nameColumn } from '../print/columns.ts';
import { ObjectReference } from './references.ts';
import { validateExternalIp } from './service/service-validation.ts';
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

function validateAddress(path: string, a: EndpointAddress): FieldError[] {
  const found = validateExternalIp(`${path}.ip`, a.ip);
  if (a.hostname) found.push(...invalidFor(`${path}.hostname`, a.hostname, dnsLabel(a.hostname)));
  if (a.nodeName !== undefined) found.push(...invalidFor(`${path}.nodeName`, a.nodeName, dnsSubdomain(a.nodeName)));
  return found;
}

function validatePort(path: string, p: EndpointPort, many: boolean): FieldError[] {
  const found: FieldError[] = [];
  if (many && !p.name) found.push(required(`${path}.name`));
  else if (p.name) found.push(...invalidFor(`${path}.name`, p.name, dnsLabel(p.name)));
  const app = p.appProtocol;
  if (app !== undefined) found.push(...invalidFor(`${path}.appProtocol`, app, qualifiedName(app)));
  return [
    ...found,
    ...invalidFor(`${path}.port`, p.port, portNumber(p.port)),
    ...oneOfRequired(`${path}.protocol`, p.protocol, ['TCP', 'UDP', 'SCTP']),
  ];
}

function validateEndpoints(o: Endpoints): FieldError[] {
  return (o.subsets ?? []).flatMap((s, i) => {
    const path = `subsets[${i}]`;
    const ready = s.addresses ?? [];
    const notReady = s.notReadyAddresses ?? [];
    if (ready.length === 0 && notReady.length === 0) {
      return [required(path, 'must specify `addresses` or `notReadyAddresses`')];
    }
    return [
      ...ready.flatMap((a, j) => validateAddress(`${path}.addresses[${j}]`, a)),
      ...notReady.flatMap((a, j) => validateAddress(`${path}.notReadyAddresses[${j}]`, a)),
      ...(s.ports ?? []).flatMap((p, j) => validatePort(`${path}.ports[${j}]`, p, (s.ports ?? []).length > 1)),
    ];
  });
}

/** "10.0.0.1:80,[fd00::1]:80", the first three and how many more. */
function endpointsText(o: Endpoints): string {
  const list = (o.subsets ?? []).flatMap((s) => {
    const addresses = (s.addresses ?? []).map((a) => a.ip);
    if (!s.ports?.length) return addresses;
    return s.ports.flatMap((p) => addresses.map((ip) => hostPort(ip, p.port)));
  });
  if ((o.subsets ?? []).length > 0 && list.length === 0) return '';
  return firstThree(list, NONE);
}

export const EndpointsResource = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  singular: 'endpoints',
  shortNames: ['ep'],
  createOnUpdate: true,
  schema: EndpointsSchema,
  validate: validateEndpoints,
  columns: [nameColumn, column('Endpoints', 'Addresses and ports.', endpointsText), ageColumn],
});
