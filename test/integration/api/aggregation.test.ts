import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate, type PemPair } from '#pki/issue.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-aggregation', { without: ['scheduler', 'controller-manager'] });
/** Not one of a test bed, which may go away. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((a) => a.family === 'IPv4' && !a.internal && !a.address.startsWith('198.18.'))?.address;
const API = '/apis/apiregistration.k8s.io/v1/apiservices';
const NAME = 'v1beta1.flags.example';
const FLAGS = '/apis/flags.example/v1beta1';
const WATERS = `${FLAGS}/namespaces/default/flags`;

let wire: Wire;
let server: Server;
let caBundle = '';
/** The last request of each path, as the aggregated server saw it. */
const seen = new Map<string, { headers: NodeJS.Dict<string[]>; body: string; proxy: string }>();
const sockets = new Set<Socket>();

const resources = [
  {
    name: 'flags',
    singularName: 'flag',
    namespaced: true,
    kind: 'Flag',
    verbs: ['get', 'list', 'create', 'watch'],
    shortNames: ['fl'],
  },
  { name: 'flags/hoist', singularName: '', namespaced: true, kind: 'Flag', verbs: ['create'] },
];
const flag = (name: string) => ({
  apiVersion: 'flags.example/v1beta1',
  kind: 'Flag',
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1' },
});

/** What an API server of the group answers. */
function answer(request: IncomingMessage, body: string): { code: number; json: object } {
  const { pathname } = new URL(request.url ?? '', 'https://x');
  if (pathname === FLAGS) {
    const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'flags.example/v1beta1', resources };
    return { code: 200, json: list };
  }
  if (pathname === '/openapi/v3') {
    const url = '/openapi/v3/apis/flags.example/v1beta1?hash=ABC';
    return { code: 200, json: { paths: { 'apis/flags.example/v1beta1': { serverRelativeURL: url } } } };
  }
  if (pathname === '/openapi/v3/apis/flags.example/v1beta1')
    return { code: 200, json: { openapi: '3.0.0', paths: {} } };
  if (pathname === '/openapi/v2') {
    const paths = { [`${WATERS}/{name}`]: { get: { schema: { $ref: '#/definitions/Flag' } } }, '/apis/other/v1/x': {} };
    return { code: 200, json: { swagger: '2.0', paths, definitions: { Flag: { type: 'object' }, Unused: {} } } };
  }
  if (pathname === WATERS && request.method === 'POST') return { code: 201, json: JSON.parse(body) };
  if (pathname === WATERS) {
    const list = { kind: 'FlagList', apiVersion: 'flags.example/v1beta1', metadata: {}, items: [flag('pilot')] };
    return { code: 200, json: list };
  }
  return { code: 404, json: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 } };
}

function serve(request: IncomingMessage, reply: (code: number, json: object) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (c: Buffer) => chunks.push(c));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const socket = request.socket as TLSSocket;
    const proxy = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : '';
    seen.set(`${request.method} ${new URL(request.url ?? '', 'https://x').pathname}`, {
      headers: request.headersDistinct,
      body,
      proxy,
    });
    const { code, json } = answer(request, body);
    reply(code, json);
  });
}

