import { describe, expect, test } from 'vitest';
import { Budget } from '#cel/index.ts';
import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { fieldErrorText } from '../meta/fielderrors.ts';
import { brokenRules } from './enforce.ts';
import { kubernetes } from './environment.ts';
import { escapedName } from './escape.ts';
import { validateRules } from './rule-validation.ts';
import { compileRules } from './rules.ts';

describe('libraries', () => {
  test.each(
    `
quantity("500m").isLessThan(quantity("1")) && quantity("1Gi").isGreaterThan(quantity("1G"))
quantity("1Ki").asInteger() == 1024 && !quantity("1500m").isInteger() && quantity("1500m").asApproximateFloat() == 1.5
quantity("1k").add(quantity("1")).compareTo(quantity("1001")) == 0 && quantity("3").sub(1) == quantity("2")
quantity("-1").sign() == -1 && quantity("0").sign() == 0 && isQuantity("1.3M") && !isQuantity("200X") && quantity("1000m") == quantity("1")
!format.dns1123Label().validate("my-label").hasValue() && format.dns1123Label().validate("-x").hasValue()
format.named("dns1123Label").hasValue() && !format.named("nope").hasValue() && !format.named("uuid").value().validate("123e4567-e89b-12d3-a456-426614174000").hasValue()
!format.dns1035LabelPrefix().validate("abc-").hasValue() && format.qualifiedName().validate("a/b/c").value().size() == 1
!format.date().validate("2021-01-01").hasValue() && format.datetime().validate("x").value() == ["invalid datetime"]
`
      .split('\n')
      .filter((l) => l !== ''),
  )('%s', (text) => {
    expect(kubernetes.compile(text, {}).evaluate({}, new Budget(1e6))).toBe(true);
  });
});

test.each([
  ['plain', 'plain'],
  ['a.b-c/d', 'a__dot__b__dash__c__slash__d'],
  ['under__score', 'under__underscores__score'],
  ['namespace', '__namespace__'],
  ['in', '__in__'],
  ['a b', undefined],
  ['1a', undefined],
])('the name %s in expressions', (name, want) => {
  expect(escapedName(name)).toBe(want);
});

const ruled = (rule: string | object, s: JSONSchemaProps): JSONSchemaProps => ({
  ...s,
  'x-kubernetes-validations': [typeof rule === 'string' ? { rule } : rule] as NonNullable<
    JSONSchemaProps['x-kubernetes-validations']
  >,
});
const object = (properties: Record<string, JSONSchemaProps>, more: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'object',
  properties,
  ...more,
});
const spec = object({
  min: { type: 'integer' },
  max: { type: 'integer' },
  ratio: { type: 'number' },
  name: { type: 'string', maxLength: 20 },
  'a.b-c': { type: 'string' },
  namespace: { type: 'string' },
  when: { type: 'string', format: 'date-time' },
  wait: { type: 'string', format: 'duration' },
  data: { type: 'string', format: 'byte' },
  port: { 'x-kubernetes-int-or-string': true },
  labels: { type: 'object', additionalProperties: { type: 'string' } },
  set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
  list: { type: 'array', items: { type: 'integer' } },
  parts: {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: object({ name: { type: 'string' }, v: { type: 'integer' } }),
  },
  note: { type: 'string', nullable: true },
  inner: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
});

function broken(s: JSONSchemaProps, value: unknown, old?: unknown): string[] {
  const tree = compileRules(s);
  if (!tree) throw new Error('there are no rules');
  return brokenRules(tree, value, old).map(fieldErrorText);
}

describe('rules see values as their schema says', () => {
  test.each<[string, object]>([
    ['self.min < self.max', { min: 1, max: 2 }],
    ['self.ratio == 2.0 && type(self.ratio) == double', { ratio: 2 }],
    ['self.a__dot__b__dash__c == "x" && self.__namespace__ == "n"', { 'a.b-c': 'x', namespace: 'n' }],
    [
      'self.when > timestamp("2020-01-01T00:00:00Z") && self.wait < duration("2h")',
      { when: '2021-01-01T00:00:00Z', wait: '1h' },
    ],
    ['self.data == b"hi"', { data: 'aGk=' }],
    ['type(self.port) == int ? self.port < 10 : self.port == "x"', { port: 5 }],
    ['type(self.port) == int ? self.port < 10 : self.port == "x"', { port: 'x' }],
    [
      'self.labels.all(k, self.labels[k].size() < 3) && "a" in self.labels && self.labels.a == "b"',
      { labels: { a: 'b' } },
    ],
    ['self.set == ["b", "a"] && self.set + ["a", "c"] == ["c", "b", "a"]', { set: ['a', 'b'] }],
    ['self.list != [2, 1] && self.list.sum() == 3', { list: [1, 2] }],
    ['self.parts.exists(p, p.name == "a" && p.v == 1)', { parts: [{ name: 'a', v: 1 }] }],
    ['self.parts == self.parts && (self.parts + self.parts).size() == 1', { parts: [{ name: 'a', v: 1 }] }],
    ['has(self.note) && self.note == null', { note: null }],
    ['!has(self.note)', {}],
    [
      'self.inner.kind == "Pod" && self.inner.metadata.name == "p"',
      { inner: { kind: 'Pod', metadata: { name: 'p' } } },
    ],
    ['self.?min.orValue(7) == 7', {}],
  ])('%s', (rule, value) => {
    const text = rule.replaceAll('self.note == null', 'dyn(self.note) == null');
    const schema = object({ spec: ruled(text, spec) });
    expect(validateRules('s', schema).filter((e) => !e.message.includes('cost'))).toEqual([]);
    expect(broken(schema, { spec: value })).toEqual([]);
  });
});

