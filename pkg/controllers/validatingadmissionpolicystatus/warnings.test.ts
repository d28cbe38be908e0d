import { expect, test } from 'vitest';
import type { CustomResourceDefinition, ValidatingAdmissionPolicy } from '#api/kinds/index.ts';
import { expressionWarnings } from './warnings.ts';

const rule = (apiGroups: string[], apiVersions: string[], resources: string[]) => ({
  operations: ['CREATE'],
  apiGroups,
  apiVersions,
  resources,
});
const deployments = rule(['apps'], ['v1'], ['deployments', 'replicasets']);
const kites = {
  spec: {
    group: 'sky.example',
    names: { plural: 'kites', kind: 'Kite' },
    versions: [
      {
        name: 'v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { tail: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
} as unknown as CustomResourceDefinition;

const warningsOf = (expression: string, spec: object = {}) => {
  const policy = {
    spec: { matchConstraints: { resourceRules: [deployments] }, validations: [{ expression }], ...spec },
  };
  return expressionWarnings(policy as ValidatingAdmissionPolicy, [kites]);
};
const named = (kind: string, expression: string, at: number, what: string): string =>
  `${kind}: ERROR: <input>:1:${at + 1}: ${what}\n | ${expression}\n | ${'.'.repeat(at)}^`;

test.each<[string, string, object, string | undefined]>([
  ['a good one', 'object.spec.replicas > 1 && object.metadata.labels.all(k, k != "")', {}, undefined],
  [
    'a field that neither kind has',
    'object.replicas > 1',
    {},
    `${named('apps/v1, Kind=Deployment', 'object.replicas > 1', 6, "undefined field 'replicas'")}\n${named('apps/v1, Kind=ReplicaSet', 'object.replicas > 1', 6, "undefined field 'replicas'")}`,
  ],
  [
    'a field that one has not',
    'has(object.spec.strategy)',
    {},
    named('apps/v1, Kind=ReplicaSet', 'has(object.spec.strategy)', 3, "undefined field 'strategy'"),
  ],
  [
    'fields of parts',
    'object.spec.template.spec.containers.all(c, c.image != "" && c.ports.exists(p, p.containerPort == 80))',
    {},
    undefined,
  ],
  [
    'rules for everything',
    'object.nope',
    { matchConstraints: { resourceRules: [rule(['*'], ['*'], ['*'])] } },
    undefined,
  ],
  [
    'custom kinds',
    'object.spec.tail > 1',
    { matchConstraints: { resourceRules: [rule(['sky.example'], ['v1'], ['kites'])] } },
    undefined,
  ],
  [
    'custom kinds, too',
    'object.spec.wing',
    { matchConstraints: { resourceRules: [rule(['sky.example'], ['v1'], ['kites'])] } },
    named('sky.example/v1, Kind=Kite', 'object.spec.wing', 11, "undefined field 'wing'"),
  ],
  [
    'parameters',
    'object.spec.replicas < int(params.data.most)',
    { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } },
    undefined,
  ],
  ['variables', 'variables.r > 1', { variables: [{ name: 'r', expression: 'object.spec.replicas' }] }, undefined],
])('%s', (_, expression, spec, want) => {
  expect(warningsOf(expression, spec)).toEqual(
    want === undefined ? [] : [{ fieldRef: 'spec.validations[0].expression', warning: want }],
  );
});
