import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { systemExec } from '#process/exec.ts';
import { bin } from '../../bed/layout.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { Wire } from './http.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-'));
const policy = join(dir, 'policy.yaml');
const log = join(dir, 'audit.log');
writeFileSync(
  policy,
  `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  omitStages: [ResponseStarted]
  users: [kubernetes-admin]
  resources: [{group: "", resources: [events]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: "", resources: [serviceaccounts]}]
- level: Metadata
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
  verbs: [create, delete]
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  resources: [{group: "", resources: [pods/exec, pods/proxy]}]
- level: Metadata
  nonResourceURLs: [/version]
`,
);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const cluster = useCluster('integration-audit', {
  apiservers: 1,
  without: ['scheduler', 'controller-manager'],
  flags: {
    apiserver: [
      '--audit-policy-file',
      policy,
      '--audit-log-path',
      log,
      '--audit-log-maxsize',
      '1',
      '--audit-log-maxbackup',
      '2',
    ],
  },
});

interface Line {
  level: string;
  verb: string;
  auditID: string;
  stage: string;
  user: { username: string };
  impersonatedUser?: { username: string };
  requestURI: string;
  objectRef?: { resource: string; name?: string; namespace?: string };
  responseStatus: { code: number };
  requestObject?: { metadata: { name: string } };
  responseObject?: { metadata?: { uid?: string } };
}
const lines = (path = log): Line[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => JSON.parse(l) as Line);

test('requests are written down as the policy says, in files of bounded size', async () => {
  const wire = await Wire.to(cluster());
  const ns = '/api/v1/namespaces/default';
  await wire.ok('POST', `${ns}/secrets`, { metadata: { name: 's' }, stringData: { password: 'hush' } });
  await wire.ok('POST', `${ns}/configmaps`, { metadata: { name: 'm' } });
  await wire.ok('GET', `${ns}/configmaps/m`);
  await wire.fails('POST', `${ns}/configmaps`, { body: { metadata: { name: 'm' } } });
  await wire.fails('GET', `${ns}/secrets/s`, { headers: { 'impersonate-user': 'jane' } });
  // A line is written once its answer has gone out.
  const seen = await waitFor('four lines', () => (lines().length >= 4 ? lines() : undefined));
  const told = seen.map((l) => [
    l.level,
    l.verb,
    l.objectRef?.resource,
    l.responseStatus.code,
    l.impersonatedUser?.username,
  ]);
  expect(told).toEqual([
    ['Metadata', 'create', 'secrets', 201, undefined],
    ['RequestResponse', 'create', 'configmaps', 201, undefined],
    ['RequestResponse', 'create', 'configmaps', 409, undefined],
    ['Metadata', 'get', 'secrets', 403, 'jane'],
  ]);
  // Who acts for another is written down as himself.
  expect(new Set(seen.map((l) => l.user.username))).toEqual(new Set(['kubernetes-admin']));
  expect(seen[1]).toMatchObject({
    requestObject: { metadata: { name: 'm' } },
    responseObject: { metadata: { uid: expect.any(String) } },
  });
  expect(readFileSync(log, 'utf8')).not.toContain('hush');
  expect(new Set(seen.map((l) => l.auditID)).size).toBe(4);

  const data = { filler: 'x'.repeat(100_000) };
  for (let i = 0; i < 20; i++) await wire.ok('POST', `${ns}/configmaps`, { metadata: { name: `big${i}` }, data });
  // While one more is put aside, a name may be nobody's for a moment.
  await waitFor('two old files', () => existsSync(`${log}.2`) && lines(`${log}.1`).length > 0);
  expect(existsSync(`${log}.3`)).toBe(false);
});

/** A pod whose address is that of a server here: it accepts WebSockets at /session and is a teapot else. @returns its port */
async function programInPod(wire: Wire, name: string): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(418).end());
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/session') sockets.handleUpgrade(request, socket, head, () => {});
    else socket.end('HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const s of sockets.clients) s.terminate();
    server.close();
  });
  const ns = '/api/v1/namespaces/default';
  const pods = `${ns}/pods`;
  await wire.ok('POST', `${ns}/serviceaccounts`, { metadata: { name: 'default' } });
  await wire.ok('POST', pods, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } });
  await wire.ok('PATCH', `${pods}/${name}/status`, { status: { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } });
  return (server.address() as AddressInfo).port;
}

