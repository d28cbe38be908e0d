import { type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { RequestInfo } from '../request/info.ts';

/** Where an agent listens for the pod in question, and the path to ask it for. */
export interface AgentTarget {
  readonly host: string;
  readonly port: number;
  /** Path and query on the agent. */
  readonly path: string;
}

const AGENT_PORT = 10250;
/** subresource → agent path segment. */
const STREAMS: Record<string, string> = { exec: 'exec', attach: 'attach', portforward: 'portForward' };

export const isConnect = (info: RequestInfo): boolean =>
  info.group === '' && info.resource === 'pods' && info.subresource in STREAMS;

export const isLog = (info: RequestInfo): boolean =>
  info.group === '' && info.resource === 'pods' && info.subresource === 'log' && info.verb === 'get';

/** The first address an apiserver should dial: InternalIP, then the rest. */
function agentAddress(node: Node): string | undefined {
  const addresses = node.status?.addresses ?? [];
  for (const type of ['InternalIP', 'ExternalIP', 'Hostname']) {
    const found = addresses.find((a) => a.type === type);
    if (found) return found.address;
  }
  return undefined;
}

/** Finds the agent of a node. @throws StatusError 404 or 500 */
export function agentOf(resources: ResourceTable, nodeName: string): { host: string; port: number } {
  const nodes = resources.of(Nodes);
  const node = nodes.cache.get(nodeName)?.object as Node | undefined;
  if (!node) throw errors.notFound(nodes.ref, nodeName);
  const host = agentAddress(node);
  if (!host) throw errors.internal(`no preferred addresses found; known addresses: []`);
  return { host, port: node.status?.daemonEndpoints?.kubeletEndpoint?.Port || AGENT_PORT };
}

/**
 * The pod as the cache has it if that will do; else, for what a client has seen another server may not know yet, as it is.
 * @throws StatusError 404
 */
export async function podThat(
  suffices: (pod: Pod) => boolean,
  resources: ResourceTable,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<Pod> {
  const pods = resources.of(Pods);
  const key = objectKey(pods.kind as never, namespace, name);
  const look = (): Pod | undefined => pods.cache.get(key)?.object as Pod | undefined;
  let pod = look();
  if (!pod || !suffices(pod)) {
    await pods.cache.consistent();
    pod = look();
  }
  if (!pod) throw errors.notFound(pods.ref, name);
  return pod;
}

const containersOf = ({ spec }: Pod): readonly { readonly name: string }[] => [
  ...(spec?.containers ?? []),
  ...(spec?.initContainers ?? []),
  ...(spec?.ephemeralContainers ?? []),
];

/** The container a request means. @throws StatusError 400 when it must say which. */
function containerOf(pod: Pod, asked: string | null): string {
  const containers = pod.spec?.containers ?? [];
  const all = containersOf(pod);
  const name = pod.metadata?.name ?? '';
  if (asked) {
    if (all.some((c) => c.name === asked)) return asked;
    throw errors.badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const preferred = pod.metadata?.annotations?.['kubectl.kubernetes.io/default-container'];
  if (preferred && all.some((c) => c.name === preferred)) return preferred;
  const only = containers[0];
  if (containers.length === 1 && only) return only.name;
  const names = containers.map((c) => c.name).join(' ');
  const init = (pod.spec?.initContainers ?? []).map((c) => c.name).join(' ');
  throw errors.badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${names}]${init ? ` or one of the init containers: [${init}]` : ''}`,
  );
}

/** Translates exec, attach, portforward and log of a pod into a request to its node's agent. */
export async function agentTarget(
  resources: ResourceTable,
  info: RequestInfo,
  query: URLSearchParams,
): Promise<AgentTarget> {
  const asked = query.get('container');
  const runs = (p: Pod): boolean => !!p.spec?.nodeName && (!asked || containersOf(p).some((c) => c.name === asked));
  const pod = await podThat(runs, resources, info);
  const segments: string[] = [];
  if (info.subresource === 'log') segments.push('containerLogs', info.namespace, info.name, containerOf(pod, asked));
  else if (info.subresource === 'portforward') segments.push('portForward', info.namespace, info.name);
  else segments.push(STREAMS[info.subresource] ?? '', info.namespace, info.name, containerOf(pod, asked));
  const nodeName = pod.spec?.nodeName;
  if (!nodeName) {
    if (info.subresource === 'log') {
      throw errors.badRequest(
        `container "${segments.at(-1)}" in pod "${info.name}" is waiting to start: ContainerCreating`,
      );
    }
    throw errors.badRequest(`pod ${info.name} does not have a host assigned`);
  }
  const text = query.toString();
  const path = `/${segments.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
  return { ...agentOf(resources, nodeName), path };
}
