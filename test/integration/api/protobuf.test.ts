import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { builtinKinds, Deployments } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { ListMeta, PartialObjectMetadata, StatusSchema } from '#api/meta/options.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { arr, f, type ObjectSchema, objectsIn } from '#api/schema/schema.ts';
import { kubectls } from '../../bed/kubectls.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { forgetHistory } from './history.ts';
import { type List, type Obj, Wire } from './http.ts';

// With the patience of production: the controllers outlive the restart of both servers.
const cluster = useCluster('integration-protobuf', { fast: false, without: ['scheduler'] });
let wire: Wire;
const TYPE = 'application/vnd.kubernetes.protobuf';
const accept = { accept: `${TYPE},application/json` };
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

const obj = objectsIn('test');
const listOf = (items: ObjectSchema): ObjectSchema =>
  obj('List', '', { metadata: f(1, ListMeta, ''), items: f(2, arr(items), '') });

const labels = { app: 'proto' };
const deployment = (name: string) => ({
  metadata: { name, annotations: { umlaut: 'ÿ'.repeat(9) } },
  spec: {
    replicas: 0,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: 'c',
            image: 'img:1',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: '500m', memory: '64Mi' } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
          },
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
    },
  },
});

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', DEPLOYMENTS, deployment('one'));
  await wire.ok('POST', DEPLOYMENTS, deployment('two'));
  // Tokens are asked for it.
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  await waitFor('its account', async () => (await wire.raw('GET', account)).code === 200);
});

/** What Go leaves out: absent and zero look the same on the wire, but for pointers. */
const zeroless = (v: unknown): unknown => {
  if (Array.isArray(v)) return v.map(zeroless);
  if (typeof v !== 'object' || v === null) return v;
  const kept = Object.entries(v).filter(([, x]) => x !== '' && x !== 0 && x !== false && x !== null);
  return Object.fromEntries(kept.map(([k, x]) => [k, zeroless(x)]).filter(([, x]) => !isEmpty(x)));
};
const isEmpty = (v: unknown): boolean => typeof v === 'object' && v !== null && Object.keys(v).length === 0;

async function binary<T>(path: string, schema: ObjectSchema, headers: Record<string, string> = accept) {
  const answer = await wire.raw('GET', path, { headers });
  expect(answer.type).toBe(TYPE);
  const { object, ...type } = decodeProtobuf(() => schema, answer.body);
  return { code: answer.code, ...type, object: object as T };
}

const listable = builtinKinds.filter((k) => k.verbs.includes('list') && k.kind !== 'ComponentStatus');
const collection = (k: Kind): string => `${k.group ? '/apis/' : '/api/'}${apiVersionOf(k)}/${k.plural}`;

describe('get and list', () => {
  test.each(listable.map((k) => [`${k.plural}.${k.group || 'core'}`, k] as const))('%s', async (_name, kind) => {
    const json = await wire.ok<List>('GET', collection(kind));
    // The same state: leaders renew their leases, and controllers write what they have found.
    const same = `?resourceVersion=${json.metadata.resourceVersion}&resourceVersionMatch=Exact`;
    const list = await binary<List>(collection(kind) + same, listOf(kind.schema));
    expect(list).toMatchObject({ code: 200, apiVersion: apiVersionOf(kind), kind: `${kind.kind}List` });
    const bare = json.items.map(({ apiVersion: _a, kind: _k, ...o }: KubeObject) => o);
    expect(zeroless(list.object.items ?? [])).toEqual(zeroless(bare));
    const [first] = json.items;
    if (!first) return;
    const { namespace, name } = first.metadata;
    const path = namespace
      ? collection(kind).replace(`/${kind.plural}`, `/namespaces/${namespace}/${kind.plural}/${name}`)
      : `${collection(kind)}/${name}`;
    const one = await binary<Obj>(path, kind.schema);
    expect(one.kind).toBe(kind.kind);
    expect(one.object.metadata.uid).toBe(first.metadata.uid);
  });

  test('metadata alone, and a table for those who would rather have one', async () => {
    const partial = { accept: `${TYPE};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1` };
    const list = await binary<List>(DEPLOYMENTS, listOf(PartialObjectMetadata), partial);
    expect(list.kind).toBe('PartialObjectMetadataList');
    expect(list.object.items.map((o) => o.metadata.name)).toEqual(['one', 'two']);
    const table = 'as=Table;g=meta.k8s.io;v=v1';
    const both = await wire.ask<KubeObject>('GET', DEPLOYMENTS, {
      headers: { accept: `${TYPE};${table},application/json;${table}` },
    });
    expect(both.body.kind).toBe('Table');
    expect((await wire.raw('GET', DEPLOYMENTS, { headers: { accept: `${TYPE};${table}` } })).code).toBe(406);
  });

  test('a scale, in all forms and both ways', async () => {
    const path = `${DEPLOYMENTS}/one/scale`;
    const { body } = await wire.raw('GET', path, { headers: accept });
    const sent = await wire.ask<Obj>('PUT', path, { body, headers: { 'content-type': TYPE } });
    expect(sent).toMatchObject({ code: 200, body: { kind: 'Scale', spec: { replicas: 0 } } });
    const table = await wire.ask<{ columnDefinitions: { name: string }[] }>('GET', path, {
      headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    });
    expect(table.body.columnDefinitions.map((c) => c.name)).toEqual(['Name', 'Desired', 'Available', 'Age']);
    const wrong = { kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 3 } };
    expect(await wire.fails('PUT', path, { body: wrong })).toMatchObject({ code: 400 });
  });

  test('failures are a Status in protobuf', async () => {
    const { code, object, kind } = await binary<{ reason: string }>(`${DEPLOYMENTS}/none`, StatusSchema);
    expect({ code, kind, reason: object.reason }).toEqual({ code: 404, kind: 'Status', reason: 'NotFound' });
  });
});

