import { expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta/objectmeta.ts';
import { ValidatingAdmissionPolicies } from './admissionregistration/policy.ts';
import { ValidatingWebhookConfigurations } from './admissionregistration/validatingwebhook.ts';
import { created, set, spoiled, texts, updated } from './fixtures.ts';
import { FlowSchemas } from './flowcontrol/flowschema.ts';
import { MANDATORY_FLOWS, MANDATORY_LEVELS } from './flowcontrol/mandatory.ts';
import { PriorityLevelConfigurations } from './flowcontrol/prioritylevel.ts';

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { name: 's', namespace: 'n' } },
  rules: [rule],
};
const hooks = { metadata: { name: 'x' }, webhooks: [webhook, { ...webhook, name: 'b.example.com' }] };
const policy = {
  metadata: { name: 'x' },
  spec: { validations: [{ expression: 'true' }], matchConstraints: { resourceRules: [rule] } },
};
const broken = [{ name: 'c', expression: 'object.' }];
const W = 'webhooks[0]';

/** Objects from before the rule, and what makes them wrong by it. */
test.each<[string, Kind, object, string, unknown]>([
  ['match conditions of webhooks', ValidatingWebhookConfigurations as never, hooks, `${W}.matchConditions`, broken],
  ['side effects', ValidatingWebhookConfigurations as never, hooks, `${W}.sideEffects`, 'Some'],
  ['versions nobody speaks', ValidatingWebhookConfigurations as never, hooks, `${W}.admissionReviewVersions`, ['v9']],
  ['names that are not unique', ValidatingWebhookConfigurations as never, hooks, `${W}.name`, 'b.example.com'],
  ['match conditions of a policy', ValidatingAdmissionPolicies as never, policy, 'spec.matchConditions', broken],
])('%s that are wrong already do not stand in the way of an update', (_what, kind, good, path, value) => {
  const old = created(kind, spoiled(good, { [path]: value })).object as KubeObject;
  const label = (o: KubeObject): void => set(o, 'metadata.labels', { a: 'b' });
  expect(texts(updated(kind, old, label).problems)).toEqual([]);
  const fine = created(kind, good).object as KubeObject;
  expect(texts(updated(kind, fine, (o) => set(o, path, value)).problems)).not.toEqual([]);
});

test('conditions that change, and those beside webhooks that come or go, must be right', () => {
  const old = created(ValidatingWebhookConfigurations, spoiled(hooks, { [`${W}.matchConditions`]: broken })).object;
  const add = (o: object): void => set(o, 'webhooks[2]', { ...webhook, name: 'c.example.com' });
  const [problem] = texts(updated(ValidatingWebhookConfigurations, old, add).problems);
  expect(problem).toMatch(/webhooks\[0\]\.matchConditions\[0\]\.expression/);
  const asked = created(ValidatingAdmissionPolicies, spoiled(policy, { 'spec.matchConditions': broken })).object;
  const param = (o: object): void => set(o, 'spec.paramKind', { apiVersion: 'v1', kind: 'ConfigMap' });
  expect(texts(updated(ValidatingAdmissionPolicies, asked, param).problems).join()).toMatch(/spec\.matchConditions/);
});

const flow = (name: string) => ({ metadata: { name }, spec: MANDATORY_FLOWS[name] });
const level = (name: string) => ({ metadata: { name }, spec: MANDATORY_LEVELS[name] });

test.each<[string, Kind, object, string, unknown, string]>([
  ['exempt', FlowSchemas as never, flow('exempt'), 'spec.rules[0].subjects[1]', { kind: 'User' }, ' '],
  ['catch-all', FlowSchemas as never, flow('catch-all'), 'spec.matchingPrecedence', 9999, ' '],
  ['catch-all', PriorityLevelConfigurations as never, level('catch-all'), 'spec.limited.lendablePercent', 1, ' '],
  [
    'exempt',
    PriorityLevelConfigurations as never,
    level('exempt'),
    'spec.limited',
    {},
    " except the 'spec.exempt' field ",
  ],
])('the spec of %s is fixed', (name, kind, good, path, value, except) => {
  expect(texts(created(kind, good).problems)).toEqual([]);
  const problems = texts(created(kind, spoiled(good, { [path]: value })).problems);
  const why = `spec of '${name}'${except}must equal the fixed value`;
  expect(problems.filter((p) => p.startsWith('FieldValueInvalid spec: ') && p.endsWith(why))).toHaveLength(1);
});

test('how much the level without limits lends is free', () => {
  const free = spoiled(level('exempt'), { 'spec.exempt': { nominalConcurrencyShares: 10, lendablePercent: 50 } });
  expect(texts(created(PriorityLevelConfigurations, free).problems)).toEqual([]);
});
