import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { StatusError } from '../../../pkg/api/meta/errors.ts';
import type { BackendTls } from '../../../pkg/apiserver/proxy/backend.ts';
import { pipeRequest } from '../../../pkg/apiserver/proxy/request.ts';
import { pipeUpgrade } from '../../../pkg/apiserver/proxy/upgrade.ts';

export interface FakeApiserver {
  readonly url: string;
  /** Stream requests under way. */
  readonly busy: number;
  /** The `Upgrade` header of the newest stream request. */
  readonly lastUpgrade: string | undefined;
  close(): Promise<void>;
}

const resource = (name: string, kind: string, verbs: string[]) => ({
  name,
  singularName: '',
  namespaced: true,
  kind,
  verbs,
});
const STREAM_VERBS = ['create', 'get'];

const POD = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'p', namespace: 'default', uid: 'u' },
  spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', stdin: true }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, state: { running: {} } }] },
};

const DOCUMENTS: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      resource('pods', 'Pod', ['get', 'list']),
      resource('pods/exec', 'PodExecOptions', STREAM_VERBS),
      resource('pods/attach', 'PodAttachOptions', STREAM_VERBS),
      resource('pods/portforward', 'PodPortForwardOptions', STREAM_VERBS),
      resource('pods/log', 'Pod', ['get']),
    ],
  },
  '/api/v1/namespaces/default/pods/p': POD,
};

const AGENT_PATHS: Readonly<Record<string, string>> = {
  exec: 'exec',
  attach: 'attach',
  portforward: 'portForward',
  log: 'containerLogs',
};

/** Just enough of an apiserver for kubectl to find pod "p", with the product's own pass-through to the agent behind it. */
export async function startFakeApiserver(agent: { port: number; tls: BackendTls }): Promise<FakeApiserver> {
  let busy = 0;
  let lastUpgrade: string | undefined;
  const target = (url: string | undefined) => {
    const { pathname, search, searchParams } = new URL(url ?? '/', 'http://apiserver');
    const [, pod, subresource] = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)\/(\w+)$/.exec(pathname) ?? [];
    const action = AGENT_PATHS[subresource ?? ''];
    if (!action) return null;
    const container = action === 'portForward' ? '' : `/${searchParams.get('container') ?? 'c'}`;
    return { host: '127.0.0.1', path: `/${action}/default/${pod}${container}${search}`, ...agent };
  };
  const answerRequest = async (request: IncomingMessage, response: ServerResponse) => {
    const to = target(request.url);
    if (to) return pipeRequest({ request, response }, to);
    const document = DOCUMENTS[request.url?.split('?', 1)[0] ?? ''];
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        document ?? {
          kind: 'Status',
          apiVersion: 'v1',
          status: 'Failure',
          code: 404,
          reason: 'NotFound',
          message: 'not found',
        },
      ),
    );
  };
  const answerUpgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const to = target(request.url);
    lastUpgrade = request.headers.upgrade;
    if (to) await pipeUpgrade({ request, socket, head }, to);
    else socket.destroy();
  };
  const track = (work: Promise<void>, failed: (body: string) => void) => {
    busy++;
    void work
      .catch((error: unknown) => failed(JSON.stringify(error instanceof StatusError ? error.status : String(error))))
      .finally(() => busy--);
  };
  const server = createServer((request, response) =>
    track(answerRequest(request, response), (body) =>
      response.writeHead(500, { 'content-type': 'application/json' }).end(body),
    ),
  );
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    track(answerUpgrade(request, socket, head), (body) =>
      socket.end(`HTTP/1.1 500 Error\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${body}`),
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get busy() {
      return busy;
    },
    get lastUpgrade() {
      return lastUpgrade;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