describe('what breaks a rule is told as Kubernetes does', () => {
  test.each<[string, JSONSchemaProps, object, object | undefined, string[]]>([
    [
      'the rule itself',
      object({ spec: ruled('self.min > 3', spec) }),
      { spec: { min: 1 } },
      undefined,
      ['spec: Invalid value: "object": failed rule: self.min > 3'],
    ],
    [
      'its message',
      object({ spec: ruled({ rule: 'self.min > 3', message: 'too few' }, spec) }),
      { spec: { min: 1 } },
      undefined,
      ['spec: Invalid value: "object": too few'],
    ],
    [
      'its message expression',
      object({
        spec: ruled({ rule: 'self.min > 3', message: 'no', messageExpression: '"min is " + string(self.min)' }, spec),
      }),
      { spec: { min: 1 } },
      undefined,
      ['spec: Invalid value: "object": min is 1'],
    ],
    [
      'the message, when its expression fails',
      object({ spec: ruled({ rule: 'self.min > 3', message: 'no', messageExpression: 'self.name' }, spec) }),
      { spec: { min: 1 } },
      undefined,
      ['spec: Invalid value: "object": no'],
    ],
    [
      'reason and path',
      object({
        spec: ruled(
          { rule: 'self.min > 3', message: 'no', reason: 'FieldValueForbidden', fieldPath: ".labels['a.b']" },
          spec,
        ),
      }),
      { spec: { min: 1 } },
      undefined,
      ['spec.labels.a.b: Forbidden: no'],
    ],
    [
      'the root',
      ruled('self.metadata.name == "x"', object({})),
      { metadata: { name: 'y' } },
      undefined,
      ['<nil>: Invalid value: "object": failed rule: self.metadata.name == "x"'],
    ],
    [
      'a field that is not there',
      object({ spec: ruled('self.min > 3', spec) }),
      { spec: {} },
      undefined,
      ['spec: Invalid value: "object": no such key: min evaluating rule: self.min > 3'],
    ],
    [
      'elements',
      object({
        l: { type: 'array', items: ruled('self > 1', { type: 'integer' }) },
        m: { type: 'object', additionalProperties: ruled('self != ""', { type: 'string' }) },
      }),
      { l: [2, 1], m: { k: '' } },
      undefined,
      [
        'l[1]: Invalid value: "integer": failed rule: self > 1',
        'm[k]: Invalid value: "string": failed rule: self != ""',
      ],
    ],
    [
      'a transition',
      object({ spec: ruled('self.min >= oldSelf.min', spec) }),
      { spec: { min: 1 } },
      { spec: { min: 2 } },
      ['spec: Invalid value: "object": failed rule: self.min >= oldSelf.min'],
    ],
    [
      'no transition without an old value',
      object({ spec: ruled('self.min >= oldSelf.min', spec) }),
      { spec: { min: 1 } },
      undefined,
      [],
    ],
    ['nor without an old part', object({ spec: ruled('self.min >= oldSelf.min', spec) }), { spec: { min: 1 } }, {}, []],
    [
      'an optional old value',
      object({ spec: ruled({ rule: 'oldSelf.hasValue() || self.min > 3', optionalOldSelf: true }, spec) }),
      { spec: { min: 1 } },
      undefined,
      ['spec: Invalid value: "object": failed rule: oldSelf.hasValue() || self.min > 3'],
    ],
    [
      'parts of a map list belong to those of the same keys',
      object({
        parts: {
          ...spec.properties?.parts,
          items: ruled('self.v >= oldSelf.v', object({ name: { type: 'string' }, v: { type: 'integer' } })),
        },
      }),
      {
        parts: [
          { name: 'b', v: 5 },
          { name: 'a', v: 0 },
          { name: 'new', v: 0 },
        ],
      },
      {
        parts: [
          { name: 'a', v: 1 },
          { name: 'b', v: 2 },
        ],
      },
      ['parts[1]: Invalid value: "object": failed rule: self.v >= oldSelf.v'],
    ],
    [
      'what did not change is let pass',
      object({ spec: ruled('self.min > 3', spec) }),
      { spec: { min: 1 }, other: 1 },
      { spec: { min: 1 } },
      [],
    ],
    [
      'a wrong overload',
      object({ spec: ruled('self.port > 3', spec) }),
      { spec: { port: 'x' } },
      undefined,
      [
        `spec: Invalid value: "object": 'self.port > 3': call arguments did not match a supported operator, function or macro signature for rule: self.port > 3`,
      ],
    ],
  ])('%s', (_, schema, value, old, want) => {
    expect(broken(schema, value, old)).toEqual(want);
  });

  test('one evaluation, and all together, may cost so much', () => {
    const list = { type: 'array', items: { type: 'integer' } };
    const values = Array.from({ length: 1000 }, (_, i) => i);
    const heavy = 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))';
    expect(broken(object({ l: ruled(heavy, list) }), { l: values })[0]).toContain(
      'no further validation rules will be run due to call cost exceeds limit',
    );
    const rules = Array.from({ length: 30 }, (_, i) => ({
      rule: `self.filter(x, true).map(y, y).all(a, self.size() + ${i} > 0)`,
    }));
    const many = Array.from({ length: 20_000 }, (_, i) => i);
    const found = broken(object({ l: { ...list, 'x-kubernetes-validations': rules } as JSONSchemaProps }), { l: many });
    expect(found).toEqual([
      'l: Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });
});

describe('definitions with rules', () => {
  const text = (r: object): string => {
    const v = { rule: '', message: '', ...r } as { rule: string; message: string };
    return `apiextensions.ValidationRule{Rule:${JSON.stringify(v.rule)}, Message:${JSON.stringify(v.message)}, MessageExpression:"", Reason:(*apiextensions.FieldValueErrorReason)(nil), FieldPath:"", OptionalOldSelf:(*bool)(nil)}`;
  };
  const AT = 's.properties[spec].x-kubernetes-validations[0]';
  test.each<[string, object, string]>([
    [
      'does not compile',
      { rule: 'self.nope > 1' },
      `${AT}.rule: Invalid value: ${text({ rule: 'self.nope > 1' })}: compilation failed: ERROR: <input>:1:5: undefined field 'nope'\n | self.nope > 1\n | ....^`,
    ],
    [
      'is no condition',
      { rule: 'self.min' },
      `${AT}.rule: Invalid value: ${text({ rule: 'self.min' })}: must evaluate to bool`,
    ],
    ['is empty', { rule: ' ' }, `${AT}.rule: Required value: rule is not specified`],
    [
      'has a bad message',
      { rule: 'true', message: 'a\nb' },
      `${AT}.message: Invalid value: "a\\nb": message must not contain line breaks`,
    ],
    [
      'needs a message',
      { rule: 'true\n&& true' },
      `${AT}.message: Required value: message must be specified if rule contains line breaks`,
    ],
    [
      'has a bad reason',
      { rule: 'true', reason: 'Nope' },
      `${AT}.reason: Unsupported value: "Nope": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
    ],
    [
      'has a bad path',
      { rule: 'true', fieldPath: '.nope' },
      `${AT}.fieldPath: Invalid value: ".nope": fieldPath must be a valid path: does not refer to a valid field: nope`,
    ],
    [
      'uses oldSelf not at all',
      { rule: 'true', optionalOldSelf: true },
      `${AT}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`,
    ],
    [
      'costs too much',
      { rule: 'self.list.all(a, self.list.all(b, a < b))' },
      `${AT}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x`,
    ],
    ['speaks of hidden metadata', { rule: 'self.inner.metadata.labels.size() > 0' }, "undefined field 'labels'"],
  ])('a rule that %s', (_, rule, want) => {
    const found = validateRules('s', object({ spec: ruled(rule, spec) })).map(fieldErrorText);
    expect(found.join('\n')).toContain(want);
  });

  test('a message expression is checked at its own place', () => {
    const found = validateRules('s', object({ spec: ruled({ rule: 'true', messageExpression: '1' }, spec) }));
    expect(found.map((e) => e.field)).toEqual([`${AT}.messageExpression`]);
  });

  test('oldSelf where no old value can be told', () => {
    const schema = object({ l: { type: 'array', items: ruled('self >= oldSelf', { type: 'integer' }), maxItems: 5 } });
    expect(validateRules('s', schema).map(fieldErrorText)[0]).toContain(
      'oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[l].items',
    );
  });

  test('bounds make a rule affordable', () => {
    const bounded = (n: number): JSONSchemaProps =>
      object({
        l: ruled('self.all(a, self.all(b, a == b))', { type: 'array', maxItems: n, items: { type: 'integer' } }),
      });
    expect(validateRules('s', bounded(100))).toEqual([]);
    expect(validateRules('s', bounded(10_000))).toHaveLength(2);
  });
});
