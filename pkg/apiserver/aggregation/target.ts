import { type APIService, type EndpointSlice, EndpointSlices, type Service, Services } from '#api/kinds/index.ts';
import type { BackendTls } from '../proxy/backend.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { endpointOf } from '../subresources/proxy.ts';

/** Where the server of an APIService is, and how it is recognized. */
export interface RemoteTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: BackendTls;
}

/** What can be wrong before anybody is asked: the words of kube-aggregator. */
export interface Fault {
  readonly reason: string;
  readonly message: string;
}

const DEFAULT_PORT = 443;

/** The client certificate with which this server is believed as a front proxy. PEM. */
export type ProxyClient = Pick<BackendTls, 'cert' | 'key'>;

function tlsOf(api: APIService, client: ProxyClient): BackendTls {
  const { service, caBundle, insecureSkipTLSVerify } = api.spec ?? {};
  return {
    ...client,
    servername: `${service?.name}.${service?.namespace}.svc`,
    ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}),
    ...(insecureSkipTLSVerify ? { insecure: true } : {}),
  };
}

/** An endpoint of the service that an APIService names, or what is missing for it. */
export function findTarget(resources: ResourceTable, api: APIService, client: ProxyClient): RemoteTarget | Fault {
  const { namespace = '', name = '', port = DEFAULT_PORT } = api.spec?.service ?? {};
  const where = `service/${name} in "${namespace}"`;
  const service = resources.of(Services).cache.get(`${namespace}/${name}`)?.object as Service | undefined;
  if (!service) return { reason: 'ServiceNotFound', message: `${where} is not present` };
  const tls = tlsOf(api, client);
  if (service.spec?.type === 'ExternalName') return { host: service.spec.externalName ?? '', port, tls };
  const wanted = service.spec?.ports?.find((p) => p.port === port);
  if (!wanted) return { reason: 'ServicePortError', message: `${where} is not listening on port ${port}` };
  const slices = resources
    .of(EndpointSlices)
    .cache.list(`${namespace}/`)
    .filter((e) => (e.object as EndpointSlice).metadata?.labels?.['kubernetes.io/service-name'] === name);
  if (slices.length === 0) return { reason: 'EndpointsNotFound', message: `cannot find endpointslices for ${where}` };
  try {
    return { ...endpointOf(resources, service, String(port)), tls };
  } catch {
    const message = `endpointslices for ${where} have no addresses with port name "${wanted.name ?? ''}"`;
    return { reason: 'MissingEndpoints', message };
  }
}
