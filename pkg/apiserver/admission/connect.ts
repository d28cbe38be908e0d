import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { AuditAnnotations } from '../audit/annotations.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import type { Admission } from './types.ts';

/** A connection somebody wants to have to a pod, a Service or a node. */
export interface ConnectRequest {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly annotations?: AuditAnnotations | undefined;
}

type Options = (query: URLSearchParams, info: RequestInfo) => object;

const isSet = (query: URLSearchParams, name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
const streams: Options = (query) => ({
  ...Object.fromEntries(['stdin', 'stdout', 'stderr', 'tty'].filter((n) => isSet(query, n)).map((n) => [n, true])),
  ...(query.has('container') ? { container: query.get('container') } : {}),
});
const path: Options = (_query, { rest }) => ({ path: `/${rest}` });

/** What admission sees as the object of each connection: a kind of core/v1, and its fields. */
const CONNECTIONS: Readonly<Record<string, readonly [string, Options]>> = {
  'pods/exec': ['PodExecOptions', (query, info) => ({ ...streams(query, info), command: query.getAll('command') })],
  'pods/attach': ['PodAttachOptions', streams],
  'pods/portforward': [
    'PodPortForwardOptions',
    (query) => (query.has('ports') ? { ports: query.getAll('ports').map(Number) } : {}),
  ],
  'pods/proxy': ['PodProxyOptions', path],
  'services/proxy': ['ServiceProxyOptions', path],
  'nodes/proxy': ['NodeProxyOptions', path],
};

/** Puts a connection to webhooks and policies, as the operation CONNECT. @throws StatusError when one refuses it */
export async function admitConnection(
  { info, query, user, annotations }: ConnectRequest,
  resources: ResourceTable,
  admission: Admission,
): Promise<void> {
  const [kind, options] = CONNECTIONS[`${info.resource}/${info.subresource}`] ?? [];
  const resource = resources.find(info.group, info.version, info.resource);
  if (!kind || !options || !resource) return;
  const attributes = {
    operation: 'CONNECT' as const,
    resource,
    subresource: info.subresource,
    namespace: resource.kind.namespaced ? info.namespace : '',
    name: info.name,
    object: options(query, info) as KubeObject,
    objectKind: { group: '', version: 'v1', kind },
    user,
    dryRun: false,
    // Nobody reads the headers of a connection that is handed over.
    warnings: [],
    annotations,
  };
  await admission.admit(attributes);
  await admission.validate(attributes);
}
