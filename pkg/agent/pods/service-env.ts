import type { Service } from '#api/kinds/index.ts';
import { hostPort } from '#api/meta/ip.ts';

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_');

/**
 * Variables in the form Docker links once had, which Kubernetes still makes ("Service", environment variables).
 * @param o whether those of the pod's namespace are wanted (`enableServiceLinks`); the API server's are, in any case
 */
export function serviceVariables(
  services: Iterable<Service>,
  { namespace, links }: { readonly namespace: string; readonly links: boolean },
): [string, string][] {
  const variables: [string, string][] = [];
  for (const s of services) {
    const ip = s.spec?.clusterIP;
    const ports = s.spec?.ports ?? [];
    const first = ports[0];
    const ours =
      (links && s.metadata?.namespace === namespace) ||
      (s.metadata?.namespace === 'default' && s.metadata.name === 'kubernetes');
    if (!ours || !ip || ip === 'None' || !first) continue;
    const name = upper(s.metadata?.name ?? '');
    variables.push([`${name}_SERVICE_HOST`, ip], [`${name}_SERVICE_PORT`, String(first.port)]);
    for (const p of ports) if (p.name) variables.push([`${name}_SERVICE_PORT_${upper(p.name)}`, String(p.port)]);
    const url = (p: { port: number; protocol?: string }): string =>
      `${(p.protocol ?? 'TCP').toLowerCase()}://${hostPort(ip, p.port)}`;
    variables.push([`${name}_PORT`, url(first)]);
    for (const p of ports) {
      const prefix = `${name}_PORT_${p.port}_${p.protocol ?? 'TCP'}`;
      variables.push(
        [prefix, url(p)],
        [`${prefix}_PROTO`, (p.protocol ?? 'TCP').toLowerCase()],
        [`${prefix}_PORT`, String(p.port)],
        [`${prefix}_ADDR`, ip],
      );
    }
  }
  return variables;
}
