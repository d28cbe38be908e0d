import { beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '#api/meta/errors.ts';
import { useCluster } from '../../bed/suite.ts';
import { Wire } from './http.ts';

const cluster = useCluster('integration-errors', { apiservers: 1, without: ['scheduler', 'controller-manager'] });

let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
});

/** POSTs an object as it is, with the administrator's certificate; the Status as it came over the wire. */
const create = async (path: string, object: unknown): Promise<Status> =>
  (await wire.ask<Status>('POST', path, { body: object })).body;

const labels = { app: 'x' };
const container = { name: 'c', image: 'busybox:1' };
const deployment = (over: Record<string, unknown> = {}, spec: Record<string, unknown> = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [container] } },
    ...spec,
  },
  ...over,
});
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';

describe('wrong input gets the right Status', () => {
  test.each<[string, string, unknown, number, string, string | undefined]>([
    [
      'unknown field, strict',
      `${DEPLOYMENTS}?fieldValidation=Strict`,
      deployment({}, { replicaz: 3 }),
      400,
      'BadRequest',
      undefined,
    ],
    ['wrong type', DEPLOYMENTS, deployment({}, { replicas: 'three' }), 400, 'BadRequest', undefined],
    ['invalid name', DEPLOYMENTS, deployment({ metadata: { name: 'No_Good' } }), 422, 'Invalid', 'metadata.name'],
    ['no name', DEPLOYMENTS, deployment({ metadata: {} }), 422, 'Invalid', 'metadata.name'],
    [
      'no containers',
      DEPLOYMENTS,
      deployment({}, { template: { metadata: { labels }, spec: { containers: [] } } }),
      422,
      'Invalid',
      'spec.template.spec.containers',
    ],
    [
      'selector mismatch',
      DEPLOYMENTS,
      deployment({}, { selector: { matchLabels: { app: 'y' } } }),
      422,
      'Invalid',
      'spec.template.metadata.labels',
    ],
    ['negative replicas', DEPLOYMENTS, deployment({}, { replicas: -1 }), 422, 'Invalid', 'spec.replicas'],
    [
      'other namespace',
      CONFIGMAPS,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'kube-system' } },
      400,
      'BadRequest',
      undefined,
    ],
    [
      'no such namespace',
      '/api/v1/namespaces/nowhere/configmaps',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
      404,
      'NotFound',
      undefined,
    ],
    ['no such resource', '/api/v1/namespaces/default/gadgets', {}, 404, 'NotFound', undefined],
    [
      'bad key',
      CONFIGMAPS,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { 'a b': '1' } },
      422,
      'Invalid',
      'data[a b]',
    ],
    [
      'service without ports',
      '/api/v1/namespaces/default/services',
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { selector: labels } },
      422,
      'Invalid',
      'spec.ports',
    ],
    [
      'node port out of range',
      '/api/v1/namespaces/default/services',
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 's' },
        spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] },
      },
      422,
      'Invalid',
      'spec.ports[0].nodePort',
    ],
  ])('%s', async (_name, path, object, code, reason, field) => {
    const status = await create(path, object);
    expect(status).toMatchObject({ code, reason });
    if (field) expect(status.details?.causes?.map((c) => c.field)).toContain(field);
  });

  test('a duplicate name, a stale version, an immutable field', async () => {
    const yaml = JSON.stringify(deployment({ metadata: { name: 'twice' } }));
    await cluster().kubectlOk(['create', '-f', '-'], { input: yaml });
    expect((await cluster().kubectl(['create', '-f', '-'], { input: yaml })).stderr).toContain('(AlreadyExists)');
    const old = JSON.parse(await cluster().kubectlOk(['get', 'deployment', 'twice', '-o', 'json']));
    await cluster().kubectlOk(['scale', 'deployment/twice', '--replicas=2']);
    const stale = await cluster().kubectl(['replace', '-f', '-'], { input: JSON.stringify(old) });
    expect(stale.stderr).toMatch(/\(Conflict\).*the object has been modified/);
    const other = { ...deployment({ metadata: { name: 'twice' } }, { selector: { matchLabels: { app: 'y' } } }) };
    (other.spec as { template: { metadata: unknown } }).template = {
      metadata: { labels: { app: 'y' } },
      spec: { containers: [container] },
    } as never;
    const immutable = await cluster().kubectl(['replace', '-f', '-'], { input: JSON.stringify(other) });
    expect(immutable.stderr).toMatch(/spec\.selector: Invalid value: .*field is immutable/);
    expect(immutable.code).toBe(1);
  });

  test('an unknown field is an error with validation and a warning without', async () => {
    const typo = JSON.stringify(deployment({ metadata: { name: 'typo' } }, { replicaz: 1 }));
    expect((await cluster().kubectl(['create', '-f', '-'], { input: typo })).stderr).toContain(
      'unknown field "spec.replicaz"',
    );
    const warned = await cluster().kubectl(['create', '--validate=warn', '-f', '-'], { input: typo });
    expect(warned).toMatchObject({ code: 0 });
    expect(warned.stderr).toContain('Warning: unknown field "spec.replicaz"');
  });
});