/** Splits a stream into frames, and frames into type and body, by the published format. */
async function* frames(stream: IncomingMessage): AsyncGenerator<{ type: string; body: Buffer }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      const frame = rest.subarray(4, end);
      rest = rest.subarray(end);
      const at = frame.indexOf('k8s\0');
      const typeLength = frame[1] ?? 0;
      yield { type: frame.subarray(2, 2 + typeLength).toString(), body: frame.subarray(at) };
    }
  }
}

describe('watch', () => {
  test('frames of every type', async () => {
    const list = await wire.ok<List>('GET', DEPLOYMENTS);
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=100&resourceVersion=${list.metadata.resourceVersion}`;
    const response = await wire.stream('GET', `${DEPLOYMENTS}?${query}`, { headers: accept });
    expect(response.headers['content-type']).toBe(`${TYPE};stream=watch`);
    await wire.ok('POST', DEPLOYMENTS, deployment('three'));
    await wire.ok('PATCH', `${DEPLOYMENTS}/three`, { metadata: { labels: { seen: 'yes' } } });
    await wire.ok('DELETE', `${DEPLOYMENTS}/three`);
    const seen: string[] = [];
    for await (const { type, body } of frames(response)) {
      const { kind, object } = decodeProtobuf(() => Deployments.schema, body);
      expect(kind).toBe('Deployment');
      const { name = '', labels = {} } = (object as Obj).metadata;
      if (name === 'three' && !seen.includes(type)) seen.push(type);
      if (type === 'DELETED') {
        expect(labels).toEqual({ seen: 'yes' });
        break;
      }
    }
    response.destroy();
    expect(seen).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  test('a streamed list ends with its bookmark; history that is gone is an ERROR', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const response = await wire.stream('GET', `${DEPLOYMENTS}?${query}`, { headers: accept });
    const seen: string[] = [];
    for await (const { type, body } of frames(response)) {
      seen.push(type);
      if (type !== 'BOOKMARK') continue;
      const { metadata } = decodeProtobuf(() => Deployments.schema, body).object as Obj;
      expect(metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      break;
    }
    response.destroy();
    expect(seen).toEqual(['ADDED', 'ADDED', 'BOOKMARK']);
    await forgetHistory(cluster());
    const old = await wire.stream('GET', `/api/v1/pods?watch=1&resourceVersion=1`, {
      headers: accept,
      server: cluster().apiservers[0] ?? '',
    });
    for await (const { type, body } of frames(old)) {
      expect(type).toBe('ERROR');
      expect(decodeProtobuf(() => StatusSchema, body).object).toMatchObject({ code: 410, reason: 'Expired' });
    }
  });
});

describe.each(kubectls())('%s decodes with the real client-go', (program) => {
  const name = `go-${program.split('.').at(-1)}`;

  test('create, describe, scale, rollout, token', async () => {
    const kubectl = (...args: string[]) => cluster().kubectlOk(args, { program });
    await kubectl('create', 'deployment', name, '--image=img:1', '--replicas=0');
    expect(await kubectl('describe', 'deployment', name)).toMatch(/Image: +img:1/);
    await kubectl('scale', 'deployment', name, '--replicas=1', '--current-replicas=0');
    await waitFor('a revision', async () =>
      (await kubectl('rollout', 'history', `deploy/${name}`)).includes('REVISION'),
    );
    await kubectl('create', 'configmap', name, '--from-literal=a=b');
    expect(await kubectl('describe', 'configmap', name)).toMatch(/a:\n----\nb/);
    expect((await kubectl('create', 'token', 'default')).split('.')).toHaveLength(3);
    await waitFor('an event', async () => (await kubectl('events')).includes('ScalingReplicaSet'));
    await kubectl('delete', 'deployment', name);
    const { stderr } = await cluster().kubectl(['create', 'namespace', name, '-v=8'], { program });
    // Since 1.32 kubectl speaks protobuf wherever it can.
    const newer = Number(program.split('.').at(-1)) >= 32;
    if (newer) expect(stderr).toMatch(/Content-Type: application\/vnd\.kubernetes\.protobuf/);
  });
});
