import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { describeKinds, type KindCase, row } from '../fixtures.ts';
import { LimitRanges } from './limitrange.ts';
import { ResourceQuotas } from './resourcequota.ts';

const INVALID = 'FieldValueInvalid';
const metadata = { name: 'x', namespace: 'default' };
const STANDARD = 'must be a standard resource type or fully qualified';

const MATCH = 'spec.scopeSelector.matchExpressions';
const MISFIT = 'unsupported scope applied to resource';
const chosen = (expression: object) => ({ 'spec.scopeSelector': { matchExpressions: [expression] } });

const cases: readonly KindCase[] = [
  [
    'LimitRange',
    LimitRanges as unknown as Kind,
    { metadata, spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
    [
      [
        { 'spec.limits[0].min': { cpu: '2' } },
        INVALID,
        'spec.limits[0].min[cpu]',
        'min value 2 is greater than max value 1',
      ],
      [{ 'spec.limits[1]': { type: 'Container' } }, 'FieldValueDuplicate', 'spec.limits[1].type', '"Container"'],
      [{ 'spec.limits[0].max': { constructor: '1' } }, INVALID, 'spec.limits[0].max[constructor]', STANDARD],
      [{ 'spec.limits[0].default': { storage: '1' } }, INVALID, 'spec.limits[0].default[storage]', STANDARD],
      [
        { 'spec.limits[0].maxLimitRequestRatio': { 'a b': '1' } },
        INVALID,
        'spec.limits[0].maxLimitRequestRatio[a b]',
        'name part must consist of alphanumeric characters',
      ],
    ],
  ],
  [
    'LimitRange of claims',
    LimitRanges as unknown as Kind,
    { metadata, spec: { limits: [{ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }] } },
    [[{ 'spec.limits[0].min': { storage: '2Gi' } }, INVALID, 'spec.limits[0].min[storage]', 'greater than max value']],
  ],
  [
    'ResourceQuota',
    ResourceQuotas as unknown as Kind,
    { metadata, spec: { hard: { pods: '5', 'example.com/gpu': '1' }, scopes: ['NotBestEffort'] } },
    [
      [{ 'spec.hard.pods': '-1' }, INVALID, 'spec.hard[pods]', 'must be greater than or equal to 0'],
      [{ 'spec.scopes': ['BestEffort', 'NotBestEffort'] }, INVALID, 'spec.scopes', 'conflicting scopes'],
      [{ 'spec.scopes': ['x'] }, INVALID, 'spec.scopes', 'unsupported scope'],
      [{ 'spec.hard.cpu': '1', 'spec.scopes': ['BestEffort'] }, INVALID, 'spec.scopes', MISFIT],
      [{ 'spec.hard.services': '1', 'spec.scopes': ['NotTerminating'] }, INVALID, 'spec.scopes', MISFIT],
      [chosen({ scopeName: 'x', operator: 'Exists' }), INVALID, `${MATCH}.scopeName`, 'unsupported scope'],
      [chosen({ scopeName: 'BestEffort', operator: 'In', values: ['a'] }), INVALID, `${MATCH}.operator`, "'Exist'"],
      [
        { ...chosen({ scopeName: 'PriorityClass', operator: 'Exists' }), 'spec.hard.configmaps': '1' },
        INVALID,
        MATCH,
        MISFIT,
      ],
      [
        chosen({ scopeName: 'PriorityClass', operator: 'In' }),
        'FieldValueRequired',
        `${MATCH}.values`,
        'must be at least one value',
      ],
      [
        chosen({ scopeName: 'PriorityClass', operator: 'Exists', values: ['a'] }),
        INVALID,
        `${MATCH}.values`,
        'must be no value',
      ],
      [
        chosen({ scopeName: 'PriorityClass', operator: 'Like' }),
        INVALID,
        `${MATCH}.operator`,
        'not a valid selector operator',
      ],
    ],
  ],
];

describeKinds(cases);

test('a quota shows what is used of it', () => {
  const quota = { metadata, status: { hard: { pods: '5', 'limits.cpu': '2' }, used: { pods: '1' } } };
  expect(row(ResourceQuotas, quota, 0)).toMatchObject({ Request: 'pods: 1/5', Limit: 'limits.cpu: 0/2' });
});
