import { isIP } from 'node:net';
import { sameJson } from '../../../meta/equal.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { validateLabels } from '../../../meta/labels.ts';
import { dnsLabel, dnsSubdomain, portNumber, qualifiedName } from '../../../meta/names.ts';
import {
  cidr,
  immutable,
  invalidFor,
  ipAddress,
  oneOfOptional,
  oneOfRequired,
  portNumberOrName,
} from '../../check/check.ts';
import { validateEntryPoint } from '../../check/status-validation.ts';
import type { Service } from './service.ts';
import { isExternal, needsClusterIp, needsHealthPort } from './service-defaults.ts';
import { isHeadless, validateFamilies, validateFamiliesUpdate } from './service-families.ts';
import type { ServicePort, ServiceSpec } from './spec.ts';

const AGENT_PORT = 10_250;
const MAX_AFFINITY_SECONDS = 86_400;

function validateType(spec: ServiceSpec): FieldError[] {
  const found: FieldError[] = [];
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName') found.push(required('spec.ports'));
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    if (isHeadless(spec)) {
      found.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
    }
    if (spec.type === 'LoadBalancer') {
      for (const [i, p] of (spec.ports ?? []).entries()) {
        if (p.port !== AGENT_PORT) continue;
        const why = `may not expose port ${AGENT_PORT} externally since it is used by kubelet`;
        found.push(invalid(`spec.ports[${i}]`, p.port, why));
      }
    }
  }
  if (spec.type === 'ExternalName') found.push(...validateExternalName(spec));
  return found;
}

