import { expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { EndpointSlices, Nodes, Services } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { keepRegistered } from './registration.ts';

/** An API server with a node, and what it was told to write. */
function api() {
  const objects = new Map<string, Stored<KubeObject>>();
  const written: string[] = [];
  const put = (verb: string) => async (kind: Kind<KubeObject>, o: Stored<KubeObject>) => {
    const key = `${kind.kind} ${o.metadata.name}`;
    if (verb === 'create' && objects.has(key)) throw errors.alreadyExists(kind, o.metadata.name);
    written.push(`${verb} ${key}`);
    const stored = { ...o, metadata: { ...o.metadata, uid: key, resourceVersion: '1' } };
    objects.set(key, stored);
    return stored;
  };
  const client = {
    get: async (kind: Kind<KubeObject>, name: string) => {
      const found = objects.get(`${kind.kind} ${name}`);
      if (!found) throw errors.notFound(kind, name);
      return found;
    },
    create: put('create'),
    update: put('update'),
    delete: async (kind: Kind<KubeObject>, name: string) => {
      written.push(`delete ${kind.kind} ${name}`);
      objects.delete(`${kind.kind} ${name}`);
    },
  } as unknown as Client;
  return { client, objects, written };
}
const SLICE = 'EndpointSlice kube-dns-n1';

/** One look of the instance that listens at this address. */
async function look(client: Client, address: string): Promise<void> {
  const end = new AbortController();
  const clock = Object.assign(new FakeClock(), { sleep: async () => end.abort() });
  const at = { address, port: 10_053, nodeName: 'n1', clusterIp: '10.96.0.10' };
  await keepRegistered({ client, clock, logger: silentLogger, ...at }, end.signal);
}

test('pods are answered by the instance of their node, at the address they are told', async () => {
  const { client, objects, written } = api();
  await look(client, '192.0.2.1');
  // Without its node there is nobody whose end could take the endpoint along.
  expect(written.splice(0)).toEqual(['create Service kube-dns']);
  await client.create(Nodes, { metadata: { name: 'n1' } });
  written.length = 0;
  await look(client, '192.0.2.1');
  expect(written.splice(0)).toEqual([`create ${SLICE}`]);
  expect(objects.get('Service kube-dns')).toMatchObject({
    spec: {
      clusterIP: '10.96.0.10',
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    },
  });
  expect(objects.get(SLICE)).toMatchObject({
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'], nodeName: 'n1', conditions: { ready: true } }],
    ports: [{ port: 10_053 }, { port: 10_053 }],
    metadata: { ownerReferences: [{ kind: 'Node', name: 'n1', uid: 'Node n1' }] },
  });
  await look(client, '192.0.2.1');
  expect(written).toEqual([]);
});

test('an endpoint follows the address, also into another family', async () => {
  const { client, objects, written } = api();
  await client.create(Nodes, { metadata: { name: 'n1' } });
  await look(client, '192.0.2.1');
  written.length = 0;
  await look(client, '192.0.2.9');
  expect(written.splice(0)).toEqual([`update ${SLICE}`]);
  await look(client, 'fd00::9');
  expect(written).toEqual([`delete ${SLICE}`, `create ${SLICE}`]);
  expect(objects.get(SLICE)).toMatchObject({ addressType: 'IPv6', endpoints: [{ addresses: ['fd00::9'] }] });
});

test('an instance of another node may make the Service first', async () => {
  const { client, written } = api();
  await client.create(Nodes, { metadata: { name: 'n1' } });
  const { get } = client;
  let hidden = true;
  const late = async (kind: Kind<KubeObject>, name: string, ...more: []) => {
    if (kind.kind !== Services.kind || !hidden) return get(kind, name, ...more);
    hidden = false;
    await client.create(Services, { metadata: { name: 'kube-dns', namespace: 'kube-system' } });
    throw errors.notFound(kind, name);
  };
  await look({ ...client, get: late as Client['get'] }, '192.0.2.1');
  expect(written).toEqual(['create Node n1', 'create Service kube-dns', `create ${EndpointSlices.kind} kube-dns-n1`]);
});
