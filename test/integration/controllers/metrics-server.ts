import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Client } from '#client/types.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { ownAddress } from '../../bed/net.ts';
import { waitFor } from '../../bed/wait.ts';

const CUSTOM = '/apis/custom.metrics.k8s.io/v1beta2';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
const SERVICE = 'metrics-server';
const NAMESPACE = 'default';

const address = ownAddress();

/** A server of custom and external metrics behind API aggregation. What it is asked for is what the test has set. */
export class MetricsServer {
  readonly #server: Server;
  /** Answers by path below the API's root; a path without one gets status 404. */
  readonly values = new Map<string, (query: URLSearchParams) => object[]>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response) => {
      const found = this.#answer(new URL(request.url ?? '', 'https://x'));
      const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'no such metric', code: 404 };
      response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(found ?? status));
    });
  }

  /** Starts it and has the API server ask it. */
  static async start(client: Client): Promise<MetricsServer> {
    const ca = await createAuthority('metrics', Date.now());
    const hosts = [`${SERVICE}.${NAMESPACE}.svc`];
    const spec = { file: 'metrics', authority: 'apiserver', commonName: 'metrics', usages: ['server'], hosts } as const;
    const metrics = new MetricsServer(createServer(await issueCertificate(spec, ca, Date.now())));
    await new Promise<void>((resolve) => metrics.#server.listen(0, '0.0.0.0', resolve));
    await metrics.#register(client, Buffer.from(ca.cert).toString('base64'));
    return metrics;
  }

  /** What each of the pods has of a metric. */
  ofPods(namespace: string, metric: string, pods: () => readonly string[], value: string): void {
    this.values.set(`/namespaces/${namespace}/pods/*/${metric}`, () =>
      pods().map((name) => ({ describedObject: { kind: 'Pod', name, namespace }, metric: { name: metric }, value })),
    );
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer({ pathname, searchParams }: URL): object | undefined {
    for (const [root, groupVersion, kind] of [
      [CUSTOM, 'custom.metrics.k8s.io/v1beta2', 'MetricValueList'],
      [EXTERNAL, 'external.metrics.k8s.io/v1beta1', 'ExternalMetricValueList'],
    ] as const) {
      if (pathname === root) return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [] };
      if (!pathname.startsWith(`${root}/`)) continue;
      const items = this.values.get(pathname.slice(root.length))?.(searchParams);
      return items && { kind, apiVersion: groupVersion, metadata: {}, items };
    }
    return undefined;
  }

  async #register(client: Client, caBundle: string): Promise<void> {
    const metadata = { name: SERVICE, namespace: NAMESPACE };
    const { port } = this.#server.address() as AddressInfo;
    await client.raw('POST', `/api/v1/namespaces/${NAMESPACE}/services`, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { ports: [{ name: 'https', port: 443, protocol: 'TCP' }] },
    });
    await client.raw('POST', `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`, {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': SERVICE } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    });
    for (const root of [CUSTOM, EXTERNAL]) {
      const [, , group, version] = root.split('/');
      await client.raw('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
        ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: `${version}.${group}` } },
        spec: {
          ...{ group, version, caBundle, groupPriorityMinimum: 100, versionPriority: 100 },
          service: { name: SERVICE, namespace: NAMESPACE, port: 443 },
        },
      });
      await waitFor(`${root} is served`, () => client.raw('GET', root).then(Boolean, () => false));
    }
  }
}
