import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Status } from '#api/meta/errors.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-webhooks', { without: ['scheduler', 'controller-manager'] });
let wire: Wire;
let server: Server;
let caBundle = '';
let port = 0;
const MAPS = '/api/v1/namespaces/default/configmaps';
const CONFIGS = '/apis/admissionregistration.k8s.io/v1';
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((a) => a.family === 'IPv4' && !a.internal)?.address;

interface Review {
  apiVersion: string;
  request: {
    uid: string;
    kind: { group: string; version: string; kind: string };
    resource: { version: string };
    requestKind: { version: string };
    requestResource: { version: string };
    subResource?: string;
    operation: string;
    dryRun: boolean;
    name: string;
    userInfo: { username: string };
    object: Obj | null;
    oldObject: Obj | null;
  };
}
/** What each path of the webhook answers; reviews it was asked are kept. */
type Handler = (r: Review) => object | undefined;
const handlers = new Map<string, Handler>();
let asked: { path: string; review: Review }[] = [];
let connections = 0;
const unanswered: ServerResponse[] = [];

beforeAll(async () => {
  const ca = await createAuthority('webhooks', Date.now());
  const hosts = ['127.0.0.1', 'hooks.default.svc'];
  const spec = { file: 'hooks', authority: 'apiserver', commonName: 'hooks', usages: ['server'], hosts } as const;
  const tls = await issueCertificate(spec, ca, Date.now());
  caBundle = Buffer.from(ca.cert).toString('base64');
  server = createServer({ key: tls.key, cert: tls.cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (c: Buffer) => chunks.push(c));
    request.on('end', () => {
      const path = new URL(request.url ?? '', 'https://x').pathname;
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      asked.push({ path, review });
      const answer = handlers.get(path)?.(review);
      // No answer at all: a webhook that hangs.
      if (answer === undefined) {
        unanswered.push(response);
        return;
      }
      const { uid } = review.request;
      response.end(
        JSON.stringify({ apiVersion: review.apiVersion, kind: 'AdmissionReview', response: { uid, ...answer } }),
      );
    });
  });
  server.on('connection', () => connections++);
  // Idle connections are closed by nobody but a test.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  port = (server.address() as AddressInfo).port;
  wire = await Wire.to(cluster());
});
afterAll(() => {
  server?.closeAllConnections();
  server?.close();
});
beforeEach(() => {
  asked = [];
  handlers.clear();
});

const patch = (...operations: object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const webhook = (name: string, over: object = {}) => ({
  name: `${name}.example.com`,
  clientConfig: { url: `https://127.0.0.1:${port}/${name}`, caBundle },
  rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
  objectSelector: { matchLabels: { hooked: 'yes' } },
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  ...over,
});
const map = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name, labels: { hooked: 'yes' } },
  data,
});

/** Registers webhooks for one test; both servers know them before it goes on, and forget them after it. */
async function registered(plural: string, webhooks: object[], work: () => Promise<void>): Promise<void> {
  await wire.ok('POST', `${CONFIGS}/${plural}`, { metadata: { name: 'test' }, webhooks });
  for (const s of cluster().apiservers) {
    await waitFor(
      'known',
      async () => (await wire.raw('GET', `${CONFIGS}/${plural}/test`, { server: s })).code === 200,
    );
  }
  try {
    await work();
  } finally {
    await wire.ok('DELETE', `${CONFIGS}/${plural}/test`);
    for (const s of cluster().apiservers) {
      await waitFor(
        'gone',
        async () => (await wire.raw('GET', `${CONFIGS}/${plural}/test`, { server: s })).code === 404,
      );
    }
  }
}
const mutating = (webhooks: object[], work: () => Promise<void>) =>
  registered('mutatingwebhookconfigurations', webhooks, work);
const validating = (webhooks: object[], work: () => Promise<void>) =>
  registered('validatingwebhookconfigurations', webhooks, work);

