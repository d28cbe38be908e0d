import { getEventListeners } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isConflict, isNotFound, StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { createClient } from './client.ts';
import { ConnectionError } from './connection-error.ts';
import { cut, json, type StubServer, startStubServer, Things, thing } from './stub-server.ts';
import type { Client } from './types.ts';

let server: StubServer;
let client: Client;
beforeEach(async () => {
  server = await startStubServer();
  client = createClient({ server: server.url, userAgent: 'test/1', logger: silentLogger, token: 'secret' });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

const status = (code: number, reason: string, extra: object = {}) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  reason,
  message: `${reason}!`,
  code,
  ...extra,
});
const last = () => server.seen.at(-1);

test('every verb has its method, path, content type and body', async () => {
  server.script(json(200, thing('a', 1)));
  const t = { metadata: { name: 'a', namespace: 'ns' }, data: 'x' };
  const base = '/apis/test.io/v1/namespaces/ns/things';
  const typed = { ...t, apiVersion: 'test.io/v1', kind: 'Thing' };

  await client.get(Things, 'a b', 'ns');
  expect(last()).toMatchObject({ method: 'GET', url: `${base}/a%20b` });
  expect(last()?.headers).toMatchObject({
    'user-agent': 'test/1',
    authorization: 'Bearer secret',
    accept: 'application/json',
  });

  await client.create(Things, t);
  expect(last()).toMatchObject({ method: 'POST', url: base });
  expect(JSON.parse(last()?.body ?? '')).toEqual(typed);

  await client.update(Things, t);
  expect(last()).toMatchObject({ method: 'PUT', url: `${base}/a` });
  await client.updateStatus(Things, t);
  expect(last()).toMatchObject({ method: 'PUT', url: `${base}/a/status` });
  expect(last()?.headers['content-type']).toBe('application/json');

  const target = { name: 'a', namespace: 'ns', subresource: 'scale' };
  await client.patch(Things, target, { type: 'apply', body: { x: 1 }, fieldManager: 'me', force: true });
  expect(last()).toMatchObject({ method: 'PATCH', url: `${base}/a/scale?fieldManager=me&force=true`, body: '{"x":1}' });
  expect(last()?.headers['content-type']).toBe('application/apply-patch+yaml');

  await client.delete(Things, 'a', 'ns', { gracePeriodSeconds: 0, preconditions: { uid: 'u' } });
  expect(last()).toMatchObject({ method: 'DELETE', url: `${base}/a` });
  expect(JSON.parse(last()?.body ?? '')).toMatchObject({ gracePeriodSeconds: 0, preconditions: { uid: 'u' } });

  await client.createSubresource(Things as never, { name: 'a', namespace: 'ns', subresource: 'binding' }, { y: 1 });
  expect(last()).toMatchObject({ method: 'POST', url: `${base}/a/binding`, body: '{"y":1}' });
});

test('a list: parameters, missing items, type of the items', async () => {
  const bare: Record<string, unknown> = { ...thing('a', 5) };
  delete bare.kind;
  delete bare.apiVersion;
  server.script(
    json(200, { metadata: { resourceVersion: '9', continue: 'more' }, items: [bare] }),
    json(200, { metadata: { resourceVersion: '9' }, items: null }),
  );
  const first = await client.list(Things, { labelSelector: 'a=b', resourceVersion: '0', limit: 5, namespace: '' });
  expect(last()?.url).toBe('/apis/test.io/v1/things?labelSelector=a%3Db&resourceVersion=0&limit=5');
  expect(first).toEqual({ items: [thing('a', 5)], resourceVersion: '9', continue: 'more' });
  expect(await client.list(Things)).toEqual({ items: [], resourceVersion: '9' });
});

test('a path prefix of the server address is kept; text answers stay text', async () => {
  const prefixed = createClient({ server: `${server.url}/k8s/one/`, userAgent: 'test/1', logger: silentLogger });
  server.script((_q, r) => void r.writeHead(200, { 'content-type': 'text/plain' }).end('ok'));
  expect(await prefixed.raw('GET', '/livez')).toBe('ok');
  expect(last()?.url).toBe('/k8s/one/livez');
  expect(last()?.headers.authorization).toBeUndefined();
  await prefixed.close();
});

