import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as ask, createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { metadataKind } from '#api/custom/metadata-kind.ts';
import { ConfigMaps, CustomResourceDefinitions, Namespaces } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { createClient } from '#client/client.ts';
import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/types.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { silentLogger } from '#process/logger.ts';
import { ownAddress } from '../../bed/net.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, useWorld } from './world.ts';

/** Objects that another API server keeps: here that of a cluster of its own, behind a proxy that may do everything there. */
const world = useWorld('integration-aggregated-owners', { hollow: 0 });
const far = useCluster('integration-far', { apiservers: 1, without: ['scheduler', 'controller-manager'] });

const GROUP = 'far.example';
const Boats = metadataKind({ group: GROUP, version: 'v1', kind: 'Boat', plural: 'boats', namespaced: true });
const address = ownAddress();

let there: Client;
let proxy: Server;

function forward(kc: Kubeconfig, request: IncomingMessage, response: ServerResponse): void {
  const { ca, cert, key } = kc;
  const { hostname, port } = new URL(kc.server);
  const { accept = '*/*', 'content-type': type, 'content-length': length } = request.headers;
  const headers = {
    accept,
    ...(type ? { 'content-type': type } : {}),
    ...(length ? { 'content-length': length } : {}),
  };
  const options = { host: hostname, port, path: request.url, method: request.method, headers, ca, cert, key };
  const onward = ask(options, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

/** The other server becomes part of the API of the first. */
async function aggregate(caBundle: string, port: number): Promise<void> {
  const { client } = world();
  const meta = { name: 'far', namespace: 'default' };
  await client.raw('POST', '/api/v1/namespaces/default/services', {
    metadata: meta,
    spec: { ports: [{ name: 'https', port: 443, targetPort: port }] },
  });
  await client.raw('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'far' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
  await client.raw('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
    metadata: { name: `v1.${GROUP}` },
    spec: {
      group: GROUP,
      version: 'v1',
      groupPriorityMinimum: 1000,
      versionPriority: 10,
      service: { namespace: 'default', name: 'far', port: 443 },
      caBundle,
    },
  });
  await waitFor('aggregated', () => client.list(Boats), { everyMs: 30 });
}

beforeAll(async () => {
  const kc = await loadKubeconfig(far().kubeconfig);
  there = createClient({ ...kc, userAgent: 'integration-test', logger: silentLogger });
  await there.create(CustomResourceDefinitions, {
    metadata: { name: `boats.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'boats', kind: 'Boat' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await waitFor('served', () => there.list(Boats), { everyMs: 30 });
  const ca = await createAuthority('far', Date.now());
  const hosts = ['far.default.svc'];
  const spec = { file: 'far', authority: 'apiserver', commonName: 'far', usages: ['server'], hosts } as const;
  const tls = await issueCertificate(spec, ca, Date.now());
  // Kept connections do not end of their age, however late all is.
  proxy = createServer({ ...tls, keepAliveTimeout: 0 }, (request, response) => forward(kc, request, response));
  await new Promise<void>((resolve) => proxy.listen(0, '0.0.0.0', resolve));
  await aggregate(Buffer.from(ca.cert).toString('base64'), (proxy.address() as AddressInfo).port);
});
afterAll(async () => {
  proxy?.closeAllConnections();
  proxy?.close();
  await there?.close();
});

/** A namespace of both servers. */
async function namespaceOfBoth(prefix: string): Promise<string> {
  const name = await freshNamespace(world().client, prefix);
  await there.create(Namespaces, { metadata: { name } });
  return name;
}
const boats = async (namespace: string): Promise<string[]> =>
  (await there.list(Boats, { namespace })).items.map((o) => o.metadata.name);

test('what an aggregated server keeps goes after its owner, and nothing else does', async () => {
  const { client } = world();
  const namespace = await namespaceOfBoth('owned');
  const owner = await client.create(ConfigMaps, { metadata: { name: 'owner', namespace } });
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
  await client.create(Boats, { metadata: { name: 'child', namespace, ownerReferences: [reference] } });
  await client.create(Boats, { metadata: { name: 'stranger', namespace } });
  expect(await boats(namespace)).toEqual(['child', 'stranger']);
  await client.delete(ConfigMaps, 'owner', namespace, { propagationPolicy: 'Background' });
  await waitFor('the child is gone', async () => !(await boats(namespace)).includes('child'));
  expect(await boats(namespace)).toEqual(['stranger']);
});

test('a namespace takes along what an aggregated server keeps in it, and waits for it', async () => {
  const { client } = world();
  const namespace = await namespaceOfBoth('taken');
  await client.create(Boats, { metadata: { name: 'free', namespace } });
  await client.create(Boats, { metadata: { name: 'held', namespace, finalizers: ['example.com/hold'] } });
  await client.delete(Namespaces, namespace);
  await waitFor('one is gone', async () => (await boats(namespace)).join() === 'held');
  await waitFor('it says what it waits for', async () => {
    const { status } = await client.get(Namespaces, namespace);
    const left = status?.conditions?.find((c) => c.type === 'NamespaceFinalizersRemaining');
    return left?.status === 'True' && left.message?.includes('example.com/hold');
  });
  await there.patch(Boats, { name: 'held', namespace }, { type: 'merge', body: { metadata: { finalizers: null } } });
  await waitFor('the namespace is gone', async () => {
    try {
      await client.get(Namespaces, namespace);
      return false;
    } catch (e) {
      if (!isNotFound(e)) throw e;
      return true;
    }
  });
});
