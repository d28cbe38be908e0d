import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-subresources', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
const NS = '/api/v1/namespaces/default';
/** A program in a pod, as far as the API server can tell: it listens on an address of this machine. */
const backend = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (c: Buffer) => chunks.push(c));
  request.on('end', () => {
    response.writeHead(request.url === '/missing' ? 404 : 200, { 'x-from': 'backend', 'content-type': 'text/plain' });
    const { authorization = 'none' } = request.headers;
    response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)} auth=${authorization}`);
  });
});
/** Its WebSockets say where they were asked for, and then what they hear. */
const sessions = new WebSocketServer({ noServer: true });
/** The sub-protocols it was offered last. */
let offered: string | undefined;
backend.on('upgrade', (request, socket, head) =>
  sessions.handleUpgrade(request, socket, head, (session) => {
    offered = request.headers['sec-websocket-protocol'];
    session.on('message', (message) => session.send(String(message)));
    session.send(`${request.url} auth=${request.headers.authorization ?? 'none'}`);
  }),
);
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((a) => a.family === 'IPv4' && !a.internal)?.address;
let port = 0;

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await new Promise<void>((resolve) => backend.listen(0, '0.0.0.0', resolve));
  port = (backend.address() as AddressInfo).port;
  await wire.ok('POST', `${NS}/serviceaccounts`, { metadata: { name: 'default' } });
  const containers = [{ name: 'c', image: 'i:1', ports: [{ containerPort: port, name: 'web' }] }];
  await wire.ok('POST', `${NS}/pods`, { metadata: { name: 'p' }, spec: { containers } });
});
afterAll(() => void backend.close());

describe('certificatesigningrequests/approval', () => {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const body = [
    'MIHWMH8CAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa7zjMO5udzB8',
    'w1ZpmEvvoImgdGL0PSPVcDesfQgYkdWjH0SQpl5EH3FItMvtl7+6W9cuiou12w2L3pKmBz+DOKAAMAoGCCqGSM49BAMCA0cAMEQC',
    'IHHvK5/hvoWfZuHmmNP08th4MxjxjKHiz0VRJjt7Xv0zAiAjww42O21Q3z1eI4MHNxJSyzeWe382Ce+1VCr4BVXIcw==',
  ];
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${body.join('')}\n-----END CERTIFICATE REQUEST-----\n`;

  test('kubectl approves; the requester is who asked, and decisions are final', async () => {
    const spec = {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'example.com/s',
      usages: ['client auth'],
      username: 'root',
    };
    const made = await wire.ok<Obj>('POST', path, { metadata: { name: 'csr' }, spec });
    expect(made.spec).toMatchObject({
      username: 'kubernetes-admin',
      groups: expect.arrayContaining(['system:masters']),
    });
    expect(await cluster().kubectlOk(['certificate', 'approve', 'csr'])).toContain('csr approved');
    expect(await cluster().kubectlOk(['get', 'csr', 'csr'])).toMatch(/Approved/);
    const both = await wire.ok<Obj & { status: { conditions: object[] } }>('GET', `${path}/csr`);
    const aTime = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(both.status.conditions).toMatchObject([{ lastUpdateTime: aTime, lastTransitionTime: aTime }]);
    both.status.conditions.push({ type: 'Denied', status: 'True' });
    expect((await wire.fails('PUT', `${path}/csr/status`, { body: both })).message).toContain('may not add');
    expect((await wire.fails('PUT', `${path}/csr/approval`, { body: both })).message).toContain('mutually exclusive');
    both.status.conditions = [];
    expect((await wire.fails('PUT', `${path}/csr/approval`, { body: both })).message).toContain('may not remove');
  });

  test('only by those who may for the signer', async () => {
    const rules = [
      { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
    ];
    await wire.ok('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name: 'approver' }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'approver' };
    const subjects = [{ kind: 'User', name: 'eve', apiGroup: 'rbac.authorization.k8s.io' }];
    await wire.ok('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'approver' },
      roleRef,
      subjects,
    });
    const csr = await wire.ok('GET', `${path}/csr`);
    const as = { headers: { 'impersonate-user': 'eve', 'content-type': 'application/json' }, body: csr };
    await waitFor('refused for the signer', async () => {
      const { message } = await wire.fails('PUT', `${path}/csr/approval`, as);
      return message?.includes('user not permitted to approve requests with signerName "example.com/s"');
    });
  });
});