test.each<[string, string, unknown, number, string?]>([
  ['GET', '/api/v1/namespaces/default/nodes', undefined, 404],
  ['GET', '/api/v1/namespaces/default/nodes?watch=1', undefined, 404],
  ['GET', '/api/v1/namespaces/default/nodes/n/proxy/pods', undefined, 404],
  ['DELETE', '/api/v1/configmaps', undefined, 405],
  ['POST', '/api/v1/configmaps', { metadata: { name: 'a' } }, 405],
  ['PUT', CONFIGMAPS, { metadata: { name: 'a' } }, 405],
  ['POST', `${CONFIGMAPS}?dryRun=Some`, { metadata: { name: 'a' } }, 422, 'dryRun'],
  ['PUT', `${CONFIGMAPS}/a?fieldValidation=Some`, { metadata: { name: 'a' } }, 422, 'fieldValidation'],
  ['POST', `${CONFIGMAPS}?fieldManager=a%0Ab`, { metadata: { name: 'a' } }, 422, 'fieldManager'],
  ['POST', `${CONFIGMAPS}?fieldManager=${'m'.repeat(129)}`, { metadata: { name: 'a' } }, 422, 'fieldManager'],
  ['DELETE', `${CONFIGMAPS}/a?propagationPolicy=Some`, undefined, 422, 'propagationPolicy'],
  ['DELETE', `${CONFIGMAPS}/a`, { kind: 'Pod', apiVersion: 'v1' }, 400],
  ['DELETE', `${CONFIGMAPS}/a`, { preconditions: [] }, 400],
])('%s %s with %j: %i %s', async (method, path, body, code, field) => {
  const { body: status } = await wire.ask<Status>(method, path, body === undefined ? {} : { body });
  expect(status).toMatchObject({ status: 'Failure', code });
  expect(status.details?.causes?.[0]?.field).toBe(field);
});

test('options of patches', async () => {
  const patch = (type: string, query: string) =>
    wire.ask<Status>('PATCH', `${CONFIGMAPS}/a?${query}`, { body: {}, headers: { 'content-type': type } });
  expect((await patch('application/merge-patch+json', 'force=true')).body).toMatchObject({
    message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    code: 422,
  });
  expect((await patch('application/apply-patch+yaml', '')).body).toMatchObject({
    message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    code: 422,
  });
});

test('what there is to be asked, and how the server is', async () => {
  const { paths } = await wire.ok<{ paths: string[] } & Status>('GET', '/');
  expect(paths).toEqual(
    expect.arrayContaining(['/api/v1', '/apis/apps', '/apis/apps/v1', '/healthz', '/openapi/v3', '/version']),
  );
  const text = (await wire.raw('GET', '/readyz?verbose&exclude=etcd&exclude=ping')).body.toString();
  expect(text.split('\n')).toEqual([
    '[+]ping excluded: ok',
    '[+]etcd excluded: ok',
    '[+]informer-sync ok',
    'readyz check passed',
    '',
  ]);
  expect((await wire.raw('GET', '/readyz/informer-sync/')).body.toString()).toBe('ok');
  expect((await wire.raw('GET', '/livez/none')).code).toBe(404);
  const slis = (await wire.raw('GET', '/metrics/slis')).body.toString();
  expect(slis).toContain('kubernetes_healthcheck{name="informer-sync",type="readyz"} 1\n');
  expect(slis).toMatch(/kubernetes_healthchecks_total\{name="informer-sync",status="success",type="readyz"\} \d+\n/);
});
