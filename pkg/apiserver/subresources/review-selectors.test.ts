import { expect, test } from 'vitest';
import type { ResourceAttributes } from '#api/kinds/authorization/attributes.ts';
import { equalitiesOf, selectorErrors } from './review-selectors.ts';

type Conditions = { requirements: [string, string[]?][] } | { rawSelector: string };
const selector = (c: Conditions) =>
  'rawSelector' in c
    ? c
    : {
        requirements: c.requirements.map(([operator, values]) => ({
          key: 'k',
          operator,
          ...(values ? { values } : {}),
        })),
      };
const errorsOf = (of: 'fieldSelector' | 'labelSelector', c: Conditions): string =>
  selectorErrors({ [of]: selector(c) } as ResourceAttributes);

test.each<[Conditions, string, string]>([
  [{ rawSelector: 'spec.nodeName=a,status.phase!=Failed' }, '', ''],
  [{ rawSelector: 'a in (b)' }, 'ignored', ''],
  [{ rawSelector: 'a b' }, 'ignored', 'ignored'],
  [
    {
      requirements: [
        ['In', ['a']],
        ['NotIn', ['b']],
      ],
    },
    '',
    '',
  ],
  [{ requirements: [['In', ['a', 'b']]] }, 'ignored', ''],
  [{ requirements: [['Exists'], ['In', ['a']]] }, 'partially ignored', ''],
  [{ requirements: [['DoesNotExist']] }, 'ignored', ''],
  [
    {
      requirements: [
        ['Gt', ['1']],
        ['In', ['a']],
      ],
    },
    'partially ignored',
    'partially ignored',
  ],
])('%j', (conditions, ofField, ofLabel) => {
  const words = (name: string, how: string) => (how ? `spec.resourceAttributes.${name} ${how} due to parse error` : '');
  expect(errorsOf('fieldSelector', conditions)).toBe(words('fieldSelector', ofField));
  expect(errorsOf('labelSelector', conditions)).toBe(words('labelSelector', ofLabel));
});

test('of both, both are told', () => {
  const bad = { rawSelector: 'a b' };
  expect(selectorErrors({ fieldSelector: bad, labelSelector: bad } as ResourceAttributes)).toBe(
    'spec.resourceAttributes.fieldSelector ignored due to parse error, spec.resourceAttributes.labelSelector ignored due to parse error',
  );
});

test.each<[string, object, string[]]>([
  ['text', { rawSelector: 'a=1,b==2,c!=3' }, ['a=1', 'b=2']],
  ['text that does not parse', { rawSelector: 'a=1,b' }, []],
  [
    'conditions, of which each is understood or not',
    {
      requirements: [
        { key: 'a', operator: 'In', values: ['1'] },
        { key: 'b', operator: 'In', values: ['1', '2'] },
        { key: 'c', operator: 'NotIn', values: ['1'] },
        { key: 'd', operator: 'Exists' },
      ],
    },
    ['a=1'],
  ],
  ['nothing', {}, []],
])('what a selector of %s demands to be equal', (_, fieldSelector, wanted) => {
  const found = equalitiesOf({ fieldSelector } as ResourceAttributes);
  expect(found.map((f) => `${f.field}=${f.value}`)).toEqual(wanted);
});