describe('validating', () => {
  test('one that cannot be reached keeps no server from starting', async () => {
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
    const clientConfig = { url: 'https://127.0.0.1:1/down' };
    await validating([webhook('down', { clientConfig, rules, objectSelector: {} })], async () => {
      expect((await wire.fails('POST', MAPS, { body: map('refused') })).message).toContain('failed calling webhook');
      await cluster().processes.apiserver2.restart();
    });
  });

  test('a refusal reaches the client, an approval with its warnings does, too', async () => {
    handlers.set('/judge', ({ request }) =>
      request.object?.metadata.name === 'bad'
        ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'not this one' } }
        : { allowed: true, warnings: ['mind the gap'] },
    );
    await validating([webhook('judge')], async () => {
      expect(await wire.fails('POST', MAPS, { body: map('bad') })).toMatchObject({
        code: 403,
        message: 'admission webhook "judge.example.com" denied the request: not this one',
      });
      const good = await wire.ask('POST', MAPS, { body: map('good', { a: 'b' }) });
      expect(good.code).toBe(201);
      expect(good.headers.warning).toContain('mind the gap');
      await wire.ok('PATCH', `${MAPS}/good`, { data: { a: 'c' } });
      await wire.ok('POST', MAPS, { metadata: { name: 'not-selected' } });
      expect(
        asked.map(({ review: { request: r } }) => [r.operation, r.name, r.oldObject?.data, r.userInfo.username]),
      ).toEqual([
        ['CREATE', 'bad', undefined, 'kubernetes-admin'],
        ['CREATE', 'good', undefined, 'kubernetes-admin'],
        ['UPDATE', 'good', { a: 'b' }, 'kubernetes-admin'],
      ]);
      expect(asked[1]?.review.request.object).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } });
    });
  });

  test('deletes, dry runs and side effects', async () => {
    handlers.set('/judge', ({ request }) => ({ allowed: request.operation !== 'DELETE' || request.dryRun }));
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['configmaps'] }];
    await validating([webhook('judge', { rules })], async () => {
      await wire.ok('POST', MAPS, map('kept'));
      expect((await wire.fails('DELETE', `${MAPS}/kept`)).message).toContain('denied the request without explanation');
      await wire.ok('DELETE', `${MAPS}/kept?dryRun=All`);
    });
    const some = { metadata: { name: 'some' }, webhooks: [webhook('judge', { sideEffects: 'Some' })] };
    const refused = await wire.fails('POST', `${CONFIGS}/validatingwebhookconfigurations`, { body: some });
    expect(refused.message).toContain('sideEffects');
  });

  test('a webhook that hangs or errs: Fail refuses in time, Ignore lets pass', async () => {
    handlers.set('/slow', () => undefined);
    // Both hang. The one with the short time is given up first, however late everything is.
    await validating([webhook('slower'), webhook('slow', { timeoutSeconds: 1 })], async () => {
      const since = Date.now();
      const status = await wire.fails('POST', MAPS, { body: map('slow') });
      expect(status).toMatchObject({ code: 500, reason: 'InternalError' });
      expect(status.message).toMatch(
        /failed calling webhook "slow.example.com": failed to call webhook: Post .*: context deadline exceeded/,
      );
      expect(Date.now() - since).toBeLessThan(30_000);
    });
    // Nobody waits any more when the next tests count what is asked.
    for (const response of unanswered.splice(0)) response.end('{}');
    const wrong = {
      clientConfig: { url: `https://127.0.0.1:${port}/slow`, caBundle: Buffer.from('x').toString('base64') },
    };
    await validating([webhook('slow', { ...wrong, failurePolicy: 'Ignore' })], async () => {
      await wire.ok('POST', MAPS, map('ignored'));
    });
    handlers.set('/liar', () => ({ uid: 'another', allowed: true }));
    await validating([webhook('liar')], async () => {
      expect((await wire.fails('POST', MAPS, { body: map('lied') })).message).toContain('expected response.uid=');
    });
  });
});