test('sessions in pods and what is no resource are written down, too', async () => {
  const wire = await Wire.to(cluster());
  const path = '/api/v1/namespaces/default/pods/nowhere/exec?command=sh&stdout=true';
  const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
  await wire.fails('POST', path, { headers: upgrade });
  await wire.fails('POST', path, { headers: { ...upgrade, 'impersonate-user': 'jane' } });
  await wire.ok('GET', '/version');
  const told = (l: Line): boolean => l.objectRef?.resource === 'pods' || l.requestURI === '/version';
  const seen = await waitFor('five lines', () => {
    const found = lines().filter(told);
    return found.length >= 5 ? found : undefined;
  });
  const what = (l: Line) => [l.stage, l.verb, l.requestURI, l.responseStatus.code, l.impersonatedUser?.username];
  expect(seen.map(what)).toEqual([
    ['ResponseStarted', 'create', path, 404, undefined],
    ['ResponseComplete', 'create', path, 404, undefined],
    ['ResponseStarted', 'create', path, 403, 'jane'],
    ['ResponseComplete', 'create', path, 403, 'jane'],
    ['ResponseComplete', 'get', '/version', 200, undefined],
  ]);
});

test('what lasts is written down when it begins, and when it is over', async () => {
  const wire = await Wire.to(cluster());
  const port = await programInPod(wire, 'lasting');
  const all = (path: string): [string, number][] =>
    [`${log}.2`, `${log}.1`, log]
      .filter((f) => existsSync(f))
      .flatMap((f) => lines(f))
      .filter((l) => l.requestURI === path)
      .map((l) => [l.stage, l.responseStatus.code]);
  const until = (path: string, want: [string, number][]) =>
    waitFor(`${path} to be written down`, () => JSON.stringify(all(path)) === JSON.stringify(want));
  const begins = `/api/v1/namespaces/default/pods/lasting:${port}/proxy/session`;
  const socket = wire.webSocket(begins);
  await waitFor('the session', () => socket.readyState === socket.OPEN);
  await until(begins, [['ResponseStarted', 101]]);
  socket.close();
  await until(begins, [
    ['ResponseStarted', 101],
    ['ResponseComplete', 101],
  ]);
  // Requests and upgrades that what is in the pod refuses, and those that end before.
  for (const [path, code] of [
    [`/api/v1/namespaces/default/pods/lasting:${port}/proxy/teapot`, 418],
    ['/api/v1/namespaces/default/pods/nobody/proxy/', 404],
  ] as const) {
    for (const [way, headers] of [
      ['plain', {}],
      ['upgrade', { connection: 'Upgrade', upgrade: 'websocket' }],
    ] as const) {
      const told = `${path}?by=${way}`;
      expect((await wire.raw('GET', told, { headers })).code).toBe(code);
      await until(told, [
        ['ResponseStarted', code],
        ['ResponseComplete', code],
      ]);
    }
  }
  const refused = '/api/v1/namespaces/default/secrets?watch=1&fieldSelector=';
  await wire.fails('GET', refused, { headers: { 'impersonate-user': 'jane' } });
  await until(refused, [
    ['ResponseStarted', 403],
    ['ResponseComplete', 403],
  ]);
});