test('failures are StatusErrors, whoever wrote the answer', async () => {
  server.script(json(404, status(404, 'NotFound')));
  await expect(client.get(Things, 'a', 'ns')).rejects.toSatisfy(isNotFound);
  server.script(json(409, status(409, 'Conflict')));
  await expect(client.update(Things, thing('a', 1))).rejects.toSatisfy(isConflict);
  server.script((_q, r) => void r.writeHead(502).end('<html>Bad gateway</html>'));
  await expect(client.get(Things, 'a')).rejects.toMatchObject({ code: 502, message: '<html>Bad gateway</html>' });
  server.script((_q, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{"half":'));
  await expect(client.get(Things, 'a')).rejects.toThrow("the server's answer is not JSON");
});

test('a read is repeated when the connection is cut, a write is not', async () => {
  server.script(cut, cut, json(200, thing('a', 1)));
  expect((await client.get(Things, 'a')).metadata.name).toBe('a');
  expect(server.seen).toHaveLength(3);
  server.script(cut, json(200, thing('a', 1)));
  await expect(client.create(Things, thing('a', 1))).rejects.toMatchObject({
    name: 'ConnectionError',
    neverSent: false,
  });
  expect(server.seen).toHaveLength(4);
});

/** An address of this machine that nobody else uses: a port of it that was given up stays free. */
const OWN = `127.1.${(process.pid >> 8) & 255}.${process.pid & 255}`;

test('a write that never got through is repeated', async () => {
  await Promise.all([client.close(), server.close()]);
  server = await startStubServer(OWN);
  const port = Number(new URL(server.url).port);
  await server.close();
  // It is back before the second try, however long that takes.
  const sleep = vi.fn(async () => {
    server = await startStubServerAt(port);
    server.script(json(201, thing('a', 1)));
  });
  const clock = { ...systemClock, sleep };
  client = createClient({ server: server.url, userAgent: 'test/1', logger: silentLogger, clock });
  expect((await client.create(Things, thing('a', 1))).metadata.name).toBe('a');
  expect(sleep).toHaveBeenCalledTimes(1);
});

async function startStubServerAt(port: number): Promise<StubServer> {
  const s = await startStubServer(OWN);
  await new Promise<void>((r) => s.http.close(() => r()));
  await new Promise<void>((r) => s.http.listen(port, OWN, r));
  return s;
}

test('nothing listens: a sentence, not a code', async () => {
  const dead = createServer();
  await new Promise<void>((r) => dead.listen(0, OWN, r));
  const { port } = dead.address() as { port: number };
  await new Promise<void>((r) => dead.close(() => r()));
  const lost = createClient({ server: `http://${OWN}:${port}`, userAgent: 'test/1', logger: silentLogger });
  const failed = lost.get(Things, 'a', 'ns', { timeoutMs: 30_000 });
  await expect(failed).rejects.toBeInstanceOf(ConnectionError);
  await expect(failed).rejects.toThrow(
    `GET /apis/test.io/v1/namespaces/ns/things/a: nothing listens on ${OWN}:${port} (ECONNREFUSED)`,
  );
  await lost.close();
  expect(() => createClient({ server: '127.0.0.1:6443', userAgent: 'x', logger: silentLogger })).toThrow(
    'is not a URL',
  );
});

test('overload: reads wait as told and try again, writes do not', async () => {
  server.script(
    json(429, status(429, 'TooManyRequests'), { 'retry-after': '0' }),
    json(503, 'busy'),
    json(200, thing('a', 1)),
  );
  expect((await client.get(Things, 'a')).metadata.name).toBe('a');
  expect(server.seen).toHaveLength(3);
  server.script(json(429, status(429, 'TooManyRequests', { details: { retryAfterSeconds: 7 } })));
  const refused = client.create(Things, thing('a', 1));
  await expect(refused).rejects.toBeInstanceOf(StatusError);
  await expect(refused).rejects.toMatchObject({ code: 429, status: { details: { retryAfterSeconds: 7 } } });
  expect(server.seen).toHaveLength(4);
});

test('a wait that does not fit into the time of the call is not begun', async () => {
  server.script(json(429, status(429, 'TooManyRequests', { details: { retryAfterSeconds: 7 } })));
  // A wait would not end.
  const config = { server: server.url, userAgent: 'test/1', logger: silentLogger, clock: new FakeClock() };
  const patient = createClient(config);
  await expect(patient.get(Things, 'a', 'ns', { timeoutMs: 6900 })).rejects.toMatchObject({ code: 429 });
  await patient.close();
});

test('the Retry-After header reaches the caller', async () => {
  server.script(json(429, status(429, 'TooManyRequests'), { 'retry-after': '3' }));
  await expect(client.create(Things, thing('a', 1))).rejects.toMatchObject({
    status: { details: { retryAfterSeconds: 3 } },
  });
});

test('a silent server: the call ends at its timeout, or with the caller’s reason', async () => {
  server.script(() => {});
  await expect(client.get(Things, 'a', 'ns', { timeoutMs: 100 })).rejects.toThrow('timed out after 100 ms');
  await expect(client.get(Things, 'a', 'ns', { timeoutMs: 100 })).rejects.toBeInstanceOf(ConnectionError);
  const abort = new AbortController();
  const call = client.get(Things, 'a', 'ns', { signal: abort.signal });
  abort.abort(new Error('stop'));
  await expect(call).rejects.toThrow('stop');
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
});

test('calls leave nothing on a long-lived signal', async () => {
  server.script(json(200, thing('a', 1)));
  const abort = new AbortController();
  for (let i = 0; i < 20; i++) await client.get(Things, 'a', 'ns', { signal: abort.signal });
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
});

test('the guard is asked before every try, and a fallen one lets nothing out', async () => {
  server.script(cut, json(200, thing('a', 1)));
  let asked = 0;
  await client.get(Things, 'a', 'ns', { guard: () => void asked++ });
  expect(asked).toBe(2);
  const before = server.seen.length;
  const refused = client.create(Things, thing('a', 1), {
    guard: () => {
      throw new Error('not leading');
    },
  });
  await expect(refused).rejects.toThrow('not leading');
  expect(server.seen).toHaveLength(before);
});

test('more calls than connections all come back', async () => {
  server.script((_q, r) => void setTimeout(() => json(200, thing('a', 1))(_q, r, r.req.socket), 5));
  const all = await Promise.all(Array.from({ length: 300 }, () => client.get(Things, 'a')));
  expect(all).toHaveLength(300);
});
