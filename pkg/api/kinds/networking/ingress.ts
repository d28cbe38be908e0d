import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, int32, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { TypedLocalObjectReference } from '../core/references.ts';
import { Protocol } from '../core/values.ts';
import { embed } from '../embed.ts';
import { ageColumn, column, NONE, nameColumn } from '../print/columns.ts';
import { validateIngress, validateIngressStatus } from './ingress-validation.ts';

const PKG = 'io.k8s.api.networking.v1';
const obj = objectsIn(PKG);

export const ServiceBackendPort = obj(
  'ServiceBackendPort',
  'A port of a service, by name or number.',
  {
    name: f(1, str, 'Its name.'),
    number: f(2, int32, 'Its number.'),
  },
  { structType: 'atomic' },
);
export type ServiceBackendPort = TypeOf<typeof ServiceBackendPort>;

export const IngressServiceBackend = obj('IngressServiceBackend', 'A service that answers requests.', {
  name: req(1, str, 'Name of the service.'),
  port: f(2, ServiceBackendPort, 'Port of the service.'),
});
export type IngressServiceBackend = TypeOf<typeof IngressServiceBackend>;

export const IngressBackend = obj('IngressBackend', 'Who answers requests; one of the fields is set.', {
  service: f(4, IngressServiceBackend, 'A service.'),
  resource: f(3, TypedLocalObjectReference, 'Another object.'),
});
export type IngressBackend = TypeOf<typeof IngressBackend>;

export const HTTPIngressPath = obj('HTTPIngressPath', 'A path and who answers it.', {
  path: f(1, str, 'The path; begins with /.'),
  pathType: req(3, oneOf('Exact', 'ImplementationSpecific', 'Prefix'), 'How the path is matched.', { ptr: true }),
  backend: req(2, IngressBackend, 'Who answers.'),
});
export type HTTPIngressPath = TypeOf<typeof HTTPIngressPath>;

export const HTTPIngressRuleValue = obj('HTTPIngressRuleValue', 'Paths of a host.', {
  paths: req(1, arr(HTTPIngressPath), 'The paths.'),
});
export type HTTPIngressRuleValue = TypeOf<typeof HTTPIngressRuleValue>;

export const IngressRuleValue = obj('IngressRuleValue', 'What holds for a host.', {
  http: f(1, HTTPIngressRuleValue, 'Its paths.'),
});
export type IngressRuleValue = TypeOf<typeof IngressRuleValue>;

export const IngressRule = obj('IngressRule', 'A host and what holds for it.', {
  host: f(1, str, 'The host; * may stand for its first label.'),
  ...embed(2, IngressRuleValue),
});
export type IngressRule = TypeOf<typeof IngressRule>;

export const IngressTLS = obj('IngressTLS', 'Hosts and their certificate.', {
  hosts: f(1, arr(str), 'Hosts of the certificate.'),
  secretName: f(2, str, 'Secret with the certificate.'),
});
export type IngressTLS = TypeOf<typeof IngressTLS>;

export const IngressSpec = obj('IngressSpec', 'Which requests go where.', {
  ingressClassName: f(4, str, 'Class of controllers that serve it.', { ptr: true }),
  defaultBackend: f(1, IngressBackend, 'Who answers requests no rule matches.'),
  tls: f(2, arr(IngressTLS), 'Certificates.'),
  rules: f(3, arr(IngressRule), 'Hosts and paths.'),
});
export type IngressSpec = TypeOf<typeof IngressSpec>;

export const IngressPortStatus = obj('IngressPortStatus', 'State of one load balancer port.', {
  port: req(1, int32, 'The port.'),
  protocol: req(2, Protocol, 'Its protocol.'),
  error: f(3, str, 'What is wrong with it.', { ptr: true }),
});
export type IngressPortStatus = TypeOf<typeof IngressPortStatus>;

export const IngressLoadBalancerIngress = obj('IngressLoadBalancerIngress', 'An entry point of a load balancer.', {
  ip: f(1, str, 'Its address.'),
  hostname: f(2, str, 'Its name.'),
  ports: f(4, arr(IngressPortStatus), 'State of its ports.'),
});
export type IngressLoadBalancerIngress = TypeOf<typeof IngressLoadBalancerIngress>;

export const IngressLoadBalancerStatus = obj('IngressLoadBalancerStatus', 'Entry points of a load balancer.', {
  ingress: f(1, arr(IngressLoadBalancerIngress), 'The entry points.'),
});
export type IngressLoadBalancerStatus = TypeOf<typeof IngressLoadBalancerStatus>;

export const IngressStatus = obj('IngressStatus', 'What serves an ingress.', {
  loadBalancer: f(1, IngressLoadBalancerStatus, 'The entry points.', { default: {} }),
});
export type IngressStatus = TypeOf<typeof IngressStatus>;

export const IngressSchema = topLevel(PKG, 'Ingress', 'Leads HTTP requests from outside to services.', {
  spec: f(2, IngressSpec, 'Which requests go where.'),
  status: f(3, IngressStatus, 'What serves it.'),
});
export type Ingress = TypeOf<typeof IngressSchema>;

const hostsText = (o: Ingress): string => {
  const hosts = (o.spec?.rules ?? []).slice(0, 3).map((r) => r.host || '*');
  const more = (o.spec?.rules ?? []).length - hosts.length;
  if (hosts.length === 0) return '*';
  return more > 0 ? `${hosts.join(',')} + ${more} more...` : hosts.join(',');
};

export const Ingresses = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  hasStatus: true,
  schema: IngressSchema,
  prepareCreate: (o) => {
    o.status = { loadBalancer: {} };
  },
  validate: validateIngress,
  validateStatus: validateIngressStatus,
  columns: [
    nameColumn,
    column('Class', 'Class of controllers that serve it.', (o) => o.spec?.ingressClassName ?? NONE),
    column('Hosts', 'Hosts it has rules for.', hostsText),
    column('Address', 'Entry points of the load balancer.', (o) =>
      (o.status?.loadBalancer?.ingress ?? [])
        .map((i) => i.ip || i.hostname || '')
        .filter(Boolean)
        .join(','),
    ),
    column('Ports', 'Ports it listens on.', (o) => (o.spec?.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
});
