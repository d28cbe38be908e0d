import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterShape, ensurePki, inspectPki, planPki, renderInspection } from './pki.ts';

const DAY_MS = 86_400_000;
const shape: ClusterShape = {
  server: 'https://10.0.0.5:6443',
  nodeServer: 'https://127.0.0.1:6443',
  apiserverHosts: ['10.0.0.5', 'lb.example'],
  etcd: { etcd1: ['10.0.0.9'] },
  nodes: { n1: ['10.89.0.11'] },
};
const at = (ms: number): number => Date.now() + ms;

describe('certificates of a cluster', () => {
  let dir: string;
  const read = (file: string): Promise<string> => readFile(join(dir, 'pki', file), 'utf8');
  const ensure = (change: Partial<ClusterShape> = {}, now = Date.now()): Promise<string[]> =>
    ensurePki(dir, planPki({ ...shape, ...change }), now).then((issued) => issued.map((i) => i.file));

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pki-'));
    await ensure();
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each([
    ['apiserver', 'apiserver-ca'],
    ['etcd/etcd1-peer', 'etcd-peer-ca'],
    ['etcd/etcd1-server', 'etcd-client-ca'],
    ['apiserver-etcd-client', 'etcd-client-ca'],
    ['front-proxy-client', 'front-proxy-ca'],
    ['users/admin', 'client-ca'],
    ['nodes/n1', 'node-ca'],
  ])('%s is signed by %s and by no other', async (leaf, authority) => {
    const cert = new X509Certificate(await read(`${leaf}.crt`));
    for (const name of ['apiserver', 'etcd-peer', 'etcd-client', 'client', 'node'].map((n) => `${n}-ca`)) {
      const ca = new X509Certificate(await read(`${name}.crt`));
      expect([name, cert.verify(ca.publicKey)]).toEqual([name, name === authority]);
    }
  });

  it('keeps every file to its owner', async () => {
    const files = await readdir(dir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((f) => f.isFile())) {
      const { mode } = await stat(join(file.parentPath, file.name));
      expect([file.name, (mode & 0o777).toString(8)]).toEqual([file.name, '600']);
    }
  });

  it('serves and authenticates in a real handshake', async () => {
    expect(await handshake('users/node-n1', 'lb.example')).toEqual({ name: 'system:node:n1', groups: 'system:nodes' });
    await expect(handshake('etcd/etcd1-peer', 'lb.example')).rejects.toThrow();
    await expect(handshake('users/node-n1', 'other.example')).rejects.toThrow(/altnames|does not match/i);
  });

  it('changes nothing when all is well', async () => expect(await ensure()).toEqual([]));

  it.each([
    ['a new address of the API server', { apiserverHosts: ['10.0.0.6'] }, ['apiserver']],
    ['a new node', { nodes: { n1: ['10.89.0.11'], n2: [] } }, ['users/node-n2', 'nodes/n2', 'conf/node-n2.conf']],
    [
      'another URL',
      { server: 'https://10.0.0.7:6443' },
      ['admin.conf', 'conf/scheduler.conf', 'conf/controller-manager.conf'],
    ],
  ])('issues only what %s asks for', async (_, change, expected) => {
    expect(await ensure(change)).toEqual(expected);
    await ensure();
  });

  it('issues leaves anew in their last 30 days and keeps the authorities', async () => {
    expect(await ensure({}, at(334 * DAY_MS))).toEqual([]);
    const issued = await ensure({}, at(336 * DAY_MS));
    expect(issued).toContain('apiserver');
    expect(issued.filter((f) => f.endsWith('-ca'))).toEqual([]);
  });

  it('issues everything below an authority that was lost', async () => {
    await rm(join(dir, 'pki', 'node-ca.key'));
    expect(await ensure({}, at(336 * DAY_MS))).toEqual(['node-ca', 'nodes/n1']);
  });

  it('lists them', async () => {
    const table = renderInspection(await inspectPki(dir), Date.now());
    expect(table).toMatch(
      /^nodes\/n1 +system:node:n1 O=system:nodes +coxswain-node-ca .* n1,localhost,127.0.0.1,10.89.0.11$/m,
    );
  });

  async function handshake(user: string, servername: string): Promise<{ name: string; groups: string }> {
    const [cert, key, ca, userCert, userKey, rootCa] = await Promise.all(
      ['apiserver.crt', 'apiserver.key', 'client-ca.crt', `${user}.crt`, `${user}.key`, 'apiserver-ca.crt'].map(read),
    );
    const { promise, resolve, reject } = Promise.withResolvers<{ name: string; groups: string }>();
    const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (socket: TLSSocket) => {
      const { CN, O } = socket.getPeerCertificate().subject as unknown as Record<string, string>;
      resolve({ name: CN ?? '', groups: O ?? '' });
    });
    server.on('tlsClientError', reject);
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as { port: number };
    const socket = connect({ port, host: '127.0.0.1', servername, ca: rootCa, cert: userCert, key: userKey });
    socket.on('error', reject);
    try {
      return await promise;
    } finally {
      socket.destroy();
      server.close();
    }
  }
});
