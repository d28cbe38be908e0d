import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { openEtcd } from '#storage/etcd/open.ts';
import type { Storage } from '#storage/storage.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-conversion', { without: ['scheduler', 'controller-manager'] });
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const path = (version: string, name = ''): string => `/apis/sea.example/${version}/namespaces/default/ships${name}`;
const MANY = 30;

interface Ship extends Obj {
  spec: { length?: number; size?: { metres: number } };
}
interface Review {
  apiVersion: string;
  request: { uid: string; desiredAPIVersion: string; objects: Ship[] };
}
let wire: Wire;
let etcd: Storage;
let server: Server;
let caBundle = '';
let port = 0;
let reviews: Review['request'][] = [];
/** What a test wants the webhook to answer instead. */
let answering: ((r: Review['request'], converted: Ship[]) => object) | undefined;

/** v1 has spec.length, v2 has spec.size.metres. */
function converted(o: Ship, apiVersion: string): Ship {
  const metres = o.spec.length ?? o.spec.size?.metres ?? 0;
  const spec = apiVersion.endsWith('/v2') ? { size: { metres } } : { length: metres };
  return { ...o, apiVersion, spec };
}

beforeAll(async () => {
  const ca = await createAuthority('conversion', Date.now());
  caBundle = Buffer.from(ca.cert).toString('base64');
  const spec = {
    file: 'c',
    authority: 'apiserver',
    commonName: 'c',
    usages: ['server'],
    hosts: ['127.0.0.1'],
  } as const;
  const tls = await issueCertificate(spec, ca, Date.now());
  // Kept connections do not end of their age, however late all is.
  server = createServer({ ...tls, keepAliveTimeout: 0 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.on('end', () => {
      const { apiVersion, request: asked } = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      reviews.push(asked);
      const convertedObjects = asked.objects.map((o) => converted(o, asked.desiredAPIVersion));
      const answer = answering?.(asked, convertedObjects) ?? { convertedObjects, result: { status: 'Success' } };
      response.end(JSON.stringify({ kind: 'ConversionReview', apiVersion, response: { uid: asked.uid, ...answer } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  wire = await Wire.to(cluster());
  etcd = await openEtcd(cluster().etcd);
  await wire.ok('POST', CRDS, definition('v1'));
  await everywhere(async (s) => (await wire.raw('GET', path('v1'), { server: s })).code === 200);
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await etcd?.close();
});
beforeEach(() => {
  reviews = [];
  answering = undefined;
});

const everywhere = async (known: (server: string) => Promise<boolean>): Promise<void> => {
  for (const s of cluster().apiservers) await waitFor('known to both', () => known(s));
};
const number = { type: 'integer' };
const version = (name: string, properties: object, storage: string) => ({
  name,
  served: true,
  storage: name === storage,
  subresources: { status: {}, ...(name === 'v1' ? { scale: scalePaths } : {}) },
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: { type: 'object', properties },
        status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  },
});
const scalePaths = { specReplicasPath: '.spec.length', statusReplicasPath: '.status.length' };
const definition = (storage: string) => ({
  metadata: { name: 'ships.sea.example' },
  spec: {
    group: 'sea.example',
    scope: 'Namespaced',
    names: { plural: 'ships', kind: 'Ship' },
    versions: [
      version('v1', { length: number }, storage),
      version(
        'v2',
        { size: { type: 'object', properties: { metres: number, class: { type: 'string', default: 'S' } } } },
        storage,
      ),
    ],
    conversion: {
      strategy: 'Webhook',
      webhook: {
        clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle },
        conversionReviewVersions: ['v1'],
      },
    },
  },
});
const ship = (name: string, length: number) => ({ metadata: { name, labels: { fleet: 'x' } }, spec: { length } });
const inEtcd = async (name: string): Promise<Ship> =>
  JSON.parse((await etcd.get(`/registry/sea.example/ships/default/${name}`))?.value.toString() ?? '{}') as Ship;

test('an object is shown in the version asked for, and stored in one', async () => {
  await wire.ok('POST', path('v1'), ship('one', 10));
  await everywhere(async (s) => (await wire.raw('GET', path('v1', '/one'), { server: s })).code === 200);
  expect(reviews).toEqual([]);
  const seen = await wire.ok<Ship>('GET', path('v2', '/one'));
  expect(seen).toMatchObject({ apiVersion: 'sea.example/v2', spec: { size: { metres: 10, class: 'S' } } });
  expect(reviews[0]).toMatchObject({
    desiredAPIVersion: 'sea.example/v2',
    objects: [{ apiVersion: 'sea.example/v1' }],
  });
  const body = { metadata: { name: 'two' }, spec: { size: { metres: 20 } } };
  expect(await wire.ok('POST', path('v2'), body)).toMatchObject({ apiVersion: 'sea.example/v2', spec: body.spec });
  const patched = await wire.ok<Ship>('PATCH', path('v2', '/two'), { spec: { size: { metres: 21 } } });
  expect(patched.spec.size?.metres).toBe(21);
  expect(patched.metadata.generation).toBe(2);
  expect(await inEtcd('two')).toMatchObject({ apiVersion: 'sea.example/v1', spec: { length: 21 } });
  await wire.ok('PATCH', path('v2', '/two/status'), { status: { afloat: true } });
  expect(await wire.ok('GET', path('v1', '/two'))).toMatchObject({ spec: { length: 21 }, status: { afloat: true } });
  await wire.ok('DELETE', path('v2', '/two'));
  expect((await wire.raw('GET', path('v1', '/two'))).code).toBe(404);
});

test('a list is converted in one review, and each state of an object once', async () => {
  for (let i = 0; i < MANY; i++) await wire.ok('POST', path('v1'), ship(`many-${i}`, i));
  const [s = ''] = cluster().apiservers;
  reviews = [];
  const list = await wire.ok<List>('GET', `${path('v2')}?labelSelector=fleet%3Dx`, undefined, { server: s });
  expect(list).toMatchObject({ kind: 'ShipList', apiVersion: 'sea.example/v2' });
  expect((list.items as Ship[]).every((i) => i.apiVersion === 'sea.example/v2' && i.spec.size)).toBe(true);
  expect(list.items.length).toBe(MANY + 1);
  expect(reviews.length).toBe(1);
  expect(reviews[0]?.objects.length).toBeGreaterThanOrEqual(MANY);
  await wire.ok<List>('GET', path('v2'), undefined, { server: s });
  const page = await wire.ok<List>('GET', `${path('v2')}?limit=3`, undefined, { server: s });
  expect([page.items.length, page.metadata.remainingItemCount, reviews.length]).toEqual([3, MANY - 2, 1]);
});

test('a watch brings converted objects in their order', async () => {
  const [s = ''] = cluster().apiservers;
  const { metadata } = await wire.ok<List>('GET', path('v2'), undefined, { server: s });
  const lengths: (number | undefined)[] = [];
  const wanted = [100, 101, 102, 103, 104];
  const writes = (async () => {
    for (const length of wanted) await wire.ok('PATCH', path('v1', '/one'), { spec: { length } });
  })();
  const query = `?watch=1&resourceVersion=${metadata.resourceVersion}&allowWatchBookmarks=true`;
  for await (const { type, object } of wire.watch(path('v2', query), { server: s })) {
    if (type === 'BOOKMARK') continue;
    expect([type, object.apiVersion]).toEqual(['MODIFIED', 'sea.example/v2']);
    lengths.push((object as Ship).spec.size?.metres);
    if (lengths.length === wanted.length) break;
  }
  await writes;
  expect(lengths).toEqual(wanted);
  for await (const { type, object } of wire.watch(path('v2', '?watch=1&fieldSelector=metadata.name%3Done'))) {
    expect([type, (object as Ship).spec.size?.metres]).toEqual(['ADDED', 104]);
    break;
  }
});

test.each<[string, (r: Review['request'], converted: Ship[]) => object, string]>([
  ['a refusal', () => ({ result: { status: 'Failed', message: 'no such hull' } }), 'no such hull'],
  [
    'a wrong number of objects',
    () => ({ convertedObjects: [], result: { status: 'Success' } }),
    'returned 0 objects, expected 1',
  ],
  [
    'a wrong version',
    (r) => ({ convertedObjects: r.objects, result: { status: 'Success' } }),
    'returned invalid converted object at index 0: invalid groupVersion (expected sea.example/v2, received sea.example/v1)',
  ],
  [
    'another name',
    (_r, [o]) => ({
      convertedObjects: [{ ...o, metadata: { ...o?.metadata, name: 'x' } }],
      result: { status: 'Success' },
    }),
    'returned invalid converted object at index 0: must have the same name: x != fail',
  ],
])('%s is an error', async (_name, answer, words) => {
  answering = answer;
  await wire.raw('DELETE', path('v1', '/fail'));
  await wire.ok('POST', path('v1'), ship('fail', 1));
  const failed = await wire.fails('GET', path('v2', '/fail'));
  expect(failed).toMatchObject({ code: 500, reason: 'InternalError' });
  expect(failed.message).toContain(`conversion webhook for sea.example/v1, Kind=Ship failed: ${words}`);
  expect((await wire.ok<Ship>('GET', path('v1', '/fail'))).spec).toEqual({ length: 1 });
  answering = undefined;
  expect((await wire.ok<Ship>('GET', path('v2', '/fail'))).spec.size?.metres).toBe(1);
});

test('labels and annotations may change, the rest of the metadata stays', async () => {
  answering = (_r, objects) => ({
    convertedObjects: objects.map((o) => ({
      ...o,
      metadata: { ...o.metadata, creationTimestamp: '2000-01-01T00:00:00Z', annotations: { by: 'webhook' } },
    })),
    result: { status: 'Success' },
  });
  const made = await wire.ok('POST', path('v1'), ship('labelled', 5));
  const { metadata } = await wire.ok('GET', path('v2', '/labelled'));
  expect(metadata.annotations).toEqual({ by: 'webhook' });
  expect(metadata.creationTimestamp).toBe(made.metadata.creationTimestamp);
});

test('another storage version: both are remembered, old objects are converted, and rewritten by any update', async () => {
  await wire.ok('POST', path('v1'), ship('aged', 50));
  const changed = await wire.ok<Obj & { status: { storedVersions: string[] } }>('PATCH', `${CRDS}/ships.sea.example`, {
    spec: definition('v2').spec,
  });
  expect(changed.status.storedVersions).toEqual(['v1', 'v2']);
  await everywhere(async (s) => {
    const name = `probe-${s.split(':').at(-1)}`;
    await wire.raw('DELETE', path('v1', `/${name}`), { server: s });
    await wire.raw('POST', path('v1'), { body: ship(name, 1), server: s });
    return (await inEtcd(name)).apiVersion === 'sea.example/v2';
  });
  expect((await inEtcd('aged')).apiVersion).toBe('sea.example/v1');
  const before = await wire.ok<Ship>('GET', path('v1', '/aged'));
  expect(before.spec).toEqual({ length: 50 });
  expect((await wire.ok<Ship>('GET', path('v2', '/aged'))).spec.size?.metres).toBe(50);
  await wire.ok('PUT', path('v1', '/aged'), before);
  expect(await inEtcd('aged')).toMatchObject({ apiVersion: 'sea.example/v2', spec: { size: { metres: 50 } } });
  expect((await wire.ok<Ship>('GET', path('v1', '/aged'))).spec).toEqual({ length: 50 });
  const still = await wire.fails('PATCH', `${CRDS}/ships.sea.example`, {
    body: { spec: { versions: definition('v2').spec.versions.slice(1) } },
  });
  expect(still.details?.causes?.[0]?.field).toBe('status.storedVersions[0]');
});

test('a webhook that is away hurts only what needs it', async () => {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  await wire.ok('POST', path('v2'), { metadata: { name: 'late' }, spec: { size: { metres: 7 } } });
  expect((await wire.ok<Ship>('GET', path('v2', '/late'))).spec.size?.metres).toBe(7);
  const failed = await wire.fails('GET', path('v1', '/late'));
  expect(failed.message).toMatch(/conversion webhook for sea.example\/v2, Kind=Ship failed: .*ECONNREFUSED/);
});

test('without a webhook versions differ by their name, also those that are stored already', async () => {
  const plain = (storage: string) => {
    const { spec } = definition(storage);
    const { conversion: _c, ...rest } = spec;
    return {
      metadata: { name: 'rafts.sea.example' },
      spec: {
        ...rest,
        names: { plural: 'rafts', kind: 'Raft' },
        versions: ['v1', 'v2'].map((v) => version(v, { length: number }, storage)),
      },
    };
  };
  const rafts = (v: string, name = ''): string => `/apis/sea.example/${v}/namespaces/default/rafts${name}`;
  await wire.ok('POST', CRDS, plain('v1'));
  await everywhere(async (s) => (await wire.raw('GET', rafts('v1'), { server: s })).code === 200);
  await wire.ok('POST', rafts('v1'), ship('a', 3));
  await wire.ok('PATCH', `${CRDS}/rafts.sea.example`, { spec: plain('v2').spec });
  const stored = async (): Promise<string> =>
    (await etcd.get('/registry/sea.example/rafts/default/a'))?.value.toString() ?? '';
  await everywhere(async (s) => {
    const name = `probe-${s.split(':').at(-1)}`;
    await wire.raw('DELETE', rafts('v1', `/${name}`), { server: s });
    await wire.raw('POST', rafts('v1'), { body: ship(name, 1), server: s });
    return (await etcd.get(`/registry/sea.example/rafts/default/${name}`))?.value.toString().includes('/v2') ?? false;
  });
  expect(await stored()).toContain('sea.example/v1');
  for (const v of ['v1', 'v2']) {
    const seen = await wire.ok<Ship>('GET', rafts(v, '/a'));
    expect(seen).toMatchObject({ apiVersion: `sea.example/${v}`, spec: { length: 3 } });
    const { items } = await wire.ok<List>('GET', rafts(v));
    expect(items.every((i) => i.apiVersion === `sea.example/${v}`)).toBe(true);
  }
  await wire.ok('PUT', rafts('v1', '/a'), await wire.ok('GET', rafts('v1', '/a')));
  expect(await stored()).toContain('sea.example/v2');
});
