import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-rules', { without: ['scheduler', 'controller-manager'] });
let wire: Wire;
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const KITES = '/apis/sky.example/v1/namespaces/default/kites';

const kite = (rules: object[], statusRules: object[] = []) => ({
  type: 'object',
  'x-kubernetes-validations': [{ rule: "self.metadata.name != 'forbidden'", message: 'that name is taken by nobody' }],
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': rules,
      properties: {
        min: { type: 'integer' },
        max: { type: 'integer' },
        replicas: { type: 'integer', default: 1 },
        colour: { type: 'string', maxLength: 20 },
        'tail-length': { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self < 100' }] },
      },
    },
    status: {
      type: 'object',
      'x-kubernetes-validations': statusRules,
      properties: { height: { type: 'integer' } },
    },
  },
});
const definition = (schema: object, over: object = {}) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'kites.sky.example' },
  spec: {
    group: 'sky.example',
    scope: 'Namespaced',
    names: { plural: 'kites', kind: 'Kite' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.height' },
        },
      },
    ],
    ...over,
  },
});
const RULES = [
  { rule: 'self.min <= self.max', messageExpression: "'min %d is above max %d'.format([self.min, self.max])" },
  {
    rule: '!has(oldSelf.colour) || self.colour == oldSelf.colour',
    message: 'colour is immutable',
    reason: 'FieldValueForbidden',
    fieldPath: '.colour',
  },
  { rule: 'self.replicas <= 5', message: 'too many' },
];
const object = (name: string, spec: object = {}) => ({
  apiVersion: 'sky.example/v1',
  kind: 'Kite',
  metadata: { name },
  spec: { min: 1, max: 2, colour: 'red', ...spec },
});

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok(
    'POST',
    CRDS,
    definition(
      kite(RULES, [{ rule: '!has(oldSelf.height) || self.height >= oldSelf.height', message: 'it only rises' }]),
    ),
  );
  for (const server of cluster().apiservers) {
    await waitFor('served', async () => (await wire.raw('GET', KITES, { server })).code === 200, { everyMs: 20 });
  }
});

describe('definitions', () => {
  const refused = async (
    rule: object,
  ): Promise<{ code: number; message?: string; details?: { causes?: { field?: string }[] } }> =>
    wire.fails('POST', CRDS, { body: { ...definition(kite([rule])), metadata: { name: 'kites.sky.example' } } });

  test('a rule that does not compile, or costs too much, is refused at its path', async () => {
    const path = 'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule';
    const status = await refused({ rule: 'self.minimum > 1' });
    expect(status.code).toBe(422);
    expect(status.details?.causes?.map((c) => c.field)).toEqual([path]);
    expect(status.message).toContain(
      "compilation failed: ERROR: <input>:1:5: undefined field 'minimum'\n | self.minimum > 1\n | ....^",
    );
    const costly = await refused({
      rule: "self.colour.matches('(a*)*b') && [1,2,3,4,5,6,7,8].all(a,[1,2,3,4,5,6,7,8].all(b,[1,2,3,4,5,6,7,8].all(c,[1,2,3,4,5,6,7,8].all(d,[1,2,3,4,5,6,7,8].all(e,[1,2,3,4,5,6,7,8].all(f,[1,2,3,4,5,6,7,8].all(g, a+b+c+d+e+f+g > 0)))))))",
    });
    expect(costly.message).toMatch(/Forbidden: estimated rule cost exceeds budget by factor of/);
  });
});

test('selectable fields must be there, and simple', async () => {
  const made = definition(kite([]));
  const [v1] = made.spec.versions;
  const selectable = ['.spec.colour', '.spec.nope', '.spec', '.metadata.name', 'spec.min', '.spec.colour'];
  Object.assign(v1 ?? {}, { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) });
  const status = await wire.fails('POST', CRDS, { body: made });
  const at = (i: number): string => `spec.selectableFields[${i}].jsonPath`;
  expect(status.details?.causes?.map((c) => [c.field, c.reason])).toEqual([
    [at(1), 'FieldValueInvalid'],
    [at(2), 'FieldValueInvalid'],
    [at(3), 'FieldValueInvalid'],
    [at(4), 'FieldValueInvalid'],
    [at(5), 'FieldValueDuplicate'],
  ]);
});

