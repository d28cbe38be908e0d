import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { amountsOf, podRequests, requestAlike } from './pod-requests.ts';

const MI = 1024 * 1024;
const c = (cpu?: string, memory?: string, restartPolicy?: string): object => ({
  ...(restartPolicy ? { restartPolicy } : {}),
  resources: { requests: { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) } },
});
const sidecar = (cpu: string): object => c(cpu, undefined, 'Always');
const pod = (spec: object): Pod => ({ spec }) as unknown as Pod;

test('quantities', () => {
  expect([...amountsOf({ cpu: '1500m', memory: '1Mi', 'example.org/gpu': '2' })]).toEqual([
    ['cpu', 1500],
    ['memory', MI],
    ['example.org/gpu', 2],
  ]);
  expect(amountsOf(undefined).size).toBe(0);
});

test.each<[string, object, number]>([
  ['containers add up', { containers: [c('100m'), c('1')] }, 1100],
  ['a larger init container counts alone', { containers: [c('100m')], initContainers: [c('300m'), c('200m')] }, 300],
  ['a smaller one not at all', { containers: [c('500m')], initContainers: [c('300m')] }, 500],
  ['sidecars run beside the app', { containers: [c('500m')], initContainers: [sidecar('50m')] }, 550],
  ['an init container after a sidecar', { containers: [c('100m')], initContainers: [sidecar('50m'), c('300m')] }, 350],
  ['an init container before it', { containers: [c('100m')], initContainers: [c('300m'), sidecar('50m')] }, 300],
  ['overhead is on top', { containers: [c('100m')], initContainers: [c('300m')], overhead: { cpu: '10m' } }, 310],
])('%s: %#', (_, spec, cpu) => {
  expect(podRequests(pod(spec)).amounts.get('cpu')).toBe(cpu);
});

test.each<[string, object[], number, number]>([
  ['nothing asked', [c()], 100, 200 * MI],
  ['nothing asked twice', [c(), c()], 200, 400 * MI],
  ['cpu only', [c('300m')], 300, 200 * MI],
  ['mixed', [c('300m', '10Mi'), c()], 400, 210 * MI],
])('for scoring, %s', (_, containers, cpu, memory) => {
  expect(podRequests(pod({ containers })).scored).toEqual({ cpu, memory });
});

describe('while a pod is resized, what counts is the most of what is asked for, set aside, and in force', () => {
  const resized = (asked: string, status: object, more: object = {}) =>
    ({
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: asked } } }] },
      status: { containerStatuses: [{ name: 'c', ...status }], ...more },
    }) as unknown as Pod;
  const cpu = (p: Pod) => podRequests(p).amounts.get('cpu');
  const infeasible = { conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }] };
  const deferred = { conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Deferred' }] };
  const has = (allocated: string, inForce: string) => ({
    allocatedResources: { cpu: allocated },
    resources: { requests: { cpu: inForce } },
  });
  test.each<[string, Pod, number]>([
    ['nothing is said', resized('1', {}), 1000],
    ['it shrinks', resized('1', has('1', '3')), 3000],
    ['it shrinks, and was not set aside yet', resized('1', has('2', '1')), 2000],
    ['it grows', resized('3', has('1', '1')), 3000],
    ['it is to grow later', resized('3', has('1', '1'), deferred), 3000],
    ['it cannot grow here', resized('3', has('1', '1500m'), infeasible), 1500],
    ['nothing was said before it could not grow', resized('3', {}, infeasible), 3000],
  ])('%s', (_, p, expected) => {
    expect(cpu(p)).toBe(expected);
  });

  test('for scoring too', () => {
    expect(podRequests(resized('1', has('1', '3'))).scored.cpu).toBe(3000);
  });

  test('of a sidecar as of a container', () => {
    const p = {
      spec: { initContainers: [{ name: 's', ...sidecar('1') }], containers: [c('1')] },
      status: { initContainerStatuses: [{ name: 's', ...has('2', '1') }] },
    } as unknown as Pod;
    expect(cpu(p)).toBe(3000);
  });

  test.each([
    ['nothing is set aside yet', {}, has('1', '1'), true],
    ['all is as before', has('1', '3'), has('1', '3'), true],
    ['it has shrunk', has('1', '3'), has('1', '1'), false],
  ])('two versions of a pod: %s', (_, before, now, alike) => {
    expect(requestAlike(resized('1', before), resized('1', now))).toBe(alike);
  });
});
