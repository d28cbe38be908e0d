import { expect, test } from 'vitest';
import { makePod } from './fixtures.ts';
import { type Report, reportPatch } from './pod-report.ts';

const NOW = Date.UTC(2026, 0, 1);
const told = (message: string, more: object = {}) =>
  makePod('p', {
    status: {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime: 'then' },
      ],
      ...more,
    },
  });
const condition = (message: string, lastTransitionTime: string) => ({
  type: 'PodScheduled',
  status: 'False',
  reason: 'Unschedulable',
  message,
  lastTransitionTime,
});

test.each<[string, ReturnType<typeof makePod>, Report, object | undefined]>([
  ['the first time', makePod('p'), { message: 'm' }, { conditions: [condition('m', '2026-01-01T00:00:00Z')] }],
  ['the same again', told('m'), { message: 'm' }, undefined],
  ['another reason keeps the time', told('m'), { message: 'n' }, { conditions: [condition('n', 'then')] }],
  ['a nomination', told('m'), { message: 'm', nominatedNodeName: 'a' }, { nominatedNodeName: 'a' }],
  ['the same nomination', told('m', { nominatedNodeName: 'a' }), { message: 'm', nominatedNodeName: 'a' }, undefined],
  ['none any more', told('m', { nominatedNodeName: 'a' }), { nominatedNodeName: null }, { nominatedNodeName: null }],
  ['none, as before', told('m'), { message: 'm', nominatedNodeName: null }, undefined],
])('%s', (_, pod, what, status) => {
  expect(reportPatch(pod, what, NOW)).toEqual(status && { metadata: { uid: 'p' }, status });
});