describe('objects', () => {
  test('every way of writing is checked', async () => {
    await wire.ok('POST', KITES, object('good'));
    const wrong = { min: 3, max: 2 };
    const status = await wire.fails('POST', KITES, { body: object('bad', wrong) });
    expect(status).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: 'Kite.sky.example "bad" is invalid: spec: Invalid value: "object": min 3 is above max 2',
      details: { causes: [{ reason: 'FieldValueInvalid', field: 'spec' }] },
    });
    const current = await wire.ok<Obj>('GET', `${KITES}/good`);
    const put = { ...current, spec: { ...(current.spec as object), ...wrong } };
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    const ways: [string, string, unknown, Record<string, string>?][] = [
      ['PUT', `${KITES}/good`, put],
      ['PATCH', `${KITES}/good`, { spec: wrong }],
      ['PATCH', `${KITES}/good?fieldManager=t&force=true`, object('good', wrong), apply],
      ['PATCH', `${KITES}/fresh?fieldManager=t`, object('fresh', wrong), apply],
      ['POST', `${KITES}?dryRun=All`, object('dry', wrong)],
    ];
    for (const [method, path, body, headers] of ways) {
      const answer = await wire.ask<{ message: string }>(method, path, { body, ...(headers ? { headers } : {}) });
      expect([answer.code, answer.body.message], `${method} ${path}`).toEqual([
        422,
        expect.stringContaining('min 3 is above max 2'),
      ]);
    }
    expect((await wire.fails('PATCH', `${KITES}/good/scale`, { body: { spec: { replicas: 6 } } })).message).toContain(
      'too many',
    );
  });

  test('transitions, statuses, escaped names and the whole object', async () => {
    await wire.ok('POST', KITES, object('changing'));
    expect(await wire.fails('PATCH', `${KITES}/changing`, { body: { spec: { colour: 'blue' } } })).toMatchObject({
      code: 422,
      details: {
        causes: [{ reason: 'FieldValueForbidden', field: 'spec.colour', message: 'Forbidden: colour is immutable' }],
      },
    });
    await wire.ok('PATCH', `${KITES}/changing/status`, { status: { height: 5 } });
    expect(
      (await wire.fails('PATCH', `${KITES}/changing/status`, { body: { status: { height: 4 } } })).message,
    ).toContain('status: Invalid value: "object": it only rises');
    await wire.ok('PATCH', `${KITES}/changing/status`, { status: { height: 6 } });
    const two = await wire.fails('POST', KITES, { body: object('forbidden', { 'tail-length': 100 }) });
    expect(two.details?.causes).toMatchObject([
      { field: '<nil>', message: 'Invalid value: "object": that name is taken by nobody' },
      { field: 'spec.tail-length', message: 'Invalid value: "integer": failed rule: self < 100' },
    ]);
    const shapeless = await wire.fails('POST', KITES, { body: object('shapeless', { min: 'x' }) });
    expect(shapeless.message).toContain('some validation rules were not checked because the object was invalid');
  });

  test('a changed rule holds at once, and lets pass what did not change', async () => {
    await wire.ok('POST', KITES, object('old', { replicas: 4 }));
    const stricter = [...RULES.slice(0, 2), { rule: 'self.replicas <= 3', message: 'at most three' }];
    await wire.ok('PUT', `${CRDS}/kites.sky.example`, {
      ...definition(kite(stricter)),
      metadata: (await wire.ok<Obj>('GET', `${CRDS}/kites.sky.example`)).metadata,
    });
    for (const server of cluster().apiservers) {
      const since = Date.now();
      await waitFor(
        'refused',
        async () =>
          (await wire.raw('POST', `${KITES}?dryRun=All`, { body: object('x', { replicas: 4 }), server })).code === 422,
      );
      expect(Date.now() - since).toBeLessThan(30_000);
    }
    await wire.ok('PATCH', `${KITES}/old`, { metadata: { labels: { a: 'b' } } });
    expect((await wire.fails('PATCH', `${KITES}/old`, { body: { spec: { max: 9 } } })).message).toContain(
      'at most three',
    );
  });

  test('kubectl shows the message', async () => {
    const { code, stderr } = await cluster().kubectl(['apply', '-f', '-'], {
      input: JSON.stringify(object('shown', { min: 9 })),
    });
    expect(code).not.toBe(0);
    expect(stderr).toContain('The Kite "shown" is invalid: spec: Invalid value: "object": min 9 is above max 2');
  });
});
