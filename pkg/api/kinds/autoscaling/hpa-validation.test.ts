import { expect, test } from 'vitest';
import { created, texts } from '../fixtures.ts';
import { HorizontalPodAutoscalers } from './horizontalpodautoscaler.ts';

const problems = (metric: object): string[] =>
  texts(
    created(HorizontalPodAutoscalers, {
      metadata: { name: 'x', namespace: 'default' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3, metrics: [metric] },
    }).problems,
  ).map((text) => text.replace(/^FieldValue/, '').replace('spec.metrics[0].', ''));

const cpu = (target: object) => ({ type: 'Resource', resource: { name: 'cpu', target } });
const pods = (target: object, metric: object = { name: 'm' }) => ({ type: 'Pods', pods: { metric, target } });
const ofObject = (target: object, describedObject: object = { kind: 'Service', name: 's' }) => ({
  type: 'Object',
  object: { describedObject, metric: { name: 'm' }, target },
});
const external = (target: object) => ({ type: 'External', external: { metric: { name: 'm' }, target } });
const VALUE = { type: 'Value', value: '1' };
const MEAN = { type: 'AverageValue', averageValue: '1' };
const PART = { type: 'Utilization', averageUtilization: 50 };

test.each<[object, string[]]>([
  [cpu(PART), []],
  [cpu(MEAN), []],
  [pods(MEAN), []],
  [ofObject(VALUE), []],
  [ofObject(MEAN), []],
  [external(MEAN), []],
  [external(VALUE), []],
  [
    cpu({ type: 'Utilization' }),
    [
      'Required resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
    ],
  ],
  [
    cpu({ ...PART, averageValue: '1' }),
    ['Forbidden resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization'],
  ],
  [cpu({ ...MEAN, averageValue: '0' }), ['Invalid resource.target.averageValue: Invalid value: "0": must be positive']],
  [
    cpu({ ...PART, averageUtilization: 0 }),
    ['Invalid resource.target.averageUtilization: Invalid value: 0: must be greater than 0'],
  ],
  [
    cpu({ ...PART, type: 'Mean' }),
    ['Invalid resource.target.type: Invalid value: "Mean": must be either Utilization, Value, or AverageValue'],
  ],
  [pods(VALUE), ['Required pods.target.averageValue: Required value: must specify a positive target averageValue']],
  [pods(MEAN, {}), ['Required pods.metric.name: Required value: must specify a metric name']],
  [pods(MEAN, { name: 'a/b' }), ['Invalid pods.metric.name: Invalid value: "a/b": may not contain \'/\'']],
  [
    ofObject({ type: 'Value' }),
    ['Required object.target.averageValue: Required value: must set either a target value or averageValue'],
  ],
  [ofObject(VALUE, { kind: 'Service' }), ['Required object.describedObject.name: Required value']],
  [
    external({ ...VALUE, averageValue: '1' }),
    ['Forbidden external.target.value: Forbidden: may not set both a target value for metric and a per-pod target'],
  ],
  [
    { type: 'ContainerResource', containerResource: { name: 'cpu', target: PART } },
    ['Required containerResource.container: Required value: must specify a container'],
  ],
])('%j', (metric, want) => {
  expect(problems(metric)).toEqual(want);
});
