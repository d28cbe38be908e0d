import type { Service } from '#api/kinds/index.ts';
import { canonicalAddress } from '#api/meta/ip.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';

/** "namespace/name" of a Service. */
export const ownerOf = ({ metadata }: KubeObject): string => `${metadata?.namespace}/${metadata?.name}`;

/** Every address a Service occupies, in the form in which it is the name of an IPAddress. */
export function addressesOf(service: KubeObject | undefined): readonly string[] {
  const { clusterIP, clusterIPs } = (service as Service | undefined)?.spec ?? {};
  return (clusterIPs?.length ? clusterIPs : clusterIP ? [clusterIP] : []).flatMap((ip) => canonicalAddress(ip) ?? []);
}

/** Every node port a Service occupies, as text. */
export function nodePortsOf(service: KubeObject | undefined): readonly string[] {
  const { ports = [], healthCheckNodePort } = (service as Service | undefined)?.spec ?? {};
  const found = [...ports.map((p) => p.nodePort), healthCheckNodePort];
  return found.flatMap((n) => (n ? [String(n)] : []));
}
