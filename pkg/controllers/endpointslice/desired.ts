import { podAddresses } from '#api/kinds/core/pod/pod-addresses.ts';
import { lastingContainers } from '#api/kinds/core/pod/sidecars.ts';
import type { EndpointSlice, Pod, Service, ServicePort } from '#api/kinds/index.ts';
import { ofFamily } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { isTerminal } from '../pods/state.ts';

export type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];
export type SlicePort = NonNullable<EndpointSlice['ports']>[number];

/** Endpoints that offer the same ports; each group has slices of its own. */
export interface PortGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/**
 * The container port a service's port leads to in a pod: a name is looked up with the protocol, in what runs as long as the
 * pod does. undefined: the pod has no such named port.
 */
function targetPort(
  { spec }: Pod,
  { port, targetPort: target = port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (typeof target === 'number') return target;
  for (const c of lastingContainers(spec)) {
    const found = c.ports?.find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

/** Zone of a node, by its name; undefined when it has none. */
export type ZoneOf = (node: string) => string | undefined;

/** A pod's address of a family; undefined while it has none. */
export const podAddress = (pod: Pod, family: IpFamily): string | undefined => ofFamily(family, podAddresses(pod));

/** Families of a service's endpoints, its primary one first; of one stored before there were any, IPv4. */
export function familiesOf({ spec }: Service): readonly IpFamily[] {
  if (spec?.ipFamilies?.length) return spec.ipFamilies;
  return spec?.clusterIP && spec.clusterIP !== 'None' ? [familyOf(spec.clusterIP)] : ['IPv4'];
}

function endpointOf(pod: Stored<Pod>, address: string, service: Service, zoneOf: ZoneOf): SliceEndpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const zone = nodeName ? zoneOf(nodeName) : undefined;
  return {
    addresses: [address],
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

/** Pure: what the slices of a service should hold of one address family, by port group. */
export function desiredGroups(
  service: Service,
  pods: Iterable<Stored<Pod>>,
  { family, zoneOf = () => undefined }: { readonly family: IpFamily; readonly zoneOf?: ZoneOf },
): PortGroup[] {
  const groups = new Map<string, { ports: SlicePort[]; endpoints: SliceEndpoint[] }>();
  for (const pod of pods) {
    const address = podAddress(pod, family);
    if (address === undefined || isTerminal(pod)) continue;
    const ports: SlicePort[] = [];
    for (const p of service.spec?.ports ?? []) {
      const port = targetPort(pod, p);
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
    group.endpoints.push(endpointOf(pod, address, service, zoneOf));
  }
  for (const g of groups.values())
    g.endpoints.sort((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
  return [...groups.values()];
}
