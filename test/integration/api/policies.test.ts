import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '#api/meta/errors.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';
import { APPS, about, BINDINGS, deployment, MAPS, map, onMaps, POLICIES, said } from './policies/objects.ts';
import { WRONG_POLICIES } from './policies/wrong.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-policies-'));
const policyFile = join(dir, 'policy.yaml');
const logFile = join(dir, 'audit.log');
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const rules = [{ level: 'Metadata', resources: [{ group: '', resources: ['configmaps'] }] }];
const omitStages = ['RequestReceived'];
writeFileSync(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages, rules }));
const cluster = useCluster('integration-policies', {
  apiservers: 2,
  without: ['scheduler'],
  flags: { apiserver: ['--audit-policy-file', policyFile, '--audit-log-path', logFile] },
});
let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
  // Pods are refused before it is there.
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  await waitFor('its account', async () => (await wire.raw('GET', account)).code === 200);
});

/** Puts a policy into force for the time of a test; every server knows it before it goes on. */
async function inForce(spec: object, binding: object, work: (name: string) => Promise<void>): Promise<void> {
  const name = `p-${Math.random().toString(36).slice(2, 8)}`;
  await wire.ok('POST', POLICIES, { metadata: { name }, spec });
  await wire.ok('POST', BINDINGS, {
    metadata: { name: `${name}-b` },
    spec: { policyName: name, validationActions: ['Deny'], ...binding },
  });
  await everywhere(`${BINDINGS}/${name}-b`, 200);
  try {
    await work(name);
  } finally {
    for (const path of [`${BINDINGS}/${name}-b`, `${POLICIES}/${name}`]) {
      await wire.ok('DELETE', path);
      await everywhere(path, 404);
    }
  }
}
async function everywhere(path: string, code: number): Promise<void> {
  for (const server of cluster().apiservers) {
    await waitFor(`${code} at ${path}`, async () => (await wire.raw('GET', path, { server })).code === code, {
      everyMs: 10,
    });
  }
}
describe('what policies are made of', () => {
  test.each(WRONG_POLICIES)('%s is refused', async (_, spec, field, why) => {
    const status = await wire.fails('POST', POLICIES, { body: { metadata: { name: 'bad' }, spec } });
    expect(status.code).toBe(422);
    expect(status.details?.causes?.find((c) => c.field === field)?.message).toContain(why);
  });

  test('no warning says any more that they are not enforced', async () => {
    const body = { metadata: { name: 'fine' }, spec: { ...onMaps, validations: [{ expression: 'true' }] } };
    const answer = await wire.ask('POST', `${POLICIES}?dryRun=All`, { body });
    expect([answer.code, answer.headers.warning]).toEqual([201, undefined]);
  });
});

