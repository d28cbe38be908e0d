import { request as httpsRequest, type RequestOptions } from 'node:https';
import { type Duplex, duplexPair, PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { errors } from '#api/meta/errors.ts';
import { createAuthority, issueCertificate, type PemPair } from '#pki/issue.ts';
import { HealthPages } from '#process/health-pages.ts';
import type { ContainerStreams, ExecRequest, LogOptions, ProcessSession } from '../streaming/backend.ts';
import { type AgentServer, startAgentServer } from './server.ts';

/** A command that echoes stdin, and writes down what it was asked. */
class FakeStreams implements ContainerStreams {
  readonly sizes: string[] = [];
  request: ExecRequest | undefined;
  logOptions: LogOptions | undefined;
  signals: AbortSignal[] = [];
  /** The pod's end of the newest forwarded connection. */
  forwarded: Duplex | undefined;

  async resolve(target: { namespace: string; pod: string; uid?: string }, container: string | undefined) {
    if (target.pod === 'none') throw errors.notFound({ group: '', plural: 'pods', kind: 'Pod' }, target.pod);
    return { ...target, uid: target.uid ?? 'u', container: container ?? 'default', id: 'i' };
  }
  async exec(_handle: unknown, request: ExecRequest, signal: AbortSignal): Promise<ProcessSession> {
    this.request = request;
    this.signals.push(signal);
    const stdin = new PassThrough();
    const { promise: exitCode, resolve } = Promise.withResolvers<number>();
    stdin.on('end', () => resolve(Number(request.command[0])));
    const stdout = stdin.pipe(new PassThrough());
    const resize = async (columns: number, rows: number) => void this.sizes.push(`${columns}x${rows}`);
    return { stdin, stdout, stderr: request.stderr ? Readable.from(['warned']) : null, resize, exitCode };
  }
  attach = this.exec.bind(this);
  async logs(_handle: unknown, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    this.logOptions = options;
    this.signals.push(signal);
    return Readable.from(['one\n', 'two\n']);
  }
  async portForward(_target: unknown, port: number): Promise<Duplex> {
    if (port === 1) throw new Error('connection refused');
    const [near, far] = duplexPair();
    this.forwarded = far;
    return near;
  }
  pods() {
    return { kind: 'PodList', items: [] };
  }
}

const streams = new FakeStreams();
const users: Record<string, string[]> = { admin: ['system:masters'], nobody: [] };
let server: AgentServer;
let ca: PemPair;
let admin: PemPair;
let nobody: PemPair;
let stranger: PemPair;

beforeAll(async () => {
  const now = Date.now();
  const [clientCa, otherCa] = [await createAuthority('clients', now), await createAuthority('others', now)];
  ca = await createAuthority('nodes', now);
  const client = (commonName: string, by: PemPair, organizations: string[] = []) =>
    issueCertificate({ commonName, organizations, usages: ['client'] } as never, by, now);
  admin = await client('apiserver', clientCa, ['one', 'system:masters']);
  nobody = await client('nobody', clientCa);
  stranger = await client('apiserver', otherCa, ['system:masters']);
  server = await startAgentServer({
    health: new HealthPages({ healthz: {} }),
    address: '127.0.0.1',
    port: 0,
    tls: await issueCertificate({ commonName: 'n', usages: ['server'], hosts: ['127.0.0.1'] } as never, ca, now),
    clientCa: clientCa.cert,
    streams,
    authenticate: async (token) => (users[token] ? { name: token, groups: users[token] } : null),
  });
});
afterAll(() => server.close());

interface Answer {
  readonly code: number;
  readonly body: string;
}

function ask(path: string, options: RequestOptions = admin): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: '127.0.0.1', port: server.port, path, ca: ca.cert, agent: false, ...options });
    request.on('response', (response) => {
      text(response).then((body) => resolve({ code: response.statusCode ?? 0, body }), reject);
    });
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve({ code: 101, body: '' });
    });
    request.on('error', reject);
    request.end();
  });
}

const message = (answer: Answer) => (JSON.parse(answer.body) as { message: string }).message;

