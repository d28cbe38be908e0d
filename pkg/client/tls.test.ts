import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { createAuthority, issueCertificate, type PemPair } from '#pki/issue.ts';
import { silentLogger } from '#process/logger.ts';
import { createClient } from './client.ts';
import { requireServer } from './reachable.ts';
import { Things } from './stub-server.ts';
import type { Client } from './types.ts';

let ca: PemPair;
let otherCa: PemPair;
let user: PemPair;
let server: Server;
let url: string;
let handshakes = 0;
const clients: Client[] = [];

beforeAll(async () => {
  const now = systemClock.now();
  [ca, otherCa] = await Promise.all([createAuthority('test', now), createAuthority('other', now)]);
  const serving = await issueCertificate(
    {
      file: 'server',
      authority: 'apiserver',
      commonName: 'server',
      usages: ['server'],
      hosts: ['127.0.0.1', 'kubernetes'],
    },
    ca,
    now,
  );
  user = await issueCertificate(
    {
      file: 'user',
      authority: 'client',
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usages: ['client'],
    },
    ca,
    now,
  );
  server = createServer(
    { ...serving, ca: ca.cert, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 0 },
    (request, response) => {
      const cn = (request.socket as TLSSocket).getPeerCertificate()?.subject?.CN ?? 'nobody';
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ cn, http: request.httpVersion }));
    },
  );
  server.on('secureConnection', () => void handshakes++);
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => Promise.all(clients.splice(0).map((c) => c.close())));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function clientWith(extra: Partial<Parameters<typeof createClient>[0]>): Client {
  const client = createClient({
    server: url,
    userAgent: 'test',
    logger: silentLogger,
    ca: Buffer.from(ca.cert),
    ...extra,
  });
  clients.push(client);
  return client;
}

test('a client certificate is shown, HTTP/1.1 spoken, and the connection kept', async () => {
  const client = clientWith({ cert: Buffer.from(user.cert), key: Buffer.from(user.key) });
  const before = handshakes;
  for (let i = 0; i < 10; i++) expect(await client.raw('GET', '/')).toEqual({ cn: 'kubernetes-admin', http: '1.1' });
  // The pool opens another one while those it has are just becoming free. Were none kept, it were one for each call.
  expect(handshakes - before).toBeLessThan(10);
  expect(await clientWith({}).raw('GET', '/')).toMatchObject({ cn: 'nobody' });
});

test('a certificate that was renewed in its file is shown by new connections', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tls-'));
  const file = join(dir, 'client.pem');
  const renewed = await issueCertificate(
    { file, authority: 'client', commonName: 'renewed', usages: ['client'] },
    ca,
    systemClock.now(),
  );
  const replace = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  let later = 0;
  const began = systemClock.now();
  const clock = { ...systemClock, now: () => began + later };
  replace(user.cert + user.key);
  const pem = readFileSync(file);
  try {
    const client = clientWith({ cert: pem, key: pem, certFiles: { cert: file, key: file }, clock });
    const cn = async (): Promise<string> => (await client.raw<{ cn: string }>('GET', '/')).cn;
    expect(await cn()).toBe('kubernetes-admin');
    // The key of another: somebody is in the middle of replacing two files.
    replace(renewed.cert + user.key);
    later += 10_000;
    expect(await cn()).toBe('kubernetes-admin');
    replace(renewed.cert + renewed.key);
    expect(await cn()).toBe('kubernetes-admin');
    later += 10_000;
    expect(await cn()).toBe('renewed');
    rmSync(file);
    later += 10_000;
    expect(await cn()).toBe('renewed');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('another name than the address may be asked for', async () => {
  const port = new URL(url).port;
  const strange = { server: `https://localhost:${port}` };
  await expect(clientWith(strange).raw('GET', '/', undefined, { timeoutMs: 30_000 })).rejects.toThrow('altnames');
  expect(await clientWith({ ...strange, tlsServerName: 'kubernetes' }).raw('GET', '/')).toBeDefined();
});

test('a server of another authority is refused, in a sentence, unless told not to look', async () => {
  const wrong = { ca: Buffer.from(otherCa.cert) };
  const client = clientWith(wrong);
  const options = { client, server: url, clock: systemClock, signal: new AbortController().signal };
  await expect(requireServer(options)).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(/^the certificate of the API server at https:.* is not trusted: /),
  });
  expect(await clientWith({ ...wrong, insecureSkipTlsVerify: true }).raw('GET', '/')).toBeDefined();
});

test('a balancer that hangs up during the handshake: the write was never sent, and is repeated', async () => {
  let refuse = 2;
  const sockets = new Set<Socket>();
  const balancer = createTcpServer((socket) => {
    sockets.add(socket);
    if (refuse-- > 0) {
      socket.destroy();
      return;
    }
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    sockets.add(upstream);
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((r) => balancer.listen(0, '127.0.0.1', r));
  const client = clientWith({ server: `https://127.0.0.1:${(balancer.address() as AddressInfo).port}` });
  expect(await client.create(Things, { metadata: { name: 'a', namespace: 'ns' } })).toBeDefined();
  expect(refuse).toBe(-1);
  for (const s of sockets) s.destroy();
  balancer.close();
});
