import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { decodeObject } from '../../schema/decode.ts';
import { describeKinds, type KindCase } from '../fixtures.ts';
import { HorizontalPodAutoscalers } from './horizontalpodautoscaler.ts';

const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const metadata = { name: 'x', namespace: 'default' };
const hpa = { metadata, spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3 } };

const cases: readonly KindCase[] = [
  [
    'HorizontalPodAutoscaler',
    HorizontalPodAutoscalers as unknown as Kind,
    hpa,
    [
      [{ spec: {} }, REQUIRED, 'spec.scaleTargetRef.name', 'Required value'],
      [{ spec: undefined }, INVALID, 'spec.maxReplicas', 'must be greater than 0'],
      [{ 'spec.minReplicas': 0 }, FORBIDDEN, 'spec.metrics', 'must specify at least one Object or External metric'],
      [{ 'spec.metrics': [{}] }, UNSUPPORTED, 'spec.metrics[0].type', '"ContainerResource"'],
      [
        { 'spec.metrics': [{ type: 'Pods', pods: {} }] },
        REQUIRED,
        'spec.metrics[0].pods.metric.name',
        'Required value',
      ],
      [{ 'spec.metrics': [{ type: 'Pods', pods: {} }] }, INVALID, 'spec.metrics[0].pods.target.type', 'must be either'],
      [
        { 'spec.metrics': [{ type: 'Object', object: {} }] },
        REQUIRED,
        'spec.metrics[0].object.describedObject.kind',
        'Required value',
      ],
      [
        { 'spec.behavior': { scaleUp: { policies: [] } } },
        REQUIRED,
        'spec.behavior.scaleUp.policies',
        'must specify at least one Policy',
      ],
      [
        { 'spec.behavior': { scaleDown: { policies: [{ type: '', value: 1, periodSeconds: 1 }] } } },
        UNSUPPORTED,
        'spec.behavior.scaleDown.policies[0].type',
        '"Percent", "Pods"',
      ],
      [{ 'spec.minReplicas': 0 }, INVALID, 'spec.minReplicas', 'must be greater than or equal to 1'],
      [{ 'spec.maxReplicas': 0 }, INVALID, 'spec.maxReplicas', 'must be greater than 0'],
      [{ 'spec.minReplicas': 5 }, INVALID, 'spec.maxReplicas', 'must be greater than or equal to `minReplicas`'],
      [{ 'spec.scaleTargetRef.name': '' }, REQUIRED, 'spec.scaleTargetRef.name', 'Required value'],
      [
        { 'spec.metrics': [{ type: 'Resource' }] },
        REQUIRED,
        'spec.metrics[0].resource',
        'must populate information for the given metric source',
      ],
      [
        { 'spec.behavior': { scaleUp: { selectPolicy: 'x' } } },
        UNSUPPORTED,
        'spec.behavior.scaleUp.selectPolicy',
        'Max',
      ],
    ],
  ],
];

describeKinds(cases);

test('policies given without any are not filled in: they are read as they were given', () => {
  const spec = { ...hpa.spec, metrics: [], behavior: { scaleUp: { policies: [] } } };
  const { object } = decodeObject(HorizontalPodAutoscalers.schema, { ...hpa, spec });
  expect(object.spec).toEqual({ ...hpa.spec, behavior: { scaleUp: { policies: [] } } });
});
