import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigMaps } from '#api/kinds/index.ts';
import { systemClock } from '#async/clock.ts';
import { createAuthority, issueCertificate } from '#pki/issue.ts';
import { silentLogger } from '#process/logger.ts';
import { AuditAnnotations } from '../../audit/annotations.ts';
import type { Level } from '../../audit/policy.ts';
import type { Attributes } from '../types.ts';
import { mutatingWebhooks, validatingWebhooks } from './plugin.ts';

const ADD = { op: 'add', path: '/data', value: { a: 'b' } };
const SAME = { op: 'add', path: '/metadata/name', value: 'm' };
/** What each path of the webhook answers with. */
const patches: Record<string, object[]> = { '/adds': [ADD], '/same': [SAME] };
let server: Server;
let clientConfig = (_path: string): object => ({});

function answerTo(path: string, body: string): string {
  const { apiVersion, request } = JSON.parse(body) as { apiVersion: string; request: { uid: string } };
  const patch = patches[path];
  const changes = patch && { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
  const response = { uid: request.uid, allowed: path !== '/denies', ...changes };
  return JSON.stringify({ apiVersion, kind: 'AdmissionReview', response });
}

beforeAll(async () => {
  const ca = await createAuthority('notes', Date.now());
  const spec = {
    file: 'n',
    authority: 'apiserver',
    commonName: 'n',
    usages: ['server'],
    hosts: ['127.0.0.1'],
  } as const;
  const tls = await issueCertificate(spec, ca, Date.now());
  server = createServer({ key: tls.key, cert: tls.cert }, (request, response) => {
    const path = new URL(request.url ?? '', 'https://x').pathname;
    void text(request).then((body) => response.end(answerTo(path, body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const caBundle = Buffer.from(ca.cert).toString('base64');
  clientConfig = (path) => ({ url: `https://127.0.0.1:${port}/${path}`, caBundle });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const webhook = (name: string, over: object = {}): object => ({
  name,
  clientConfig: clientConfig(name),
  rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  timeoutSeconds: 30,
  ...over,
});
/** Nobody listens there. */
const down = { clientConfig: { url: 'https://127.0.0.1:1/' }, failurePolicy: 'Ignore' };
const other = { rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['pods'] }] };

/** What is noted when a ConfigMap is made; values that are JSON are read. */
async function notes(type: 'mutating' | 'validating', level: Level, ...configurations: object[][]) {
  const list = configurations.map((webhooks, i) => ({ metadata: { name: `c${i}` }, webhooks }));
  const lookup = { list: () => list, find: async () => undefined };
  const deps = { lookup, resources: { all: () => [] }, clock: systemClock, logger: silentLogger } as never;
  const annotations = new AuditAnnotations({ level, omitStages: [], omitManagedFields: false });
  const attributes = {
    ...{ operation: 'CREATE', namespace: 'ns', name: 'm', subresource: '', object: { metadata: { name: 'm' } } },
    ...{ resource: { kind: ConfigMaps, apiVersion: 'v1', ref: {} }, user: { name: 'jane', groups: [] } },
    ...{ dryRun: false, warnings: [], annotations },
  } as unknown as Attributes;
  const done =
    type === 'mutating' ? mutatingWebhooks(deps).admit?.(attributes) : validatingWebhooks(deps).validate?.(attributes);
  await Promise.resolve(done).catch(() => {});
  return Object.fromEntries(
    [...annotations].map(([key, value]) => [key, value.startsWith('{') ? (JSON.parse(value) as object) : value]),
  );
}
const MUTATION = 'mutation.webhook.admission.k8s.io';

test('who was asked, in which round, and whether it changed the object', async () => {
  const first = [webhook('unrelated', other), webhook('same', { reinvocationPolicy: 'IfNeeded' })];
  expect(await notes('mutating', 'Metadata', first, [webhook('adds')])).toEqual({
    [`${MUTATION}/round_0_index_1`]: { configuration: 'c0', webhook: 'same', mutated: false },
    [`${MUTATION}/round_0_index_2`]: { configuration: 'c1', webhook: 'adds', mutated: true },
    [`${MUTATION}/round_1_index_1`]: { configuration: 'c0', webhook: 'same', mutated: false },
  });
});

test('the patches, where objects are written down', async () => {
  expect(await notes('mutating', 'Request', [webhook('adds')])).toEqual({
    [`${MUTATION}/round_0_index_0`]: { configuration: 'c0', webhook: 'adds', mutated: true },
    'patch.webhook.admission.k8s.io/round_0_index_0': {
      ...{ configuration: 'c0', webhook: 'adds', patch: [ADD], patchType: 'JSONPatch' },
    },
  });
});

test('who refused, and who failed without being missed', async () => {
  expect(await notes('mutating', 'Metadata', [webhook('denies')])).toEqual({
    [`${MUTATION}/round_0_index_0`]: { configuration: 'c0', webhook: 'denies', mutated: false },
  });
  expect(await notes('mutating', 'Metadata', [webhook('off', down)])).toEqual({
    [`${MUTATION}/round_0_index_0`]: { configuration: 'c0', webhook: 'off', mutated: false },
    'failed-open.mutating.webhook.admission.k8s.io/round_0_index_0': 'off',
  });
  expect(await notes('validating', 'Metadata', [webhook('same'), webhook('off', down)])).toEqual({
    'failed-open.validating.webhook.admission.k8s.io/round_0_index_1': 'off',
  });
});