describe('match conditions', () => {
  test('only requests for which all hold are put to a webhook; what fails is refused, or not asked', async () => {
    handlers.set('/judge', () => ({ allowed: false }));
    const conditions = (...list: string[]) => ({
      matchConditions: list.map((expression, i) => ({ name: `c${i}`, expression })),
    });
    const two = conditions(
      "object.metadata.name.startsWith('m-')",
      "!request.userInfo.groups.exists(g, g == 'system:nodes')",
    );
    await validating([webhook('judge', two)], async () => {
      expect((await wire.fails('POST', MAPS, { body: map('m-a') })).message).toContain('denied the request');
      await wire.ok('POST', MAPS, map('other-a'));
      expect(asked).toHaveLength(1);
    });
    const failing = conditions("object.data.nope == 'x'");
    await validating([webhook('judge', failing)], async () => {
      expect(await wire.fails('POST', MAPS, { body: map('m-b') })).toMatchObject({
        code: 403,
        message: expect.stringContaining('no such key'),
      });
    });
    await mutating([webhook('judge', { ...failing, failurePolicy: 'Ignore' })], async () => {
      await wire.ok('POST', MAPS, map('m-c'));
    });
    expect(asked).toHaveLength(1);
    const body = { metadata: { name: 'bad' }, webhooks: [webhook('judge', conditions('object.'))] };
    const refused = await wire.fails('POST', `${CONFIGS}/validatingwebhookconfigurations`, { body });
    expect(refused.details?.causes?.map((c) => c.field)).toEqual(['webhooks[0].matchConditions[0].expression']);
  });
});

describe('mutating', () => {
  test('patches are applied in order, defaults and validation follow, and one is asked again', async () => {
    handlers.set('/first', ({ request }) => {
      const count = Number((request.object?.data as Record<string, string> | undefined)?.first ?? 0) + 1;
      return patch({ op: 'add', path: '/data/first', value: String(count) });
    });
    handlers.set('/second', () => patch({ op: 'add', path: '/data/second', value: 'x' }));
    await mutating([webhook('first', { reinvocationPolicy: 'IfNeeded' }), webhook('second')], async () => {
      const made = await wire.ok<Obj>('POST', MAPS, map('mutated', { own: '1' }));
      expect(made.data).toEqual({ own: '1', first: '2', second: 'x' });
      expect(asked.map((a) => a.path)).toEqual(['/first', '/second', '/first']);
    });
    handlers.set('/spoil', () => patch({ op: 'add', path: '/metadata/labels/bad', value: 'not a label!' }));
    await mutating([webhook('spoil')], async () => {
      expect((await wire.fails('POST', MAPS, { body: map('spoilt') })).code).toBe(422);
    });
    handlers.set('/misfit', () => patch({ op: 'remove', path: '/nowhere/at/all' }));
    await mutating([webhook('misfit')], async () => {
      expect((await wire.ask<Status>('POST', MAPS, { body: map('misfit') })).body.message).toContain(
        'attempted a patch that does not apply',
      );
    });
  });

  test('a Service is asked through its endpoints, by its name; namespaces are selected by labels', async () => {
    await wire.ok('POST', '/api/v1/namespaces/default/services', {
      metadata: { name: 'hooks' },
      spec: { ports: [{ port: 443, targetPort: port }] },
    });
    await wire.ok('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: 'hooks', labels: { 'kubernetes.io/service-name': 'hooks' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
      ports: [{ port }],
    });
    await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: 'spared', labels: { spared: 'yes' } } });
    handlers.set('/by-service', () => patch({ op: 'add', path: '/data', value: { by: 'service' } }));
    const clientConfig = { service: { namespace: 'default', name: 'hooks', path: '/by-service' }, caBundle };
    const namespaceSelector = { matchExpressions: [{ key: 'spared', operator: 'DoesNotExist' }] };
    await mutating([webhook('svc', { clientConfig, namespaceSelector })], async () => {
      expect((await wire.ok('POST', MAPS, map('through'))).data).toEqual({ by: 'service' });
      const elsewhere = MAPS.replace('default', 'spared');
      expect((await wire.ok('POST', elsewhere, { ...map('through'), data: { own: '1' } })).data).toEqual({ own: '1' });
    });
  });
});