test('a watch over WebSocket is a watch: asked for, answered and written down as one, with an event a message', async () => {
  const wire = await Wire.to(cluster());
  const secrets = '/api/v1/namespaces/default/secrets';
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const code = async (path: string, o = {}) => (await wire.fails('GET', path, { headers: { ...headers, ...o } })).code;
  expect(await code(`${secrets}?watch=1`, { 'impersonate-user': 'jane' })).toBe(403);
  expect(await code('/api/v1/namespaces/default/nothings?watch=1')).toBe(404);
  expect(await code('/api/v1/componentstatuses?watch=1')).toBe(405);
  expect(await code(`${secrets}?watch=1&labelSelector=%21%21`)).toBe(400);

  await wire.ok('POST', secrets, { metadata: { name: 'told' } });
  const path = '/api/v1/watch/namespaces/default/secrets/told';
  const socket = wire.webSocket(path, ['base64.binary.k8s.io']);
  const told: unknown[] = [];
  socket.on('message', (message, isBinary) => {
    const { type, object } = JSON.parse(String(message));
    told.push([isBinary, type, object.metadata.name, object.metadata.labels]);
  });
  await waitFor('the state', () => told.length > 0, { timeoutMs: 90_000 });
  expect(socket.protocol).toBe('base64.binary.k8s.io');
  await wire.ok('POST', secrets, { metadata: { name: 'other' } });
  await wire.ok('PATCH', `${secrets}/told`, { metadata: { labels: { a: 'b' } } });
  await wire.ok('DELETE', `${secrets}/told`);
  await waitFor('the end of the object', () => told.length > 2, { timeoutMs: 90_000 });
  expect(told).toEqual([
    [false, 'ADDED', 'told', undefined],
    [false, 'MODIFIED', 'told', { a: 'b' }],
    [false, 'DELETED', 'told', { a: 'b' }],
  ]);
  // It is written down when it is over.
  socket.close();
  const all = (): Line[] => [log, `${log}.1`].filter((f) => existsSync(f)).flatMap((f) => lines(f));
  const line = await waitFor('its line', () => all().find((l) => l.requestURI === path), { timeoutMs: 90_000 });
  expect([line.verb, line.responseStatus.code, line.user.username]).toEqual(['watch', 101, 'kubernetes-admin']);
});

test('a request has one name from its beginning to its end, and what the policy omits is not there', async () => {
  const wire = await Wire.to(cluster());
  const ns = '/api/v1/namespaces/default';
  const stagesOf = (part: string): string[] =>
    [`${log}.2`, `${log}.1`, log]
      .filter((f) => existsSync(f))
      .flatMap((f) => lines(f))
      .filter((l) => l.requestURI.includes(part))
      .map((l) => `${l.stage} ${l.auditID}`);
  const until = (part: string, want: string[]) =>
    waitFor(`${part} to be written down`, () => stagesOf(part).join() === want.join());
  const watched = await wire.raw('GET', `${ns}/serviceaccounts?watch=1&timeoutSeconds=1`);
  const id = watched.headers['audit-id'];
  await until('serviceaccounts?watch', [`ResponseStarted ${id}`, `ResponseComplete ${id}`]);
  await wire.raw('GET', `${ns}/events?watch=1&timeoutSeconds=1`, { headers: { 'audit-id': 'mine' } });
  await until('events?watch', ['ResponseComplete mine']);
  await wire.ok('POST', `${ns}/serviceaccounts?fieldManager=teller`, { metadata: { name: 'bare' } });
  const line = await waitFor('its line', () => lines().find((l) => l.requestURI.includes('teller')));
  expect(line.responseObject).toMatchObject({ metadata: { name: 'bare', uid: expect.any(String) } });
  expect(line.responseObject?.metadata).not.toHaveProperty('managedFields');
});

test('a policy that is none is refused at the start', async () => {
  const bad = join(dir, 'bad.yaml');
  writeFileSync(bad, 'kind: Policy\nrules: [{level: Loud}]\n');
  const required = [
    'etcd-servers',
    'tls-cert-file',
    'tls-private-key-file',
    'client-ca-file',
    'service-account-key-file',
  ];
  const more = [
    'service-account-signing-key-file',
    'kubelet-client-certificate',
    'kubelet-client-key',
    'kubelet-certificate-authority',
  ];
  const flags = [...required, ...more].flatMap((f) => [`--${f}`, f === 'etcd-servers' ? 'http://127.0.0.1:1' : policy]);
  const r = await systemExec(bin('apiserver'), [...flags, '--audit-policy-file', bad, '--audit-log-path', log], {
    timeoutMs: 100_000,
  });
  expect(r.code).toBe(1);
  expect(r.stderr).toContain('rules[0].level "Loud" is none of None, Metadata, Request, RequestResponse');
});
