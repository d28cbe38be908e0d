import { isIP } from 'node:net';
import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { dns1035Label, dnsSubdomain, pathSegment, portName, portNumber } from '../../meta/names.ts';
import { invalidFor, oneOfOptional, optionalSubdomain } from '../check/check.ts';
import { validateEntryPoint } from '../check/status-validation.ts';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule } from './ingress.ts';

const FORBIDDEN_PARTS = ['//', '/./', '/../', '%2f', '%2F'];
const FORBIDDEN_ENDS = ['/..', '/.'];

function validateBackend(path: string, b: IngressBackend | undefined): FieldError[] {
  const { service, resource } = b ?? {};
  if (service && resource) return [invalid(path, b, 'cannot set both resource and service backends')];
  if (resource) {
    const { apiGroup } = resource;
    const group =
      apiGroup === undefined ? [] : invalidFor(`${path}.resource.apiGroup`, apiGroup, dnsSubdomain(apiGroup));
    const names = (['kind', 'name'] as const).flatMap((k) => {
      const at = `${path}.resource.${k}`;
      return resource[k] ? invalidFor(at, resource[k], pathSegment(resource[k])) : [required(at, `${k} is required`)];
    });
    return [...group, ...names];
  }
  if (!service) return [invalid(path, '', 'resource or service backend is required')];
  const found = service.name
    ? invalidFor(`${path}.service.name`, service.name, dns1035Label(service.name))
    : [required(`${path}.service.name`)];
  const { name, number } = service.port ?? {};
  const at = `${path}.service.port`;
  if (name && number) found.push(invalid(path, b, 'cannot set both port name & port number'));
  else if (name) found.push(...invalidFor(`${at}.name`, name, portName(name)));
  else if (number) found.push(...invalidFor(`${at}.number`, number, portNumber(number)));
  else found.push(required(path, 'port name or number is required'));
  return found;
}

function validatePath(path: string, p: HTTPIngressPath): FieldError[] {
  const found: FieldError[] = [];
  const value = p.path ?? '';
  const type: string | undefined = p.pathType;
  if (type === undefined) return [required(`${path}.pathType`, 'pathType must be specified')];
  found.push(...oneOfOptional(`${path}.pathType`, type, ['Exact', 'ImplementationSpecific', 'Prefix']));
  if (type === 'Exact' || type === 'Prefix') {
    if (!value.startsWith('/')) found.push(invalid(`${path}.path`, value, 'must be an absolute path'));
    for (const part of FORBIDDEN_PARTS) {
      if (value.includes(part)) found.push(invalid(`${path}.path`, value, `must not contain '${part}'`));
    }
    for (const end of FORBIDDEN_ENDS) {
      if (value.endsWith(end)) found.push(invalid(`${path}.path`, value, `cannot end with '${end}'`));
    }
  } else if (value && !value.startsWith('/')) found.push(invalid(`${path}.path`, value, 'must be an absolute path'));
  return [...found, ...validateBackend(`${path}.backend`, p.backend)];
}

const WILDCARD_MESSAGE =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

function validateHost(path: string, host: string): FieldError[] {
  if (!host.includes('*')) return invalidFor(path, host, dnsSubdomain(host));
  const rest = host.startsWith('*.') ? host.slice(2) : '';
  return rest && dnsSubdomain(rest).length === 0 ? [] : [invalid(path, host, WILDCARD_MESSAGE)];
}

function validateRule(path: string, r: IngressRule): FieldError[] {
  const { host } = r;
  const found = host ? validateHost(`${path}.host`, host) : [];
  if (host && isIP(host)) found.unshift(invalid(`${path}.host`, host, 'must be a DNS name, not an IP address'));
  if (!r.http) return found;
  if (!r.http.paths?.length) return [...found, required(`${path}.http.paths`)];
  return [...found, ...r.http.paths.flatMap((p, i) => validatePath(`${path}.http.paths[${i}]`, p))];
}

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

export function validateIngress(o: Ingress, old?: Ingress): FieldError[] {
  const { spec } = o;
  const found: FieldError[] = [];
  const rules = spec?.rules ?? [];
  if (!old && o.metadata?.annotations?.[CLASS_ANNOTATION] && spec?.ingressClassName) {
    const at = `metadata.annotations[${CLASS_ANNOTATION}]`;
    const why = 'can not be set when the class field is also set';
    found.push(invalid(at, o.metadata.annotations[CLASS_ANNOTATION], why));
  }
  if (rules.length === 0 && !spec?.defaultBackend) {
    found.push(invalid('spec', spec?.rules ?? [], 'either `defaultBackend` or `rules` must be specified'));
  }
  for (const [i, r] of rules.entries()) found.push(...validateRule(`spec.rules[${i}]`, r));
  if (spec?.defaultBackend) found.push(...validateBackend('spec.defaultBackend', spec.defaultBackend));
  for (const [i, t] of (spec?.tls ?? []).entries()) {
    found.push(
      ...(t.hosts ?? []).flatMap((h, j) => validateHost(`spec.tls[${i}].hosts[${j}]`, h)),
      ...optionalSubdomain(`spec.tls[${i}].secretName`, t.secretName),
    );
  }
  const name = spec?.ingressClassName;
  return name === undefined ? found : [...found, ...invalidFor('spec.ingressClassName', name, dnsSubdomain(name))];
}

export const validateIngressStatus = (o: Ingress): FieldError[] =>
  (o.status?.loadBalancer?.ingress ?? []).flatMap((e, i) => validateEntryPoint(`status.loadBalancer.ingress[${i}]`, e));