describe('what webhooks are shown', () => {
  const pods = '/api/v1/namespaces/default/pods';
  const everything = { objectSelector: {} };

  test('bindings and evictions as what they are, not as the changes of pods they lead to', async () => {
    await wire.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
    await wire.ok('POST', pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i:1' }] } });
    handlers.set('/sub', ({ request }) =>
      request.subResource === 'binding'
        ? patch({ op: 'add', path: '/metadata/annotations', value: { by: 'webhook' } })
        : { allowed: false, status: { message: 'stay' } },
    );
    const rules = [
      { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods', 'pods/binding', 'pods/eviction'] },
    ];
    await mutating([webhook('sub', { ...everything, rules })], async () => {
      await wire.ok('POST', `${pods}/p/binding`, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } });
      const evicted = await wire.fails('POST', `${pods}/p/eviction`, { body: { metadata: { name: 'p' } } });
      expect(evicted.message).toBe('admission webhook "sub.example.com" denied the request: stay');
    });
    const bound = await wire.ok<Obj>('GET', `${pods}/p`);
    expect(bound).toMatchObject({ metadata: { annotations: { by: 'webhook' } }, spec: { nodeName: 'n' } });
    expect(asked.map(({ review: { request: r } }) => [r.operation, r.subResource, r.kind, r.name])).toEqual([
      ['CREATE', 'binding', { group: '', version: 'v1', kind: 'Binding' }, 'p'],
      ['CREATE', 'eviction', { group: 'policy', version: 'v1', kind: 'Eviction' }, 'p'],
    ]);
    expect(asked[0]?.review.request.object).toMatchObject({ kind: 'Binding', target: { name: 'n' } });
    await wire.ok('POST', `${pods}/p/eviction`, { metadata: { name: 'p' } });
  });

  test('objects in the version their rules name, unless they insist on the one asked for', async () => {
    const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
    const slice = (name: string) => ({
      metadata: { name },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], nodeName: 'n' }],
      ports: [{ port: 80 }],
    });
    const operations = ['CREATE', 'UPDATE', 'DELETE'];
    const rules = [
      { operations, apiGroups: ['discovery.k8s.io'], apiVersions: ['v1beta1'], resources: ['endpointslices'] },
    ];
    handlers.set('/old', ({ request }) =>
      request.operation === 'CREATE'
        ? patch({ op: 'add', path: '/endpoints/0/hostname', value: 'h' })
        : { allowed: true },
    );
    await mutating([webhook('old', { ...everything, rules })], async () => {
      const made = await wire.ok<Obj & { endpoints: object[] }>('POST', slices, slice('a'));
      expect(made).toMatchObject({ apiVersion: 'discovery.k8s.io/v1', endpoints: [{ nodeName: 'n', hostname: 'h' }] });
      await wire.ok('DELETE', `${slices}/a`);
      const versions = asked.map(({ review: { request: r } }) => [
        (r.object ?? r.oldObject)?.apiVersion,
        r.resource.version,
        r.requestResource.version,
        r.requestKind.version,
      ]);
      expect(versions).toEqual(Array(2).fill(['discovery.k8s.io/v1beta1', 'v1beta1', 'v1', 'v1']));
      // Asked for in the version that the rules name.
      asked = [];
      await wire.ok('POST', slices.replace('v1/', 'v1beta1/'), slice('b'));
      expect(asked[0]?.review.request).toMatchObject({
        requestKind: { version: 'v1beta1' },
        kind: { version: 'v1beta1' },
      });
    });
    asked = [];
    await mutating([webhook('old', { ...everything, rules, matchPolicy: 'Exact' })], async () => {
      await wire.ok('POST', slices, slice('c'));
      expect(asked).toEqual([]);
    });
  });
});

test('a webhook is asked over connections that are kept, and over a new one when they are gone', async () => {
  handlers.set('/kept', () => ({ allowed: true }));
  const [only = ''] = cluster().apiservers;
  await registered('validatingwebhookconfigurations', [webhook('kept')], async () => {
    const before = connections;
    const ask = (i: number): Promise<Obj> => wire.ok('POST', `${MAPS}?dryRun=All`, map(`kept-${i}`), { server: only });
    for (let i = 0; i < 20; i++) await ask(i);
    expect(asked.length).toBe(20);
    expect(connections - before).toBeLessThanOrEqual(1);
    server.closeAllConnections();
    await ask(20);
    expect(asked.length).toBe(21);
  });
});
