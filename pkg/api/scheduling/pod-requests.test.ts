import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { amountsOf, podRequests } from './pod-requests.ts';

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
