import type { EndpointSlice, Endpoints, Service } from '#api/kinds/index.ts';
import { hostPort } from '#api/meta/ip.ts';
import type { CliContext } from '../context.ts';
import { annotations, head } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

const MAX_SHOWN = 3;

/** "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..." */
export function endpointsText(slices: readonly EndpointSlice[], portName: string): string {
  const all = slices.flatMap((s) => {
    const ports = (s.ports ?? []).filter((p) => (p.name ?? '') === portName);
    return (s.endpoints ?? [])
      .filter((e) => e.conditions?.ready !== false)
      .flatMap((e) => ports.flatMap((p) => e.addresses.map((a) => hostPort(a, p.port))));
  });
  if (all.length === 0) return '';
  const more = all.length > MAX_SHOWN ? ` + ${all.length - MAX_SHOWN} more...` : '';
  return all.slice(0, MAX_SHOWN).join(',') + more;
}

export async function describeService(w: DescriptionWriter, s: Service, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = s;
  const path = `/apis/discovery.k8s.io/v1/namespaces/${metadata?.namespace}/endpointslices`;
  const labelSelector = `kubernetes.io/service-name=${metadata?.name}`;
  const { items } = await ctx.rest.json<{ items: EndpointSlice[] }>({ path, query: { labelSelector } });
  head(w, s);
  w.map(0, 'Selector:', spec?.selector);
  w.line(0, 'Type:', spec?.type ?? '');
  if (spec?.ipFamilyPolicy) w.line(0, 'IP Family Policy:', spec.ipFamilyPolicy);
  w.line(0, 'IP Families:', (spec?.ipFamilies ?? []).join(',') || '<none>');
  w.line(0, 'IP:', spec?.clusterIP ?? '');
  w.line(0, 'IPs:', (spec?.clusterIPs ?? []).join(',') || '<none>');
  if ((spec?.externalIPs ?? []).length > 0) w.line(0, 'External IPs:', (spec?.externalIPs ?? []).join(','));
  if (spec?.loadBalancerIP) w.line(0, 'Desired LoadBalancer IP:', spec.loadBalancerIP);
  if (spec?.externalName) w.line(0, 'External Name:', spec.externalName);
  const ingress = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip ?? i.hostname ?? '');
  if (ingress.length > 0) w.line(0, 'LoadBalancer Ingress:', ingress.join(', '));
  for (const p of spec?.ports ?? []) {
    const name = p.name || '<unset>';
    w.line(0, 'Port:', name, `${p.port}/${p.protocol ?? 'TCP'}`);
    w.line(0, 'TargetPort:', `${p.targetPort}/${p.protocol ?? 'TCP'}`);
    if (p.nodePort) w.line(0, 'NodePort:', name, `${p.nodePort}/${p.protocol ?? 'TCP'}`);
    w.line(0, 'Endpoints:', endpointsText(items, p.name ?? ''));
  }
  w.line(0, 'Session Affinity:', spec?.sessionAffinity ?? '');
  if (spec?.externalTrafficPolicy) w.line(0, 'External Traffic Policy:', spec.externalTrafficPolicy);
  if (spec?.internalTrafficPolicy) w.line(0, 'Internal Traffic Policy:', spec.internalTrafficPolicy);
  if (spec?.trafficDistribution) w.line(0, 'Traffic Distribution:', spec.trafficDistribution);
  if (spec?.healthCheckNodePort) w.line(0, 'HealthCheck NodePort:', spec.healthCheckNodePort);
  if ((spec?.loadBalancerSourceRanges ?? []).length > 0) {
    w.line(0, 'LoadBalancer Source Ranges:', (spec?.loadBalancerSourceRanges ?? []).join(','));
  }
}

export function describeEndpoints(w: DescriptionWriter, e: Endpoints): void {
  head(w, e);
  w.line(0, 'Subsets:');
  for (const s of e.subsets ?? []) {
    w.line(1, 'Addresses:', (s.addresses ?? []).map((a) => a.ip).join(',') || '<none>');
    w.line(1, 'NotReadyAddresses:', (s.notReadyAddresses ?? []).map((a) => a.ip).join(',') || '<none>');
    if ((s.ports ?? []).length > 0) {
      w.line(1, 'Ports:');
      w.line(2, 'Name', 'Port', 'Protocol');
      w.line(2, '----', '----', '--------');
      for (const p of s.ports ?? []) w.line(2, p.name || '<unset>', p.port, p.protocol ?? 'TCP');
    }
    w.line(0, '');
  }
}

export function describeEndpointSlice(w: DescriptionWriter, s: EndpointSlice): void {
  w.line(0, 'Name:', s.metadata?.name ?? '');
  w.line(0, 'Namespace:', s.metadata?.namespace ?? '');
  w.map(0, 'Labels:', s.metadata?.labels);
  annotations(w, 0, s.metadata?.annotations);
  w.line(0, 'AddressType:', s.addressType);
  if ((s.ports ?? []).length === 0) w.line(0, 'Ports: <unset>');
  else {
    w.line(0, 'Ports:');
    w.line(1, 'Name', 'Port', 'Protocol');
    w.line(1, '----', '----', '--------');
    for (const p of s.ports ?? []) w.line(1, p.name || '<unset>', p.port ?? '<unset>', p.protocol ?? 'TCP');
  }
  if ((s.endpoints ?? []).length === 0) w.line(0, 'Endpoints: <none>');
  else w.line(0, 'Endpoints:');
  for (const e of s.endpoints ?? []) {
    w.line(1, '- Addresses:', e.addresses.join(','));
    w.line(2, 'Conditions:');
    w.line(3, 'Ready:', String(e.conditions?.ready ?? '<unset>'));
    w.line(2, 'Hostname:', e.hostname ?? '<unset>');
    if (e.targetRef) w.line(2, 'TargetRef:', `${e.targetRef.kind}/${e.targetRef.name}`);
    w.line(2, 'NodeName:', e.nodeName ?? '<unset>');
    w.line(2, 'Zone:', e.zone ?? '<unset>');
  }
}
