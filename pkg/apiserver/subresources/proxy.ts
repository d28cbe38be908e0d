import { type EndpointSlice, EndpointSlices, type Service, Services } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { BackendTls } from '../proxy/backend.ts';
import type { ForwardTarget } from '../proxy/forward.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { RequestInfo } from '../request/info.ts';
import { agentOf, podThat } from './connect.ts';

const PATH = /^\/api\/v1\/(?:namespaces\/[^/]+\/)?(?:pods|services|nodes)\/[^/]+\/proxy(\/.*)?$/;
const HTTP_PORT = 80;

/** Is it a request to be passed on to a pod, a Service or a node? */
export const isProxy = (info: RequestInfo): boolean =>
  info.group === '' && info.subresource === 'proxy' && ['pods', 'services', 'nodes'].includes(info.resource);

/** "[scheme:]name[:port]". */
function parseName(text: string): { secure: boolean; name: string; port: string } {
  const parts = text.split(':');
  if (parts.length === 3) return { secure: parts[0] === 'https', name: parts[1] ?? '', port: parts[2] ?? '' };
  return { secure: false, name: parts[0] ?? '', port: parts[1] ?? '' };
}

async function serviceOf(resources: ResourceTable, namespace: string, name: string): Promise<Service> {
  const services = resources.of(Services);
  const key = objectKey(services.kind as never, namespace, name);
  if (!services.cache.get(key)) await services.cache.consistent();
  const found = services.cache.get(key)?.object;
  if (!found) throw errors.notFound(services.ref, name);
  return found as Service;
}

async function podTarget(resources: ResourceTable, info: RequestInfo): Promise<ForwardTarget> {
  const { secure, name, port } = parseName(info.name);
  const pod = await podThat((p) => !!p.status?.podIP, resources, { namespace: info.namespace, name });
  const host = pod.status?.podIP;
  if (!host) throw errors.badRequest(`pod "${name}" has no address yet`);
  const ports = (pod.spec?.containers ?? []).flatMap((c) => c.ports ?? []);
  const named = ports.find((p) => p.name === port && port !== '');
  const number = /^\d+$/.test(port) ? Number(port) : (named?.containerPort ?? ports[0]?.containerPort ?? HTTP_PORT);
  return { secure, host, port: number };
}

async function serviceTarget(resources: ResourceTable, info: RequestInfo): Promise<ForwardTarget> {
  const { secure, name, port } = parseName(info.name);
  const service = await serviceOf(resources, info.namespace, name);
  return { secure, ...endpointOf(resources, service, port) };
}

/** One of a Service's ready endpoints. `port`: name or number; "" is the first. @throws StatusError 503 */
export function endpointOf(
  resources: ResourceTable,
  service: Service,
  port: string,
): { readonly host: string; readonly port: number } {
  const { name = '', namespace = '' } = service.metadata ?? {};
  const ports = service.spec?.ports ?? [];
  const wanted = ports.find((p) => p.name === port || String(p.port) === port) ?? (port ? undefined : ports[0]);
  if (!wanted) throw errors.unavailable(`no service port "${port}" found for service "${name}"`);
  const slices = resources
    .of(EndpointSlices)
    .cache.list(`${namespace}/`)
    .map((e) => e.object as EndpointSlice)
    .filter((s) => s.metadata?.labels?.['kubernetes.io/service-name'] === name);
  const targets = slices.flatMap((s) => {
    const there = s.ports.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port;
    const ready = s.endpoints.filter((e) => e.conditions?.ready !== false);
    return there === undefined ? [] : ready.map((e) => ({ host: e.addresses[0] ?? '', port: there }));
  });
  const chosen = targets[Math.floor(Math.random() * targets.length)];
  if (!chosen) throw errors.unavailable(`no endpoints available for service "${name}"`);
  return chosen;
}

/** Where the request goes, and its path there. @throws StatusError 400, 404, 503 */
export async function proxyTarget(
  resources: ResourceTable,
  info: RequestInfo,
  query: URLSearchParams,
  tls: BackendTls,
): Promise<{ target: ForwardTarget; path: string }> {
  const rest = PATH.exec(info.path)?.[1] ?? '/';
  const text = query.toString();
  const path = text ? `${rest}?${text}` : rest;
  if (info.resource === 'pods') return { target: await podTarget(resources, info), path };
  if (info.resource === 'services') return { target: await serviceTarget(resources, info), path };
  const { name, port } = parseName(info.name);
  const agent = agentOf(resources, name);
  return { target: { ...agent, port: port ? Number(port) : agent.port, secure: true, tls }, path };
}