describe('who may do what', () => {
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  test.each<[string, () => RequestOptions, number]>([
    ['no credentials', () => ({}), 401],
    ['a certificate of another CA', () => stranger, 401],
    ['a certificate without rights', () => nobody, 403],
    ['the apiserver', () => admin, 200],
    ['an unknown token', () => bearer('unknown'), 401],
    ['a token without rights', () => bearer('nobody'), 403],
    ['a token with rights', () => bearer('admin'), 200],
  ])('%s', async (_, credentials, code) => {
    const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' };
    const { headers, ...rest } = credentials();
    expect((await ask('/healthz', credentials())).code).toBe(code);
    expect((await ask('/no/such/path', credentials())).code).toBe(code === 200 ? 404 : code);
    const path = '/exec/ns/p/c?command=0&output=1';
    const streaming = await ask(path, { ...rest, method: 'POST', headers: { ...headers, ...upgrade } });
    expect(streaming.code).toBe(code === 200 ? 101 : code);
  });
});

describe('plain requests', () => {
  test('health, and what was found of it', async () => {
    expect(await ask('/healthz')).toEqual({ code: 200, body: 'ok' });
    expect(await ask('/healthz?verbose')).toEqual({ code: 200, body: '[+]ping ok\nhealthz check passed\n' });
    expect([(await ask('/healthz/ping')).body, (await ask('/healthz/none')).code]).toEqual(['ok', 404]);
    expect((await ask('/metrics/slis')).body).toContain('kubernetes_healthcheck{name="ping",type="healthz"} 1');
  });

  test('logs with their options', async () => {
    const path =
      '/containerLogs/ns/p/c?follow=true&tailLines=5&timestamps=false&limitBytes=10&sinceSeconds=3&container=c';
    expect(await ask(path)).toEqual({ code: 200, body: 'one\ntwo\n' });
    expect(streams.logOptions).toEqual({
      follow: true,
      previous: false,
      timestamps: false,
      tailLines: 5,
      limitBytes: 10,
      sinceSeconds: 3,
      stream: 'All',
    });
  });

  test.each([
    ['/containerLogs/ns/p/c?tailLines=-1', 400, 'tailLines'],
    ['/containerLogs/ns/p/c?sinceTime=yesterday', 400, 'sinceTime'],
    ['/containerLogs/ns/none/c', 404, 'pods "none" not found'],
    ['/exec/ns/p/c?command=ls&output=1', 400, 'missing upgrade headers'],
    ['/metrics', 404, 'could not find'],
    ['/stats/summary', 404, 'could not find'],
  ])('%s: %d', async (path, code, words) => {
    const answer = await ask(path);
    expect(answer.code).toBe(code);
    expect(message(answer)).toContain(words);
  });

  test('pods', async () => {
    expect(JSON.parse((await ask('/pods')).body)).toEqual(streams.pods());
  });
});

describe('refused upgrades', () => {
  const spdy = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' };
  test.each<[string, string, Record<string, string>, number, string]>([
    ['unknown pod', '/exec/ns/none/c?command=ls&output=1', spdy, 404, 'pods "none" not found'],
    ['no command', '/exec/ns/p/c?output=1', spdy, 400, 'must specify a command'],
    ['no stream', '/exec/ns/p/c?command=ls', spdy, 400, 'at least 1 of stdin, stdout, stderr'],
    ['unknown path', '/run/ns/p/c', spdy, 404, 'could not find'],
    ['bad escape', '/exec/ns/%ff/c', spdy, 400, 'invalid URL escape'],
    ['another protocol', '/attach/ns/p/c?output=1', { ...spdy, upgrade: 'h2c' }, 400, 'h2c is not supported'],
    [
      'no common version',
      '/attach/ns/p/c?output=1',
      { ...spdy, 'x-stream-protocol-version': 'v9.channel.k8s.io' },
      403,
      'client supports [v9.channel.k8s.io], server accepts [v4.channel.k8s.io',
    ],
  ])('%s', async (_, path, headers, code, words) => {
    const answer = await ask(path, { ...admin, method: 'POST', headers });
    expect(answer.code).toBe(code);
    expect(message(answer)).toContain(words);
  });
});