describe('denials', () => {
  test('of creates, updates, patches and applies, by rules, with the documented words', async () => {
    const spec = {
      matchConstraints: about('apps', 'deployments'),
      validations: [{ expression: 'object.spec.replicas <= 5' }],
    };
    await inForce(spec, {}, async (name) => {
      const status = await wire.fails('POST', APPS, { body: deployment('big', 6) });
      const message = said(name, 'failed expression: object.spec.replicas <= 5');
      expect(status).toMatchObject({
        code: 422,
        reason: 'Invalid',
        message: `deployments.apps "big" is forbidden: ${message}`,
        details: { name: 'big', group: 'apps', kind: 'deployments', causes: [{ message }] },
      });
      await wire.ok('POST', APPS, deployment('small', 1));
      const body = { spec: { replicas: 9 } };
      expect((await wire.fails('PATCH', `${APPS}/small`, { body })).message).toContain(message);
      // By its subresource it is another resource.
      await wire.ok('PATCH', `${APPS}/small/scale`, { spec: { replicas: 6 } });
      const { code, stderr } = await cluster().kubectl(['create', '-f', '-'], {
        input: JSON.stringify(deployment('seen', 7)),
      });
      expect(code).not.toBe(0);
      expect(stderr).toContain(message);
      expect(stderr).toContain('The deployments "seen" is invalid');
    });
    await wire.ok('POST', APPS, deployment('big', 6));
  });

  test('reasons, messages, variables, and deletions', async () => {
    const spec = {
      matchConstraints: about('', 'configmaps', { operations: ['CREATE', 'DELETE'] }),
      variables: [
        {
          name: 'owner',
          expression:
            "request.operation == 'DELETE' ? oldObject.?data.?owner.orValue('') : object.?data.?owner.orValue('')",
        },
      ],
      validations: [
        {
          expression: "variables.owner != 'nobody'",
          messageExpression: "request.name + ' belongs to ' + variables.owner",
          reason: 'Forbidden',
        },
        { expression: "namespaceObject.metadata.name == 'default'" },
      ],
    };
    await wire.ok('POST', MAPS, map('kept', { owner: 'nobody' }));
    await inForce(spec, {}, async (name) => {
      expect(await wire.fails('POST', MAPS, { body: map('new', { owner: 'nobody' }) })).toMatchObject({
        code: 403,
        reason: 'Forbidden',
        message: `configmaps "new" is forbidden: ${said(name, 'new belongs to nobody')}`,
      });
      await wire.ok('POST', MAPS, map('own', { owner: 'me' }));
      expect((await wire.fails('DELETE', `${MAPS}/kept`)).message).toContain('kept belongs to nobody');
      await wire.ok('DELETE', `${MAPS}/own`);
    });
    await wire.ok('DELETE', `${MAPS}/kept`);
  });

  test('selectors, names, excluded rules and match conditions narrow a policy down', async () => {
    await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: 'strict', labels: { strict: 'yes' } } });
    await waitFor(
      'its account',
      async () => (await wire.raw('GET', '/api/v1/namespaces/strict/serviceaccounts/default')).code === 200,
    );
    const spec = {
      matchConstraints: {
        ...about('', 'configmaps'),
        excludeResourceRules: [
          { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'], resourceNames: ['spared'] },
        ],
        objectSelector: { matchLabels: { checked: 'yes' } },
      },
      matchConditions: [
        {
          name: 'not-joe',
          expression: "!('joe' in request.userInfo.groups) && !object.metadata.name.startsWith('joe')",
        },
      ],
      validations: [{ expression: 'false' }],
    };
    const binding = { matchResources: { namespaceSelector: { matchLabels: { strict: 'yes' } } } };
    const there = MAPS.replace('default', 'strict');
    const labels = { labels: { checked: 'yes' } };
    await inForce(spec, binding, async () => {
      const code = async (path: string, body: object) => (await wire.raw('POST', `${path}?dryRun=All`, { body })).code;
      expect(await code(there, map('a', {}, labels))).toBe(422);
      expect(await code(there, map('spared', {}, labels))).toBe(201);
      expect(await code(there, map('joes', {}, labels))).toBe(201);
      expect(await code(there, map('a'))).toBe(201);
      expect(await code(MAPS, map('a', {}, labels))).toBe(201);
    });
  });

  test('an expression that fails: the failure policy decides', async () => {
    const spec = { ...onMaps, validations: [{ expression: "object.data.nope == 'x'" }] };
    await inForce(spec, {}, async (name) => {
      expect((await wire.fails('POST', MAPS, { body: map('failing') })).message).toContain(
        said(name, `expression 'object.data.nope == 'x'' resulted in error: no such key: `),
      );
    });
    await inForce({ ...spec, failurePolicy: 'Ignore' }, {}, async () => {
      await wire.ok('POST', `${MAPS}?dryRun=All`, map('failing'));
    });
  });

  test('the authorizer is asked on behalf of the user', async () => {
    const spec = {
      ...onMaps,
      validations: [
        {
          expression: "authorizer.group('').resource('secrets').namespace('default').check('create').allowed()",
          message: 'may not make secrets',
        },
        {
          expression:
            "authorizer.requestResource.check('create').allowed() && !authorizer.serviceAccount('default', 'default').path('/metrics').check('get').allowed()",
        },
      ],
    };
    await wire.ok('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'mappers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'mappers' },
      subjects: [{ kind: 'User', name: 'mapper', apiGroup: 'rbac.authorization.k8s.io' }],
    });
    await wire.ok('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'mappers' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }],
    });
    await inForce(spec, {}, async () => {
      const headers = { 'impersonate-user': 'mapper' };
      const status = await waitFor('allowed by RBAC', async () => {
        const { body } = await wire.ask<Status>('POST', `${MAPS}?dryRun=All`, { body: map('asked'), headers });
        return body.message?.includes('ValidatingAdmissionPolicy') ? body : undefined;
      });
      expect(status.message).toContain('may not make secrets');
      await wire.ok('POST', `${MAPS}?dryRun=All`, map('asked'));
    });
  });
});

