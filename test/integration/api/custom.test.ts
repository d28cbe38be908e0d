import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-custom', { without: ['scheduler'] });
let wire: Wire;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const BOATS = '/apis/harbour.example/v1/namespaces/default/boats';

const schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      description: 'What the boat shall be.',
      required: ['length'],
      properties: {
        length: { type: 'integer', minimum: 1, maximum: 400, description: 'Its length, in metres.' },
        flag: { type: 'string', enum: ['red', 'green'], default: 'green' },
        name: { type: 'string', pattern: '^[a-z]+$', maxLength: 8 },
        note: { type: 'string', nullable: true },
        berth: { 'x-kubernetes-int-or-string': true },
        crew: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, rank: { type: 'string', default: 'mate' } },
          },
        },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        replicas: { type: 'integer', default: 1 },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, phase: { type: 'string' } } },
  },
};
const version = (name: string, over: object = {}) => ({
  name,
  served: true,
  storage: name === 'v1',
  schema: { openAPIV3Schema: schema },
  ...over,
});
const crd = (versions: object[]) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'boats.harbour.example' },
  spec: {
    group: 'harbour.example',
    scope: 'Namespaced',
    names: { plural: 'boats', kind: 'Boat', shortNames: ['bt'], categories: ['all'] },
    versions,
  },
});
const columns = [
  { name: 'Length', type: 'integer', jsonPath: '.spec.length' },
  { name: 'Captain', type: 'string', jsonPath: '.spec.crew[?(@.rank=="captain")].name' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];
const v1 = version('v1', {
  subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
  additionalPrinterColumns: columns,
  selectableFields: [{ jsonPath: '.spec.flag' }],
});
const old = version('v1beta1', {
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', properties: { length: { type: 'integer' } } } },
    },
  },
});
interface Boat extends Obj {
  spec: Record<string, unknown>;
}
const boat = (name: string, spec: object = {}) => ({
  apiVersion: 'harbour.example/v1',
  kind: 'Boat',
  metadata: { name },
  spec: { length: 12, ...spec },
});

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await cluster().kubectlOk(['create', '-f', '-'], { input: JSON.stringify(crd([v1, old])) });
  await cluster().kubectlOk(['wait', '--for=condition=Established', 'crd/boats.harbour.example', '--timeout=50s']);
  await everywhere(200, 'GET');
});

/** Waits until each server answers a request about boats like this. */
async function everywhere(code: number, method: string, path = BOATS, body?: object): Promise<void> {
  for (const server of cluster().apiservers) {
    const o = { server, ...(body ? { body } : {}) };
    await waitFor(`${code} from ${server}`, async () => (await wire.raw(method, path, o)).code === code, {
      everyMs: 20,
    });
  }
}

