import { expect, test } from 'vitest';
import { compilePolicy, type PolicySource } from '#api/expressions/policy.ts';
import { dynamicValue, type Value } from '#cel/index.ts';
import { type Judgement, judge } from './evaluate.ts';

const globals: Record<string, Value> = {
  object: dynamicValue({ spec: { replicas: 7 }, metadata: { name: 'x' } }),
  oldObject: null,
  request: dynamicValue({ operation: 'CREATE', userInfo: { username: 'jane' } }),
};
function judged(spec: PolicySource, ignoresFailures = false): Judgement {
  const policy = compilePolicy(spec);
  expect(policy.problems).toEqual([]);
  return judge(policy, globals, { ignoresFailures });
}
const messages = (spec: PolicySource, ignoresFailures = false): string[] =>
  judged(spec, ignoresFailures).violations.map((v) => v.message);

test.each<[string, PolicySource, string[]]>([
  ['what holds', { validations: [{ expression: 'object.spec.replicas <= 7' }] }, []],
  [
    'what does not',
    { validations: [{ expression: ' object.spec.replicas < 7 ' }] },
    ['failed expression: object.spec.replicas < 7'],
  ],
  ['its message', { validations: [{ expression: 'false', message: 'no' }] }, ['no']],
  [
    'its message expression',
    {
      validations: [{ expression: 'false', message: 'no', messageExpression: "'has ' + string(object.spec.replicas)" }],
    },
    ['has 7'],
  ],
  [
    'a message expression that fails',
    { validations: [{ expression: 'false', message: 'no', messageExpression: 'object.nope' }] },
    ['no'],
  ],
  [
    'several',
    {
      validations: [
        { expression: 'false', message: 'a' },
        { expression: 'true' },
        { expression: 'false', message: 'b' },
      ],
    },
    ['a', 'b'],
  ],
  [
    'variables, each of those before it',
    {
      variables: [
        { name: 'r', expression: 'object.spec.replicas' },
        { name: 'twice', expression: 'variables.r * 2' },
      ],
      validations: [{ expression: 'variables.twice == 15' }],
    },
    ['failed expression: variables.twice == 15'],
  ],
  [
    'variables nobody asks for',
    { variables: [{ name: 'bad', expression: 'object.nope' }], validations: [{ expression: 'true' }] },
    [],
  ],
  [
    'conditions that do not hold',
    {
      matchConditions: [{ name: 'c', expression: "request.userInfo.username == 'joe'" }],
      validations: [{ expression: 'false' }],
    },
    [],
  ],
  [
    'conditions that hold',
    {
      matchConditions: [{ name: 'c', expression: "request.operation == 'CREATE'" }],
      validations: [{ expression: 'false', message: 'x' }],
    },
    ['x'],
  ],
])('%s', (_, spec, want) => {
  expect(messages(spec)).toEqual(want);
});

test.each<[string, PolicySource, string]>([
  [
    'an expression',
    { validations: [{ expression: 'object.spec.nope' }] },
    "expression 'object.spec.nope' resulted in error: no such key: nope",
  ],
  [
    'a variable',
    { variables: [{ name: 'v', expression: 'object.nope' }], validations: [{ expression: 'variables.v == 1' }] },
    "expression 'variables.v == 1' resulted in error: no such key: nope",
  ],
  [
    'a condition',
    { matchConditions: [{ name: 'c', expression: 'object.nope' }], validations: [{ expression: 'true' }] },
    'condition "c": no such key: nope',
  ],
  [
    'one that costs too much',
    { validations: [{ expression: `${'[1,2,3,4,5,6,7,8,9].all(x, '.repeat(7)}true${')'.repeat(7)}` }] },
    'resulted in error: operation cancelled: actual cost limit exceeded',
  ],
])('%s that fails refuses, unless failures are ignored', (_, spec, want) => {
  expect(messages(spec).join()).toContain(want);
  expect(messages(spec, true)).toEqual([]);
});

test('entries for the audit log', () => {
  const spec = {
    auditAnnotations: [
      { key: 'who', valueExpression: 'request.userInfo.username' },
      { key: 'none', valueExpression: 'null' },
    ],
  };
  expect(judged(spec)).toEqual({ violations: [], annotations: [{ key: 'who', value: 'jane' }] });
});

test('reasons and places', () => {
  const spec = { validations: [{ expression: 'true' }, { expression: 'false', reason: 'Forbidden' }] };
  expect(judged(spec).violations).toEqual([{ message: 'failed expression: false', index: 1, reason: 'Forbidden' }]);
});