beforeAll(async () => {
  wire = await Wire.to(cluster());
  const ca = await createAuthority('flags', Date.now());
  caBundle = Buffer.from(ca.cert).toString('base64');
  const hosts = ['flags.default.svc'];
  const spec = { file: 'flags', authority: 'apiserver', commonName: 'flags', usages: ['server'], hosts } as const;
  const tls: PemPair = await issueCertificate(spec, ca, Date.now());
  const proxies = readFileSync(join(cluster().dir, 'pki/front-proxy-ca.crt'));
  // Kept connections do not end of their age, however late all is.
  const options = { ...tls, ca: proxies, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 0 };
  server = createServer(options, (request, response) => {
    if (request.url?.includes('watch=1')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(`${JSON.stringify({ type: 'ADDED', object: flag('first') })}\n`);
      return;
    }
    serve(request, (code, json) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  server.on('connection', (s: Socket) => {
    sockets.add(s);
    s.once('close', () => sockets.delete(s));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    const user = request.headers['x-remote-user'];
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ${user} `);
    socket.pipe(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
});
afterAll(() => {
  for (const s of sockets) s.destroy();
  server?.close();
});

interface Conditioned extends Obj {
  status: { conditions?: { type: string; status: string; reason: string; message: string }[] };
}
/** Waits until the Available condition has this reason, in these words. @returns its message */
const available = (reason: string, name = NAME, words = /(?:)/): Promise<string> =>
  waitFor(`Available: ${reason}`, async () => {
    const { status } = await wire.ok<Conditioned>('GET', `${API}/${name}`);
    const c = status.conditions?.find((x) => x.type === 'Available');
    return c?.reason === reason && words.test(c.message) ? `${c.status}: ${c.message}` : undefined;
  });

describe('what the server serves itself', () => {
  test('has APIServices that are always available', async () => {
    await available('Local', 'v1.apps');
    await available('Local', 'v1.');
    await available('Local', 'v2.autoscaling');
    const table = await cluster().kubectlOk(['get', 'apiservices']);
    expect(table).toMatch(/^v1\.apps +Local +True +\d+/m);
    expect(table).toMatch(/^v2\.autoscaling +Local +True/m);
    expect(table).not.toContain('apiregistration');
    const { metadata, spec } = await wire.ok('GET', `${API}/v1.apps`);
    expect(metadata.labels).toEqual({ 'kube-aggregator.kubernetes.io/automanaged': 'onstart' });
    expect(spec).toEqual({ group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 });
  });

  test('a custom group has one as long as it is there', async () => {
    const crd = {
      metadata: { name: 'buoys.sea.example' },
      spec: {
        group: 'sea.example',
        scope: 'Namespaced',
        names: { plural: 'buoys', kind: 'Buoy' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    };
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await wire.ok('POST', crds, crd);
    await waitFor('made', async () => (await wire.raw('GET', `${API}/v1.sea.example`)).code === 200);
    expect((await wire.ok('GET', `${API}/v1.sea.example`)).spec).toMatchObject({ groupPriorityMinimum: 1000 });
    await wire.ok('DELETE', `${crds}/buoys.sea.example`);
    await waitFor('gone', async () => (await wire.raw('GET', `${API}/v1.sea.example`)).code === 404);
  });

  test('how to recognize this server is published for extension servers', async () => {
    const { data } = await wire.ok(
      'GET',
      '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication',
    );
    const pki = (file: string): string => readFileSync(join(cluster().dir, 'pki', file)).toString();
    expect(data).toEqual({
      'client-ca-file': pki('client-ca.crt'),
      'requestheader-client-ca-file': pki('front-proxy-ca.crt'),
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
    const role = '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/';
    await wire.ok('GET', `${role}extension-apiserver-authentication-reader`);
  });
});

describe('what another server serves', () => {
  const service = (port: number) => ({
    metadata: { name: 'flags' },
    spec: { ports: [{ name: 'https', port, protocol: 'TCP', targetPort: 8443 }] },
  });
  const SERVICES = '/api/v1/namespaces/default/services';
  const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  const slice = (addresses: string[]) => ({
    metadata: { name: 'flags', labels: { 'kubernetes.io/service-name': 'flags' } },
    addressType: 'IPv4',
    endpoints: addresses.map((a) => ({ addresses: [a], conditions: { ready: true } })),
    ports: [{ name: 'https', port: (server.address() as AddressInfo).port, protocol: 'TCP' }],
  });

  test('is not available until its service, its endpoints and its answer are there', async () => {
    await wire.ok('POST', API, {
      metadata: { name: NAME },
      spec: {
        group: 'flags.example',
        version: 'v1beta1',
        service: { namespace: 'default', name: 'flags', port: 443 },
        groupPriorityMinimum: 500,
        versionPriority: 10,
      },
    });
    expect(await available('ServiceNotFound')).toBe('False: service/flags in "default" is not present');
    await wire.settled();
    expect(await wire.fails('GET', WATERS)).toMatchObject({ code: 503, reason: 'ServiceUnavailable' });
    expect((await wire.raw('GET', FLAGS)).code).toBe(503);
    await wire.ok('POST', SERVICES, service(444));
    expect(await available('ServicePortError')).toContain('is not listening on port 443');
    await wire.ok('PATCH', `${SERVICES}/flags`, { spec: service(443).spec });
    expect(await available('EndpointsNotFound')).toContain('cannot find endpointslices for service/flags in "default"');
    await wire.ok('POST', SLICES, slice([]));
    expect(await available('MissingEndpoints')).toContain('have no addresses with port name "https"');
    await wire.ok('PATCH', `${SLICES}/flags`, { endpoints: slice([address ?? '']).endpoints });
    await available('FailedDiscoveryCheck', NAME, /failing or missing response from https:.*certificate/);
    await wire.ok('PATCH', `${API}/${NAME}`, { spec: { insecureSkipTLSVerify: true } });
    expect(await available('Passed')).toBe('True: all checks passed');
    await wire.ok('PATCH', `${API}/${NAME}`, { spec: { insecureSkipTLSVerify: null, caBundle } });
    await cluster().kubectlOk(['wait', '--for=condition=Available', `apiservice/${NAME}`, '--timeout=50s']);
    for (const s of cluster().apiservers) {
      // It has asked for itself, and none of its looks at what was wrong before is still to be told.
      await waitFor('discovered', async () => (await discovered(s))?.versions[0]?.freshness === 'Current');
      await waitFor('served', async () => (await wire.raw('GET', WATERS, { server: s })).code === 200);
    }
    await available('Passed');
    await wire.settled();
    expect(seen.get(`GET ${WATERS}`)?.proxy).toBe('front-proxy-client');
  });

  test('kubectl gets it, and the server learns who asks', async () => {
    expect(await cluster().kubectlOk(['get', 'fl', '-o', 'name'])).toBe('flag.flags.example/pilot\n');
    const body = { ...flag('new'), spec: { colour: 'red' } };
    const headers = {
      'impersonate-user': 'ann',
      'impersonate-group': ['sailors', 'system:masters'],
      'impersonate-extra-example.com%2fscopes': 'deck',
      'x-remote-user': 'nobody',
    };
    const made = await wire.ask('POST', `${WATERS}?dryRun=All`, { body, headers });
    expect(made).toMatchObject({ code: 201, body });
    const request = seen.get(`POST ${WATERS}`);
    expect(JSON.parse(request?.body ?? '')).toEqual(body);
    expect(request?.headers).toMatchObject({
      'x-remote-user': ['ann'],
      'x-remote-group': ['sailors', 'system:masters', 'system:authenticated'],
      'x-remote-extra-example.com%2fscopes': ['deck'],
    });
    expect(Object.keys(request?.headers ?? {}).filter((h) => h.startsWith('impersonate'))).toEqual([]);
    const refused = await wire.fails('GET', WATERS, { headers: { 'impersonate-user': 'bob' } });
    expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' });
  });

  test('watches stream, and connections are handed over', async () => {
    for await (const { type, object } of wire.watch(`${WATERS}?watch=1`)) {
      expect([type, object.metadata.name]).toEqual(['ADDED', 'first']);
      break;
    }
    const pki = (file: string): Buffer => readFileSync(join(cluster().dir, 'pki', file));
    const [host, port] = new URL(cluster().apiservers[0] ?? '').host.split(':');
    const tls: ConnectionOptions = { host: host ?? '', port: Number(port), ca: pki('apiserver-ca.crt') };
    const socket = connect({ ...tls, cert: pki('users/admin.crt'), key: pki('users/admin.key') });
    let received = '';
    socket.on('data', (c: Buffer) => {
      received += c.toString();
    });
    socket.on('error', () => {});
    socket.write(`POST ${WATERS}/pilot/hoist HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
    await waitFor('switched', async () => received.includes('hello kubernetes-admin '));
    socket.write('ahoy');
    await waitFor('echoed', async () => received.endsWith('ahoy'));
    socket.destroy();
  });

  interface Discovered {
    items: { metadata: { name: string }; versions: { version: string; freshness: string; resources: object[] }[] }[];
  }
  const discovered = async (server = wire.server): Promise<Discovered['items'][number] | undefined> => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { items } = await wire.ok<Discovered>('GET', '/apis', undefined, { headers: { accept }, server });
    return items.find((i) => i.metadata.name === 'flags.example');
  };

  test('discovery and OpenAPI show it', async () => {
    const { groups } = await wire.ok<{ groups: { name: string }[] } & Obj>('GET', '/apis');
    const names = groups.map((g) => g.name);
    expect([...names.slice(0, 2), ...names.slice(-2)]).toEqual([
      ...['apiregistration.k8s.io', 'apps'],
      ...['flags.example', 'metrics.k8s.io'],
    ]);
    expect(await discovered()).toMatchObject({
      versions: [
        {
          version: 'v1beta1',
          freshness: 'Current',
          resources: [
            {
              resource: 'flags',
              responseKind: { group: 'flags.example', version: 'v1beta1', kind: 'Flag' },
              scope: 'Namespaced',
              shortNames: ['fl'],
              subresources: [{ subresource: 'hoist', verbs: ['create'] }],
            },
          ],
        },
      ],
    });
    expect(await wire.ok('GET', '/apis/flags.example')).toMatchObject({ name: 'flags.example' });
    const path = 'apis/flags.example/v1beta1';
    const index = await wire.ok<Obj & { paths: Record<string, { serverRelativeURL: string }> }>('GET', '/openapi/v3');
    expect(index.paths[path]?.serverRelativeURL).toBe(`/openapi/v3/${path}?hash=ABC`);
    expect(await wire.ok('GET', `/openapi/v3/${path}?hash=ABC`)).toEqual({ openapi: '3.0.0', paths: {} });
    const v2 = await wire.ok<Obj & { paths: object; definitions: object }>('GET', '/openapi/v2');
    expect(v2.paths).toHaveProperty([`${WATERS}/{name}`]);
    expect(v2.paths).not.toHaveProperty(['/apis/other/v1/x']);
    expect(v2.definitions).toMatchObject({ Flag: { type: 'object' } });
    expect(v2.definitions).not.toHaveProperty('Unused');
  });

  test('a server that is gone is stale in discovery and answers 503', async () => {
    await wire.ok('PATCH', `${SLICES}/flags`, { endpoints: [] });
    await available('MissingEndpoints');
    for (const s of cluster().apiservers) {
      await waitFor('stale', async () => (await discovered(s))?.versions[0]?.freshness === 'Stale');
      expect((await discovered(s))?.versions[0]?.resources).toHaveLength(1);
    }
    const failed = await cluster().kubectl(['get', 'flags']);
    expect(failed.stderr).toContain('the server is currently unable to handle the request');
    await cluster().kubectlOk(['delete', 'apiservice', NAME]);
    for (const s of cluster().apiservers) {
      await waitFor('forgotten', async () => (await wire.raw('GET', WATERS, { server: s })).code === 404);
    }
  });
});

describe('a front proxy before this server', () => {
  const as = (certificate: string) => {
    const pki = (file: string): Buffer => readFileSync(join(cluster().dir, 'pki', file));
    const files = { ca: pki('apiserver-ca.crt'), cert: pki(`${certificate}.crt`), key: pki(`${certificate}.key`) };
    return wire.speaking(files);
  };
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const headers = { 'x-remote-user': 'carol', 'x-remote-group': ['crew'], 'x-remote-extra-rank': 'mate' };

  test('is believed with its certificate', async () => {
    const server = cluster().apiservers[0] ?? '';
    const asked = { ...review, metadata: { name: 'ignored' } };
    const { body } = await as('front-proxy-client').ask('POST', path, { body: asked, headers, server });
    expect(body.metadata).toEqual({ creationTimestamp: expect.any(String) });
    expect(body.status).toMatchObject({
      userInfo: { username: 'carol', groups: ['crew', 'system:authenticated'], extra: { rank: ['mate'] } },
    });
  });

  test('is nobody of its own, but may show a token', async () => {
    const server = cluster().apiservers[0] ?? '';
    expect((await as('front-proxy-client').raw('GET', '/api', { server })).code).toBe(401);
    await wire.ok('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'shown' } });
    const authorization = `Bearer ${(await cluster().kubectlOk(['create', 'token', 'shown'])).trim()}`;
    const by = { body: review, headers: { authorization, 'content-type': 'application/json' }, server };
    const { body } = await as('front-proxy-client').ask('POST', path, by);
    expect(body.status).toMatchObject({ userInfo: { username: 'system:serviceaccount:default:shown' } });
  });

  test('nobody else is', async () => {
    const { body } = await as('users/admin').ask('POST', path, { body: review, headers });
    expect(body.status).toMatchObject({ userInfo: { username: 'kubernetes-admin' } });
  });
});