describe('what is no object of its resource', () => {
  test('a scale is seen as one', async () => {
    const validations = [
      {
        expression:
          "object.kind == 'Scale' && request.kind.kind == 'Scale' && object.spec.replicas < 4 && oldObject.spec.replicas == 1",
      },
    ];
    await wire.ok('POST', APPS, deployment('scaled', 1));
    await inForce({ matchConstraints: about('apps', 'deployments/scale'), validations }, {}, async (name) => {
      expect((await cluster().kubectl(['scale', 'deployment', 'scaled', '--replicas=4'])).stderr).toContain(
        `ValidatingAdmissionPolicy '${name}'`,
      );
      await cluster().kubectlOk(['scale', 'deployment', 'scaled', '--replicas=3']);
    });
  });

  test('connections are put to policies with their options', async () => {
    const pod = { metadata: { name: 'talkative' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await wire.ok('POST', '/api/v1/namespaces/default/pods', pod);
    const connects = { operations: ['CONNECT'], resources: ['pods/exec', 'pods/portforward', 'pods/proxy'] };
    const validations = [
      {
        expression:
          "object.kind != 'PodExecOptions' || object.command != ['rm', '-rf', '/'] || object.container != 'c'",
        message: 'no such commands',
        reason: 'Forbidden',
      },
      { expression: "object.kind != 'PodProxyOptions' || object.path != '/secret'", message: 'no such paths' },
    ];
    await inForce({ matchConstraints: about('', 'pods', connects), validations }, {}, async () => {
      const exec = await cluster().kubectl(['exec', 'talkative', '--', 'rm', '-rf', '/']);
      expect([exec.code, exec.stderr]).toEqual([1, expect.stringContaining('no such commands')]);
      // Let through, it ends at the pod that runs nowhere.
      expect((await cluster().kubectl(['exec', 'talkative', '--', 'ls'])).stderr).toContain(
        'does not have a host assigned',
      );
      const proxied = await wire.fails('GET', '/api/v1/namespaces/default/pods/talkative/proxy/secret');
      expect(proxied).toMatchObject({ code: 422, message: expect.stringContaining('no such paths') });
    });
  });
});

describe('parameters', () => {
  const spec = {
    matchConstraints: about('apps', 'deployments'),
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    validations: [
      {
        expression: 'object.spec.replicas <= int(params.data.most)',
        messageExpression: "'at most ' + params.data.most",
      },
    ],
  };

  test('by name, and what is done without them', async () => {
    const paramRef = { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' };
    await inForce(spec, { paramRef }, async (name) => {
      expect((await wire.fails('POST', `${APPS}?dryRun=All`, { body: deployment('p', 1) })).message).toContain(
        said(
          name,
          'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
        ),
      );
      await wire.ok('POST', MAPS, map('limits', { most: '3' }));
      await everywhere(`${MAPS}/limits`, 200);
      expect((await wire.fails('POST', `${APPS}?dryRun=All`, { body: deployment('p', 4) })).message).toContain(
        said(name, 'at most 3'),
      );
      await wire.ok('POST', `${APPS}?dryRun=All`, deployment('p', 3));
      await wire.ok('DELETE', `${MAPS}/limits`);
    });
    await inForce(spec, { paramRef: { ...paramRef, parameterNotFoundAction: 'Allow' } }, async () => {
      await wire.ok('POST', `${APPS}?dryRun=All`, deployment('p', 100));
    });
  });

  test('by selector: all of them, of the namespace of the request', async () => {
    for (const [name, most] of [
      ['one', '9'],
      ['two', '5'],
    ] as const)
      await wire.ok('POST', MAPS, map(name, { most }, { labels: { limit: 'yes' } }));
    await everywhere(`${MAPS}/two`, 200);
    await inForce(
      spec,
      { paramRef: { selector: { matchLabels: { limit: 'yes' } }, parameterNotFoundAction: 'Deny' } },
      async (name) => {
        expect((await wire.fails('POST', `${APPS}?dryRun=All`, { body: deployment('p', 7) })).message).toContain(
          said(name, 'at most 5'),
        );
        await wire.ok('POST', `${APPS}?dryRun=All`, deployment('p', 5));
      },
    );
  });
});

describe('actions', () => {
  const FAILURE = 'validation.policy.admission.k8s.io/validation_failure';

  test('a warning instead of a refusal, and entries in the audit log', async () => {
    const spec = {
      ...onMaps,
      validations: [{ expression: "object.metadata.name != 'odd'", message: 'that is odd' }],
      auditAnnotations: [{ key: 'size', valueExpression: "'has ' + string(size(object.?data.orValue({})))" }],
    };
    await inForce(spec, { validationActions: ['Warn', 'Audit'] }, async (name) => {
      const answer = await wire.ask<Obj>('POST', MAPS, { body: map('odd', { a: 'b' }) });
      expect(answer.code).toBe(201);
      expect(answer.headers.warning).toContain(
        `Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${name}-b': that is odd`,
      );
      const entry = await waitFor('the entry', () => {
        const lines = readFileSync(logFile, 'utf8').trim().split('\n').filter(Boolean);
        return (
          lines
            .map((l) => JSON.parse(l) as { annotations?: Record<string, string> })
            // Controllers may write other ConfigMaps now, which are not odd.
            .find((e) => e.annotations?.[FAILURE]?.includes(name))
        );
      });
      expect(entry.annotations?.[`${name}/size`]).toBe('has 1');
      const failure = entry.annotations?.[FAILURE] ?? '[]';
      expect(JSON.parse(failure)).toEqual([
        {
          message: 'that is odd',
          policy: name,
          binding: `${name}-b`,
          expressionIndex: 0,
          validationActions: ['Warn', 'Audit'],
        },
      ]);
    });
  });

  test('a change acts at once, and nobody locks themselves out', async () => {
    await inForce({ ...onMaps, validations: [{ expression: 'true' }] }, {}, async (name) => {
      await wire.ok('PATCH', `${POLICIES}/${name}`, { spec: { validations: [{ expression: 'false' }] } });
      for (const server of cluster().apiservers) {
        const since = Date.now();
        await waitFor(
          'denied',
          async () => (await wire.raw('POST', `${MAPS}?dryRun=All`, { body: map('x'), server })).code === 422,
          { everyMs: 10 },
        );
        expect(Date.now() - since).toBeLessThan(30_000);
      }
    });
    const everything = {
      resourceRules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }],
    };
    await inForce(
      { matchConstraints: everything, validations: [{ expression: "request.kind.group == 'coordination.k8s.io'" }] },
      {},
      async () => {
        expect((await wire.raw('POST', `${MAPS}?dryRun=All`, { body: map('x') })).code).toBe(422);
      },
    );
  });
});

test('type checking is told in the status', async () => {
  const typed = {
    matchConstraints: about('apps', 'deployments'),
    validations: [{ expression: 'object.replicas > 1' }],
  };
  await wire.ok('POST', POLICIES, { metadata: { name: 'typed' }, spec: typed });
  type Checked = Obj & { status: { observedGeneration?: number; typeChecking?: { expressionWarnings?: unknown[] } } };
  const statusAt = (generation: number) =>
    waitFor('checked', async () => {
      const { status } = await wire.ok<Checked>('GET', `${POLICIES}/typed`);
      return status.observedGeneration === generation ? status : undefined;
    });
  expect((await statusAt(1)).typeChecking).toEqual({
    expressionWarnings: [
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^",
      },
    ],
  });
  await wire.ok('PATCH', `${POLICIES}/typed`, { spec: { validations: [{ expression: 'object.spec.replicas > 1' }] } });
  expect((await statusAt(2)).typeChecking).toEqual({});
});
