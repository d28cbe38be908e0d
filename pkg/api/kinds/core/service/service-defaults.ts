import { sameJson } from '../../../meta/equal.ts';
import type { Service } from './service.ts';
import type { ServiceSpec } from './spec.ts';

const AFFINITY_SECONDS = 10_800;

export const needsClusterIp = (s: ServiceSpec): boolean => s.type !== 'ExternalName';
export const needsNodePort = (s: ServiceSpec): boolean => s.type === 'NodePort' || s.type === 'LoadBalancer';
/** Reached from outside: by node port, load balancer or an external address. */
export const isExternal = (s: ServiceSpec): boolean =>
  needsNodePort(s) || (s.type === 'ClusterIP' && (s.externalIPs ?? []).length > 0);
/** Load balancers ask nodes on a port of their own whether they have endpoints. */
export const needsHealthPort = (s: ServiceSpec): boolean =>
  s.type === 'LoadBalancer' && s.externalTrafficPolicy === 'Local';

/** Defaults that depend on other fields. */
export function defaultService(o: Service): void {
  const { spec } = o;
  if (!spec) return;
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } };
  }
  for (const p of spec.ports ?? []) if (!p.targetPort) p.targetPort = p.port;
  if (isExternal(spec)) spec.externalTrafficPolicy ??= 'Cluster';
  if (needsClusterIp(spec)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

export function prepareServiceCreate(o: Service): void {
  o.status = { loadBalancer: {} };
  if (!o.spec) return;
  if (o.spec.clusterIP && (o.spec.clusterIPs ?? []).length === 0) o.spec.clusterIPs = [o.spec.clusterIP];
}

/** `clusterIP` is the old field, `clusterIPs` the new one: whichever the client changed leads. */
function alignClusterIps(spec: ServiceSpec, old: ServiceSpec): void {
  if (spec.clusterIP !== old.clusterIP && sameJson(spec.clusterIPs, old.clusterIPs)) {
    if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP];
    else delete spec.clusterIPs;
  }
}

/** What the server has allocated stays when the client leaves it out. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(spec) && needsClusterIp(old)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && spec.clusterIP === old.clusterIP && old.clusterIPs) {
      spec.clusterIPs = [...old.clusterIPs];
    }
    if (sameJson(spec.clusterIPs, old.clusterIPs)) {
      spec.ipFamilies ??= old.ipFamilies && [...old.ipFamilies];
      spec.ipFamilyPolicy ??= old.ipFamilyPolicy;
    }
  }
  if (needsNodePort(spec) && needsNodePort(old)) {
    const taken = new Set((spec.ports ?? []).map((p) => `${p.protocol}/${p.nodePort}`));
    for (const p of spec.ports ?? []) {
      const before = old.ports?.find((b) => b.port === p.port && b.protocol === p.protocol)?.nodePort;
      if (!p.nodePort && before && !taken.has(`${p.protocol}/${before}`)) p.nodePort = before;
    }
  }
  if (needsHealthPort(spec) && needsHealthPort(old)) spec.healthCheckNodePort ??= old.healthCheckNodePort;
}

/** Fields that belong to the old type only and that the client has not touched. */
function dropStale(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    for (const k of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'] as const) {
      if (sameJson(spec[k], old[k])) delete spec[k];
    }
  }
  if (needsNodePort(old) && !needsNodePort(spec)) {
    const had = new Set((old.ports ?? []).map((p) => p.nodePort));
    if ((spec.ports ?? []).every((p) => !p.nodePort || had.has(p.nodePort))) {
      for (const p of spec.ports ?? []) delete p.nodePort;
    }
  }
  if (isExternal(old) && !isExternal(spec) && spec.externalTrafficPolicy === old.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy;
  }
  if (needsHealthPort(old) && !needsHealthPort(spec) && spec.healthCheckNodePort === old.healthCheckNodePort) {
    delete spec.healthCheckNodePort;
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts) {
      delete spec.allocateLoadBalancerNodePorts;
    }
    if (spec.loadBalancerClass === old.loadBalancerClass) delete spec.loadBalancerClass;
  }
}

export function prepareServiceUpdate(o: Service, old: Service): void {
  if (!o.spec || !old.spec) return;
  alignClusterIps(o.spec, old.spec);
  keepAllocated(o.spec, old.spec);
  dropStale(o.spec, old.spec);
}

/** Traffic for an address of a load balancer goes to that address, unless it says otherwise. */
export function prepareServiceStatus({ spec, status }: Service): void {
  if (spec?.type !== 'LoadBalancer') return;
  for (const entry of status?.loadBalancer?.ingress ?? []) if (entry.ip) entry.ipMode ??= 'VIP';
}