describe('proxy', () => {
  test('to a pod, by port number, name or the first', async () => {
    await wire.ok('PATCH', `${NS}/pods/p/status`, { status: { podIP: address, podIPs: [{ ip: address }] } });
    for (const name of [`p:${port}`, 'p:web', 'p', 'http:p:web']) {
      const path = `${NS}/pods/${name}/proxy/a/b?x=1`;
      const answer = await wire.raw('GET', path);
      expect({ name, code: answer.code, body: answer.body.toString() }).toEqual({
        name,
        code: 200,
        body: 'GET /a/b?x=1  auth=none',
      });
      expect(answer.headers['x-from']).toBe('backend');
    }
  });

  test('with bodies, and codes as they are; credentials stay here', async () => {
    const headers = { 'content-type': 'text/plain', authorization: 'Basic x' };
    const post = await wire.raw('POST', `${NS}/pods/p/proxy/post`, {
      body: Buffer.from('hello'),
      headers: { 'content-type': 'text/plain' },
    });
    expect(post.body.toString()).toBe('POST /post hello auth=none');
    expect((await wire.raw('GET', `${NS}/pods/p/proxy/missing`)).code).toBe(404);
    expect((await wire.raw('GET', `${NS}/pods/p/proxy/x`, { headers })).body.toString()).toBe('GET /x  auth=none');
    expect((await wire.fails('GET', `${NS}/pods/p:1/proxy/`)).message).toContain('error trying to reach service');
  });

  test('to a Service with endpoints', async () => {
    await wire.ok('POST', `${NS}/services`, {
      metadata: { name: 's' },
      spec: { ports: [{ name: 'http', port: 80, targetPort: port }] },
    });
    expect((await wire.fails('GET', `${NS}/services/s/proxy/`)).message).toContain(
      'no endpoints available for service "s"',
    );
    await wire.ok('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 's', labels: { 'kubernetes.io/service-name': 's' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'http', port }],
    });
    const raw = await waitFor('served', async () => {
      const out = await cluster().kubectl(['get', '--raw', `${NS}/services/s:http/proxy/hi`]);
      return out.code === 0 ? out.stdout : undefined;
    });
    expect(raw).toBe('GET /hi  auth=none');
  });

  test.each(['pods/p:web', 'services/s:http'])('a WebSocket to %s ends on both sides', async (what) => {
    const open = async () => {
      const told: string[] = [];
      const socket = wire.webSocket(`${NS}/${what}/proxy/chat?x=1`);
      socket.on('message', (message) => told.push(String(message)));
      const over = new Promise<true>((resolve) => socket.once('close', () => resolve(true)));
      await waitFor('the greeting', () => told.length > 0, { timeoutMs: 90_000 });
      socket.send('hello');
      await waitFor('the echo', () => told.length > 1, { timeoutMs: 90_000 });
      expect(told).toEqual(['/chat?x=1 auth=none', 'hello']);
      return { socket, over };
    };
    const { socket } = await open();
    socket.terminate();
    await waitFor('the backend is left', () => sessions.clients.size === 0, { timeoutMs: 90_000 });
    const { over } = await open();
    for (const session of sessions.clients) session.terminate();
    expect(await over).toBe(true);
  });

  test('to switch protocols one must be allowed what the method says, on the subresource', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'impersonate-user': 'nobody' };
    const refused = async (method: string, what: string) =>
      (await wire.fails(method, `${NS}/${what}/proxy/`, { headers })).message;
    expect(await refused('GET', 'pods/p')).toContain('User "nobody" cannot get resource "pods/proxy"');
    expect(await refused('POST', 'services/s')).toContain('User "nobody" cannot create resource "services/proxy"');
  });
});

test.each([
  ['merge', null],
  ['merge', [{ spec: { replicas: 1 } }]],
  ['strategic-merge', 'replicas'],
  ['json', { op: 'replace', path: '/spec/replicas', value: 1 }],
])('a %s patch of a scale that is none: %j', async (sort, body) => {
  const controllers = `${NS}/replicationcontrollers`;
  const metadata = { generateName: 'scaled-', labels: { app: 'scaled' } };
  const template = { metadata, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
  const made = await wire.ok('POST', controllers, { metadata, spec: { template } });
  const headers = { 'content-type': `application/${sort}-patch+json` };
  const path = `${controllers}/${made.metadata.name}/scale`;
  expect(await wire.fails('PATCH', path, { body, headers })).toMatchObject({ code: 400, reason: 'BadRequest' });
});

test('a token that is asked for without an audience says whom it is for', async () => {
  const { spec } = await wire.ok<Obj & { spec: object }>('POST', `${NS}/serviceaccounts/default/token`, { spec: {} });
  expect(spec).toMatchObject({ audiences: [expect.stringMatching(/^https:/)], expirationSeconds: 3600 });
});

describe("a browser's token", () => {
  const admin = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
  const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }];
  let token = '';
  beforeAll(async () => {
    const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    await wire.ok('POST', bindings, { metadata: { name: 'browser' }, roleRef: admin, subjects });
    await wire.settled();
    const review = await wire.ok<Obj & { status: { token: string } }>('POST', `${NS}/serviceaccounts/default/token`, {
      spec: {},
    });
    token = `base64url.bearer.authorization.k8s.io.${Buffer.from(review.status.token).toString('base64url')}`;
  });
  const refusal = async (path: string, subprotocols: string[]) => {
    const socket = wire.webSocket(path, subprotocols, { anonymous: true });
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    const chunks = await response.toArray();
    socket.terminate();
    const { code, message } = JSON.parse(Buffer.concat(chunks).toString());
    return `${code} ${message}`;
  };

  test('is who watches, and is not answered', async () => {
    const socket = wire.webSocket(`${NS}/pods?watch=1`, [token, 'base64.binary.k8s.io'], { anonymous: true });
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(String(message))).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'p' } } });
    expect(socket.protocol).toBe('base64.binary.k8s.io');
    socket.terminate();
    expect(await refusal(`${NS}/pods?watch=1`, ['base64.binary.k8s.io'])).toMatch(/^403 .*system:anonymous/);
    expect(await refusal(`${NS}/pods?watch=1`, [token])).toBe('401 Unauthorized');
  });

  test('stays here', async () => {
    const path = `${NS}/pods/p:web/proxy/chat`;
    const socket = wire.webSocket(path, ['chat', token], { anonymous: true });
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect([String(message), socket.protocol, offered]).toEqual(['/chat auth=none', 'chat', 'chat']);
    socket.terminate();
  });

  test('is who reads a log, whose errors are those of any', async () => {
    const log = `${NS}/pods/p/log?follow=1`;
    expect(await refusal(log, ['binary.k8s.io', token])).toMatch(/^400 .*waiting to start: ContainerCreating/);
    expect(await refusal(log, ['binary.k8s.io'])).toMatch(/^403 .*cannot get resource "pods\/log"/);
    const none = log.replace('/p/', '/none/');
    expect(await refusal(none, ['binary.k8s.io', token])).toBe('404 pods "none" not found');
  });
});