function validateExternalName(spec: ServiceSpec): FieldError[] {
  const found: FieldError[] = [];
  if (spec.clusterIP || spec.clusterIPs?.length) {
    found.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  }
  if (spec.ipFamilies?.length) found.push(forbidden('spec.ipFamilies', 'may not be set for ExternalName services'));
  if (spec.ipFamilyPolicy) found.push(forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (!name) found.push(required('spec.externalName'));
  else found.push(...invalidFor('spec.externalName', name, dnsSubdomain(name)));
  return found;
}

function validatePort(path: string, p: ServicePort, many: boolean): FieldError[] {
  const found: FieldError[] = [];
  if (!p.name) {
    if (many) found.push(required(`${path}.name`));
  } else found.push(...invalidFor(`${path}.name`, p.name, dnsLabel(p.name)));
  found.push(
    ...invalidFor(`${path}.port`, p.port ?? 0, portNumber(p.port)),
    ...oneOfRequired(`${path}.protocol`, p.protocol, ['TCP', 'UDP', 'SCTP']),
    ...portNumberOrName(`${path}.targetPort`, p.targetPort),
  );
  if (p.appProtocol !== undefined)
    found.push(...invalidFor(`${path}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol)));
  return found;
}

/** Names, ports and node ports are each used once. */
function validatePorts(spec: ServiceSpec): FieldError[] {
  const found: FieldError[] = [];
  const names = new Set<string>();
  const ports = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [i, p] of (spec.ports ?? []).entries()) {
    const path = `spec.ports[${i}]`;
    found.push(...validatePort(path, p, (spec.ports ?? []).length > 1));
    if (p.name && names.has(p.name)) found.push(duplicate(`${path}.name`, p.name));
    if (p.name) names.add(p.name);
    if (spec.type === 'ClusterIP' && p.nodePort) {
      found.push(forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    }
    const nodeKey = `${p.protocol}/${p.nodePort}`;
    if (p.nodePort && nodePorts.has(nodeKey)) found.push(duplicate(`${path}.nodePort`, p.nodePort));
    nodePorts.add(nodeKey);
    const key = `${p.protocol}/${p.port}`;
    if (ports.has(key)) found.push(duplicate(path, { protocol: p.protocol, port: p.port }));
    ports.add(key);
  }
  return found;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const found = oneOfRequired('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const config = spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'None' && config) {
    found.push(forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  }
  const seconds = config?.clientIP?.timeoutSeconds;
  if (
    spec.sessionAffinity === 'ClientIP' &&
    seconds !== undefined &&
    (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
  ) {
    const why = `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`;
    found.push(invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, why));
  }
  return found;
}

const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'";

function validateOutside(spec: ServiceSpec): FieldError[] {
  const found = (spec.externalIPs ?? []).flatMap((ip, i) => validateExternalIp(`spec.externalIPs[${i}]`, ip));
  const policy = spec.externalTrafficPolicy;
  if (isExternal(spec)) found.push(...oneOfRequired('spec.externalTrafficPolicy', policy, ['Cluster', 'Local']));
  else if (policy) {
    found.push(invalid('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services'));
  }
  const balanced = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0 && !balanced) found.push(forbidden('spec.loadBalancerSourceRanges', ONLY_LOAD_BALANCER));
  else found.push(...ranges.flatMap((r, i) => cidr(`spec.loadBalancerSourceRanges[${i}]`, r.trim())));
  if (!balanced && spec.allocateLoadBalancerNodePorts !== undefined) {
    found.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER));
  }
  if (!balanced && spec.loadBalancerClass !== undefined) {
    found.push(forbidden('spec.loadBalancerClass', ONLY_LOAD_BALANCER));
  }
  if (spec.loadBalancerClass) {
    found.push(...invalidFor('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName(spec.loadBalancerClass)));
  }
  const port = spec.healthCheckNodePort;
  if (port && !needsHealthPort(spec)) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    found.push(invalid('spec.healthCheckNodePort', port, why));
  }
  return found;
}

const SPECIAL: readonly [RegExp, string][] = [
  [/^(0\.0\.0\.0|::)$/, 'may not be unspecified'],
  [/^(127\.|::1$)/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [/^(169\.254\.|fe[89ab])/i, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [/^(224\.0\.0\.|ff02)/i, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
];

/** An address that other machines can send to. */
export function validateExternalIp(path: string, ip: string): FieldError[] {
  if (!isIP(ip)) return ipAddress(path, ip);
  return SPECIAL.filter(([range]) => range.test(ip)).map(([, why]) => invalid(path, ip, why));
}

/** Checks that need nothing but the object. */
function validateSpec(spec: ServiceSpec): FieldError[] {
  const found = [
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...oneOfRequired('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...validateOutside(spec),
    ...oneOfOptional('spec.trafficDistribution', spec.trafficDistribution, ['PreferClose']),
  ];
  if (needsClusterIp(spec)) {
    found.push(...oneOfRequired('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']));
    found.push(...validateFamilies(spec));
  }
  return found;
}

/** A cluster IP is for life; only leaving or becoming ExternalName gives it up. */
function validateUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (!needsClusterIp(spec) || !needsClusterIp(old)) return [];
  const found = validateFamiliesUpdate(spec, old);
  const port = spec.healthCheckNodePort;
  if (port && needsHealthPort(spec) && needsHealthPort(old) && old.healthCheckNodePort) {
    found.push(...immutable('spec.healthCheckNodePort', port, old.healthCheckNodePort));
  }
  if (
    old.type === 'LoadBalancer' &&
    spec.type === 'LoadBalancer' &&
    !sameJson(spec.loadBalancerClass, old.loadBalancerClass)
  ) {
    found.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'));
  }
  return found;
}

export function validateService(o: Service, old?: Service): FieldError[] {
  const spec = o.spec ?? {};
  return [...(old?.spec ? validateUpdate(spec, old.spec) : []), ...validateSpec(spec)];
}

/** Entry points are those of a load balancer, and each is an address, with how traffic for it arrives, or a name. */
export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const { ingress = [] } = status?.loadBalancer ?? {};
  const at = 'status.loadBalancer.ingress';
  if (spec?.type !== 'LoadBalancer')
    return ingress.length > 0 ? [forbidden(at, 'may only be used when `spec.type` is "LoadBalancer"')] : [];
  return ingress.flatMap((entry, i) => [
    ...validateEntryPoint(`${at}[${i}]`, entry),
    ...(entry.ipMode && !entry.ip
      ? [forbidden(`${at}[${i}].ipMode`, 'may not be specified when `ip` is not set')]
      : []),
    ...oneOfOptional(`${at}[${i}].ipMode`, entry.ipMode, ['Proxy', 'VIP']),
  ]);
}
