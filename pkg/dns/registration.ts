import { EndpointSlices, type Node, Nodes, type Service, Services } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';

export interface Registration {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Where this instance listens. */
  readonly address: string;
  readonly port: number;
  /** What pods are told: the address of the Service. */
  readonly clusterIp: string;
}

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const RETRY_MS = 2000;
const CHECK_MS = 60_000;
const LABELS = { 'k8s-app': NAME, 'kubernetes.io/name': 'CoxswainDNS', 'kubernetes.io/cluster-service': 'true' };

const PORTS = [
  { name: 'dns', protocol: 'UDP' },
  { name: 'dns-tcp', protocol: 'TCP' },
] as const;

/** Each node's pods are served by the instance of their node, which lives and dies with them. */
function serviceOf(clusterIp: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: {
      clusterIP: clusterIp,
      internalTrafficPolicy: 'Local',
      ports: PORTS.map((p) => ({ ...p, port: 53 })),
    },
  } as Service;
}

function sliceOf(r: Registration, service: Stored<Service>, node: Stored<Node>) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${NAME}-${r.nodeName}`,
      namespace: NAMESPACE,
      labels: {
        'kubernetes.io/service-name': service.metadata.name,
        'endpointslice.kubernetes.io/managed-by': 'dns.coxswain.dev',
      },
      // Goes with the node.
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid }],
    },
    addressType: r.address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [r.address], nodeName: r.nodeName, conditions: { ready: true, serving: true } }],
    ports: PORTS.map((p) => ({ ...p, port: r.port })),
  };
}

async function ensureService({ client, clusterIp }: Registration): Promise<Stored<Service>> {
  try {
    return await client.get(Services, NAME, NAMESPACE);
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
  try {
    return await client.create(Services, serviceOf(clusterIp));
  } catch (e) {
    // Another node's instance was first.
    if (isAlreadyExists(e)) return client.get(Services, NAME, NAMESPACE);
    throw e;
  }
}

async function ensureSlice(r: Registration, service: Stored<Service>): Promise<void> {
  const { client } = r;
  const wanted = sliceOf(r, service, await client.get(Nodes, r.nodeName));
  try {
    const found = await client.get(EndpointSlices, wanted.metadata.name, NAMESPACE);
    const same =
      sameJson(found.endpoints, wanted.endpoints) &&
      sameJson(found.ports, wanted.ports) &&
      sameJson(found.metadata.ownerReferences, wanted.metadata.ownerReferences);
    if (same) return;
    if (found.addressType !== wanted.addressType) await client.delete(EndpointSlices, found.metadata.name, NAMESPACE);
    else {
      const metadata = { ...wanted.metadata, resourceVersion: found.metadata.resourceVersion };
      await client.update(EndpointSlices, { ...wanted, metadata } as never);
      return;
    }
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
  await client.create(EndpointSlices, wanted as never);
}

/**
 * Keeps the Service `kube-dns` and this instance's endpoint in it, until the signal aborts. The endpoint is not withdrawn
 * at the end: a restart is over before the rules could change, and a node that is gone takes its pods along.
 */
export async function keepRegistered(r: Registration, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let pause = CHECK_MS;
    try {
      await ensureSlice(r, await ensureService(r));
    } catch (err) {
      pause = RETRY_MS;
      if (!isNotFound(err)) r.logger.warn({ err }, 'the endpoint of this name server could not be written, will retry');
    }
    await r.clock.sleep(pause, signal).catch(() => {});
  }
}