describe('objects', () => {
  test('unknown fields are pruned, defaults filled in, preserved parts kept', async () => {
    const spec = { extra: 1, free: { any: { thing: [1] } }, crew: [{ name: 'ann', x: 1 }], note: null, flag: null };
    const made = await wire.ask<Boat>('POST', BOATS, { body: boat('pruned', spec) });
    expect(made.code).toBe(201);
    expect(made.body.spec).toEqual({
      length: 12,
      flag: 'green',
      replicas: 1,
      note: null,
      free: { any: { thing: [1] } },
      crew: [{ name: 'ann', rank: 'mate' }],
    });
    expect(made.body.metadata.generation).toBe(1);
    expect(made.headers.warning).toContain('unknown field \\"spec.extra\\"');
    const strict = await wire.fails('POST', `${BOATS}?fieldValidation=Strict`, { body: boat('strict', { extra: 1 }) });
    expect(strict.message).toContain('strict decoding error: unknown field "spec.extra"');
  });

  test.each<[string, object, string, string]>([
    ['a wrong type', { length: 'x' }, 'spec.length', 'spec.length in body must be of type integer: "string"'],
    ['too small', { length: 0 }, 'spec.length', 'should be greater than or equal to 1'],
    ['too large', { length: 500 }, 'spec.length', 'should be less than or equal to 400'],
    ['not in the enum', { flag: 'blue' }, 'spec.flag', 'Unsupported value: "blue": supported values: "red", "green"'],
    ['pattern', { name: 'A' }, 'spec.name', "should match '^[a-z]+$'"],
    ['too long', { name: 'abcdefghij' }, 'spec.name', 'Too long: may not be more than 8 bytes'],
    ['a null', { name: null }, 'spec.name', 'must be of type string: "null"'],
    ['int or string', { berth: 1.5 }, 'spec.berth', 'must be of type integer,string: "number"'],
    ['a set with repeats', { tags: ['a', 'a'] }, 'spec.tags[1]', 'Duplicate value: "a"'],
    [
      'a map list with repeats',
      { crew: [{ name: 'a' }, { name: 'a' }] },
      'spec.crew[1]',
      'Duplicate value: {"name":"a"}',
    ],
    ['a missing field', { crew: [{}] }, 'spec.crew[0].name', 'Required value'],
  ])('%s is refused', async (_name, spec, field, words) => {
    const status = await wire.fails('POST', BOATS, { body: boat('bad', spec) });
    expect(status).toMatchObject({ code: 422, reason: 'Invalid', details: { kind: 'Boat', group: 'harbour.example' } });
    const cause = status.details?.causes?.find((c) => c.field === field);
    expect(cause?.message).toContain(words);
  });

  test('status and scale are subresources', async () => {
    await wire.ok('POST', BOATS, { ...boat('sub'), status: { phase: 'ignored' } });
    const changed = await wire.ok<Boat>('PATCH', `${BOATS}/sub/status`, {
      status: { replicas: 3, phase: 'afloat' },
      spec: { length: 99 },
    });
    expect(changed).toMatchObject({ spec: { length: 12 }, status: { phase: 'afloat' }, metadata: { generation: 1 } });
    await cluster().kubectlOk(['scale', 'boat/sub', '--replicas=4']);
    const scale = await wire.ok('GET', `${BOATS}/sub/scale`);
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 4 }, status: { replicas: 3 } });
    expect((await wire.ok<Boat>('GET', `${BOATS}/sub`)).metadata.generation).toBe(2);
    const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'sub' }, spec: { replicas: 5 } };
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const path = `${BOATS}/sub/scale?fieldManager=scaler`;
    expect((await wire.fails('PATCH', path, { body, headers })).message).toMatch(
      /conflict with "kubectl[^"]*" with subresource "scale" using harbour.example.v1: .spec.replicas/,
    );
    expect((await wire.ok('PATCH', `${path}&force=1`, body, { headers })).spec).toEqual({ replicas: 5 });
    const { managedFields } = (await wire.ok<Boat>('GET', `${BOATS}/sub`)).metadata;
    expect(managedFields?.find((e) => e.manager === 'scaler')).toMatchObject({
      ...{ operation: 'Apply', subresource: 'scale', apiVersion: 'harbour.example/v1' },
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
  });

  test('lists, selectors, watches and patches', async () => {
    await wire.ok('POST', BOATS, boat('red', { flag: 'red' }));
    const list = await wire.ok<List>('GET', `${BOATS}?fieldSelector=spec.flag%3Dred`);
    expect(list).toMatchObject({ kind: 'BoatList', items: [{ metadata: { name: 'red' } }] });
    await wire.ok('PATCH', `${BOATS}/red`, { spec: { length: 13 } });
    const query = `watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    for await (const { type, object } of wire.watch(`${BOATS}?${query}`)) {
      expect({ type, spec: object.spec }).toMatchObject({ type: 'MODIFIED', spec: { length: 13 } });
      break;
    }
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    expect((await wire.raw('PATCH', `${BOATS}/red`, { body: {}, headers: strategic })).code).toBe(415);
    const only = { accept: 'application/vnd.kubernetes.protobuf' };
    expect((await wire.raw('GET', `${BOATS}/red`, { headers: only })).code).toBe(406);
    const first = { accept: 'application/vnd.kubernetes.protobuf,application/json' };
    expect((await wire.raw('GET', `${BOATS}/red`, { headers: first })).type).toBe('application/json');
  });

  test('another version shows the same object, by its own schema', async () => {
    const path = BOATS.replace('/v1/', '/v1beta1/');
    const seen = await wire.ok<Boat>('GET', `${path}/sub`);
    expect(seen).toMatchObject({ apiVersion: 'harbour.example/v1beta1', spec: { length: 12 } });
    expect(seen.spec).toEqual({ length: 12 });
    await wire.ok('POST', path, { metadata: { name: 'by-beta' }, spec: { length: 3, flag: 'red' } });
    expect((await wire.ok<Boat>('GET', `${BOATS}/by-beta`)).spec).toEqual({ length: 3, flag: 'green', replicas: 1 });
  });
});

describe('each version judges by its own schema alone', () => {
  const RAFTS = '/apis/harbour.example/v1/namespaces/default/rafts';
  const V2 = RAFTS.replace('/v1/', '/v2/');
  const shape = (required: string[], properties: object) => ({
    subresources: { status: {} },
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: {
          spec: { type: 'object', required, properties },
          status: { type: 'object', properties: { logs: { type: 'integer', minimum: 0 } } },
        },
      },
    },
  });
  const grown = { 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'rafts do not shrink' }] };
  beforeAll(async () => {
    const first = shape(['owner'], { owner: { type: 'string' }, logs: { type: 'integer' }, wood: { type: 'string' } });
    const second = shape([], {
      owner: { type: 'string' },
      logs: { type: 'integer', maximum: 9, ...grown },
      wood: { type: 'string' },
    });
    const rafts = crd([version('v1', first), version('v2', second)]);
    const names = { plural: 'rafts', kind: 'Raft', singular: 'raft', shortNames: ['rf'], categories: [] };
    await wire.ok('POST', CRDS, {
      ...rafts,
      metadata: { name: 'rafts.harbour.example' },
      spec: { ...rafts.spec, names },
    });
    await everywhere(200, 'GET', V2);
    await wire.ok('POST', RAFTS, { metadata: { name: 'big' }, spec: { owner: 'ann', logs: 20 } });
    await wire.settled();
  });
  afterAll(() => wire.ok('DELETE', `${CRDS}/rafts.harbour.example`));

  test('what is invalid there but did not change lets other changes pass, in every way of writing', async () => {
    await wire.ok('PATCH', `${V2}/big`, { spec: { wood: 'oak' } });
    const big = await wire.ok<Boat>('GET', `${V2}/big`);
    await wire.ok('PUT', `${V2}/big`, { ...big, spec: { ...big.spec, wood: 'ash' } });
    await wire.ok('PATCH', `${V2}/big/status`, { status: { logs: 20 } });
    const seen = await wire.ok<Boat>('GET', `${RAFTS}/big`);
    expect([seen.spec, seen.status]).toEqual([{ owner: 'ann', logs: 20, wood: 'ash' }, { logs: 20 }]);
  });

  test('what changes must be valid there, and rules see what was before', async () => {
    const refused = async (spec: object) => (await wire.fails('PATCH', `${V2}/big`, { body: { spec } })).message;
    expect(await refused({ logs: 21 })).toContain('spec.logs in body should be less than or equal to 9');
    expect(await refused({ logs: 7 })).toContain('spec.logs: Invalid value: "integer": rafts do not shrink');
    const status = { status: { logs: -1 } };
    const { message } = await wire.fails('PATCH', `${V2}/big/status`, { body: status });
    expect(message).toContain('status.logs in body should be greater than or equal to 0');
    // A status is not written with the rest.
    await wire.ok('PATCH', `${V2}/big`, status);
  });

  test('what another version demands does not matter, until it is written through that', async () => {
    await wire.ok('POST', V2, { metadata: { name: 'nobodys' }, spec: { logs: 3 } });
    const { message } = await wire.fails('PATCH', `${RAFTS}/nobodys`, { body: { spec: { wood: 'elm' } } });
    expect(message).toContain('spec.owner: Required value');
    await wire.ok('PATCH', `${V2}/nobodys`, { spec: { wood: 'elm' } });
  });
});

describe('kubectl', () => {
  test('applies, gets, explains and edits them', async () => {
    const manifest = (length: number) =>
      JSON.stringify(
        boat('applied', {
          length,
          crew: [
            { name: 'ann', rank: 'captain' },
            { name: 'bob', rank: 'mate' },
          ],
        }),
      );
    expect(await cluster().kubectlOk(['apply', '-f', '-'], { input: manifest(20) })).toContain(
      'boat.harbour.example/applied created',
    );
    expect(await cluster().kubectlOk(['apply', '-f', '-'], { input: manifest(21) })).toContain('configured');
    expect(await cluster().kubectlOk(['apply', '-f', '-'], { input: manifest(21) })).toContain('unchanged');
    const table = await cluster().kubectlOk(['get', 'bt', 'applied']);
    expect(table).toMatch(/NAME +LENGTH +CAPTAIN +AGE\napplied +21 +ann +\d+s/);
    expect(await cluster().kubectlOk(['get', 'all'])).toContain('boat.harbour.example/applied');
    expect(await cluster().kubectlOk(['explain', 'boats.spec.length'])).toContain('Its length, in metres.');
    const bad = await cluster().kubectl(['apply', '-f', '-'], { input: JSON.stringify(boat('typo', { lenght: 1 })) });
    expect(bad.stderr).toContain('unknown field "spec.lenght"');
  });

  test('server-side apply merges lists by their keys', async () => {
    const apply = (manager: string, crew: object[]) =>
      cluster().kubectlOk(['apply', '--server-side', `--field-manager=${manager}`, '-f', '-'], {
        input: JSON.stringify(boat('shared', { crew })),
      });
    await apply('a', [{ name: 'ann', rank: 'captain' }]);
    await apply('b', [{ name: 'bob', rank: 'cook' }]);
    const { spec } = await wire.ok<Boat>('GET', `${BOATS}/shared`);
    expect(spec.crew).toEqual([
      { name: 'ann', rank: 'captain' },
      { name: 'bob', rank: 'cook' },
    ]);
  });
});

describe('life and death', () => {
  test('a name in use is not accepted', async () => {
    const other = crd([version('v1')]);
    other.metadata.name = 'ships.harbour.example';
    other.spec.names = {
      plural: 'ships',
      singular: 'ship',
      kind: 'Boat',
      shortNames: ['sh'],
      categories: [],
    } as typeof other.spec.names;
    await wire.ok('POST', CRDS, other);
    const conditions = await waitFor('judged', async () => {
      const { status } = await wire.ok<Obj & { status: { conditions?: { type: string }[] } }>(
        'GET',
        `${CRDS}/ships.harbour.example`,
      );
      return status.conditions;
    });
    expect(conditions).toMatchObject([
      { type: 'NamesAccepted', status: 'False', reason: 'KindConflict', message: '"Boat" is already in use' },
      { type: 'Established', status: 'False', reason: 'NotAccepted' },
    ]);
    await cluster().kubectlOk(['delete', 'crd', 'ships.harbour.example']);
  });

  test('a changed schema holds at once', async () => {
    const narrower = structuredClone(v1);
    (narrower.schema.openAPIV3Schema.properties.spec.properties.length as { maximum: number }).maximum = 5;
    const patch = { spec: { versions: [narrower, old] } };
    await wire.ok('PATCH', `${CRDS}/boats.harbour.example`, patch);
    await everywhere(422, 'POST', `${BOATS}?dryRun=All`, boat('long'));
    await wire.ok('PATCH', `${CRDS}/boats.harbour.example`, { spec: { versions: [v1, old] } });
    await everywhere(201, 'POST', `${BOATS}?dryRun=All`, boat('long'));
  });

  test('a namespace takes its custom objects along', async () => {
    await cluster().kubectlOk(['create', 'namespace', 'dock']);
    await wire.ok('POST', BOATS.replace('default', 'dock'), boat('moored'));
    await cluster().kubectlOk(['delete', 'namespace', 'dock', '--timeout=50s']);
    expect((await wire.ok<List>('GET', BOATS.replace('default', 'dock'))).items).toEqual([]);
  });

  test('a deleted definition goes after its objects, and everything is forgotten', async () => {
    await wire.ok('POST', BOATS, { ...boat('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    const finalizers = async () => (await wire.ok<Obj>('GET', `${CRDS}/boats.harbour.example`)).metadata.finalizers;
    expect(await finalizers()).toBeUndefined();
    await cluster().kubectlOk(['delete', 'crd', 'boats.harbour.example', '--wait=false']);
    expect(await finalizers()).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    await waitFor('only the held one is left', async () => {
      const { items } = await wire.ok<List>('GET', BOATS);
      return items.length === 1 && items[0]?.metadata.deletionTimestamp !== undefined;
    });
    await wire.settled();
    expect((await wire.fails('POST', BOATS, { body: boat('late') })).code).toBe(405);
    await wire.ok('PATCH', `${BOATS}/held`, { metadata: { finalizers: null } });
    await everywhere(404, 'GET');
    expect((await wire.raw('GET', `${CRDS}/boats.harbour.example`)).code).toBe(404);
    expect((await wire.raw('GET', '/apis/harbour.example')).code).toBe(404);
    // The same name again starts empty.
    await wire.ok('POST', CRDS, crd([v1]));
    await everywhere(200, 'GET');
    expect((await wire.ok<List>('GET', BOATS)).items).toEqual([]);
  });
});
