import type { EndpointSlice, Pod, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady, isTerminal } from '../pods/state.ts';

export type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];
export type SlicePort = NonNullable<EndpointSlice['ports']>[number];

/** Endpoints that offer the same ports; each group has slices of its own. */
export interface PortGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** The container port a service's target port means in a pod; undefined when the pod has no such named port. */
export function targetPort(pod: Pod, target: number | string | undefined, fallback: number): number | undefined {
  if (target === undefined) return fallback;
  if (typeof target === 'number') return target;
  for (const c of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    const port = c.ports?.find((p) => p.name === target);
    if (port) return port.containerPort;
  }
  return undefined;
}

/** Zone of a node, by its name; undefined when it has none. */
export type ZoneOf = (node: string) => string | undefined;

function endpointOf(pod: Stored<Pod>, service: Service, zoneOf: ZoneOf): SliceEndpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const zone = nodeName ? zoneOf(nodeName) : undefined;
  return {
    addresses: [pod.status?.podIP ?? ''],
    // A pod that is being deleted takes no new connections, from the moment of the request on.
    conditions: {
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname && subdomain === service.metadata?.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(zone ? { zone } : {}),
  } as SliceEndpoint;
}

/** Pods that have an address and are not over. */
export const hasEndpoint = (pod: Pod): boolean => Boolean(pod.status?.podIP) && !isTerminal(pod);

/** Pure: what the slices of a service should hold, by port group. */
export function desiredGroups(
  service: Service,
  pods: Iterable<Stored<Pod>>,
  zoneOf: ZoneOf = () => undefined,
): PortGroup[] {
  const groups = new Map<string, { ports: SlicePort[]; endpoints: SliceEndpoint[] }>();
  for (const pod of pods) {
    if (!hasEndpoint(pod)) continue;
    const ports: SlicePort[] = [];
    for (const p of service.spec?.ports ?? []) {
      const port = targetPort(pod, p.targetPort, p.port);
      if (port === undefined) continue;
      ports.push({
        name: p.name ?? '',
        protocol: p.protocol ?? 'TCP',
        port,
        ...(p.appProtocol ? { appProtocol: p.appProtocol } : {}),
      });
    }
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(pod, service, zoneOf));
  }
  for (const g of groups.values())
    g.endpoints.sort((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
  return [...groups.values()];
}