describe('WebSocket', () => {
  /** A client that collects, by channel, what it is sent. */
  async function open(
    path: string,
    protocols: string[],
  ): Promise<{ ws: WebSocket; got: Record<number, string>; closed: Promise<number> }> {
    const url = `wss://127.0.0.1:${server.port}${path}`;
    const ws = new WebSocket(url, protocols, { ...admin, ca: ca.cert });
    const got: Record<number, string> = {};
    const base64 = protocols[0]?.includes('base64');
    ws.on('message', (data: Buffer) => {
      const channel = base64 ? Number(data.toString('latin1', 0, 1)) : (data[0] ?? -1);
      const content = base64 ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1);
      got[channel] = (got[channel] ?? '') + content.toString('latin1');
    });
    const closed = new Promise<number>((resolve) => ws.once('close', resolve));
    await new Promise<void>((resolve, reject) => {
      ws.once('open', resolve);
      ws.once('error', reject);
    });
    return { ws, got, closed };
  }
  const query = 'command=3&stdin=true&stdout=true&stderr=true';

  test('version 5: stdin can be closed, the exit code comes last', async () => {
    const { ws, got, closed } = await open(`/exec/ns/p/c?${query}`, ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
    expect(ws.protocol).toBe('v5.channel.k8s.io');
    ws.send(Buffer.from('\0hello '));
    ws.send(Buffer.from('\0world'));
    ws.send(Buffer.from([255, 0]));
    // Too late, and dropped.
    ws.send(Buffer.from('\0!'));
    expect(await closed).toBe(1000);
    expect(got[1]).toBe('hello world');
    expect(got[2]).toBe('warned');
    expect(JSON.parse(got[3] ?? '')).toMatchObject({
      reason: 'NonZeroExitCode',
      details: { causes: [{ message: '3' }] },
    });
  });

  test('base64, with a terminal', async () => {
    const path = `/exec/ns/p/uid/c?${query}&tty=true`;
    const { ws, got } = await open(path, ['v4.base64.channel.k8s.io']);
    ws.send(`4${Buffer.from('{"Width":80,"Height":24}').toString('base64')}`);
    ws.send(`0${Buffer.from('typed').toString('base64')}`);
    await vi.waitFor(() => expect(got[1]).toBe('typed'), { timeout: 30_000 });
    expect(got[2]).toBeUndefined();
    expect(streams.sizes.at(-1)).toBe('80x24');
    const signal = streams.signals.at(-1);
    expect(signal?.aborted).toBe(false);
    ws.terminate();
    await vi.waitFor(() => expect(signal?.aborted).toBe(true), { timeout: 30_000 });
  });

  test('no sub-protocol: the first version', async () => {
    const { ws, got } = await open(`/attach/ns/p/c?${query}`, []);
    ws.send(Buffer.from('\0x'));
    await vi.waitFor(() => expect(got[1]).toBe('x'), { timeout: 30_000 });
    ws.close();
  });

  test('an unknown sub-protocol is refused', async () => {
    await expect(open(`/exec/ns/p/c?${query}`, ['v9.channel.k8s.io'])).rejects.toThrow('400');
  });

  test('port-forward by channels', async () => {
    const { ws, got, closed } = await open('/portForward/ns/p?port=8080&port=1', ['v4.channel.k8s.io']);
    const port = (n: number) => String.fromCharCode(n & 0xff, n >> 8);
    await vi.waitFor(() => expect(Object.keys(got)).toHaveLength(4), { timeout: 30_000 });
    await vi.waitFor(() => expect(got[3]).toContain('error forwarding port 1 to pod p'), { timeout: 30_000 });
    ws.send(Buffer.from('\0ping'));
    const pod = streams.forwarded as Duplex;
    pod.once('data', (chunk: Buffer) => pod.end(`${chunk}pong`));
    expect(await closed).toBe(1000);
    expect(got[0]).toBe(`${port(8080)}pingpong`);
    expect(got[1]).toBe(port(8080));
    expect(got[2]).toBe(port(1));
  });
});

test('leaves no connection behind', async () => {
  await vi.waitFor(() => expect(server.connections).toBe(0), { timeout: 30_000 });
});
