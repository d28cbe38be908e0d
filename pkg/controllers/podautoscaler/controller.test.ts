import { expect, test } from 'vitest';
import type { HorizontalPodAutoscalerStatus } from '#api/kinds/index.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { pod } from '../fixtures.ts';
import { podAutoscaler } from './controller.ts';

const SETTINGS = {
  ...{ syncMs: 15_000, downscaleStabilizationMs: 0, tolerance: 0.1 },
  ...{ initialReadinessMs: 0, cpuInitializationMs: 0 },
};

/** Autoscalers of Deployments that are told by their names, and two pods that use twice what they shall, or less. */
class Scene {
  readonly caches = new FakeCaches();
  readonly told: string[] = [];
  readonly status = new Map<string, HorizontalPodAutoscalerStatus>();
  /** Selectors by the name of the target. */
  readonly selectors = new Map([['web', 'app=web']]);
  readonly #controller;
  readonly clock = new FakeClock();
  #version = 1;

  constructor({ usage = '200', ...settings }: Partial<typeof SETTINGS> & { usage?: string } = {}) {
    const raw = async (method: string, path: string): Promise<unknown> => {
      if (path.startsWith('/apis/metrics.k8s.io')) {
        const containers = [{ name: 'c', usage: { memory: usage } }];
        return { items: ['p0', 'p1'].map((name) => ({ metadata: { name }, containers })) };
      }
      const selector = this.selectors.get(path.split('/').at(-2) ?? '');
      if (selector === undefined) throw new Error('deployments.apps "gone" not found');
      if (method === 'PUT') throw new Error('no more than 2');
      return { spec: { replicas: 2 }, status: { replicas: 2, selector } };
    };
    const updateStatus = async (_kind: object, o: { metadata: object; status: HorizontalPodAutoscalerStatus }) => {
      this.status.set((o.metadata as { name: string }).name, o.status);
      return o;
    };
    const deps = fakeDeps(this.caches, { raw, updateStatus });
    this.#controller = podAutoscaler(
      { ...deps, clock: this.clock, events: fakeEvents(this.told) },
      { ...SETTINGS, ...settings },
    );
    for (const watch of this.#controller.watches) watch.attach(deps.informers, () => {});
    for (const name of ['p0', 'p1']) this.caches.set('Pod', pod({ name, ready: 100, labels: { app: 'web' } }));
  }

  hpa(name: string, target: string): void {
    const metadata = { namespace: 'ns', name, uid: name, resourceVersion: String(++this.#version) };
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: target };
    const memory = { name: 'memory', target: { type: 'AverageValue', averageValue: '100' } };
    const spec = { scaleTargetRef, maxReplicas: 9, metrics: [{ type: 'Resource', resource: memory }] };
    this.caches.set('HorizontalPodAutoscaler', { metadata, spec } as never);
  }

  async look(name: string): Promise<object> {
    this.told.length = 0;
    await this.#controller.reconcile(`ns/${name}`, new AbortController().signal);
    const said = this.status.get(name)?.conditions?.map((c) => [c.type, `${c.status} ${c.reason}: ${c.message}`]) ?? [];
    return Object.fromEntries(said);
  }
}

test('it is said by which metric, and what could not be done', async () => {
  const scene = new Scene();
  scene.hpa('a', 'web');
  expect(await scene.look('a')).toMatchObject({
    ScalingActive:
      'True ValidMetricFound: the HPA was able to successfully calculate a replica count from memory resource',
    AbleToScale: 'False FailedUpdateScale: the HPA controller was unable to update the target scale: no more than 2',
  });
  expect(scene.told).toEqual([
    'a Warning FailedRescale: New size: 4; reason: memory resource above target; error: no more than 2',
  ]);
});

test('without a target, or its selector, nothing is scaled', async () => {
  const scene = new Scene();
  scene.selectors.set('bare', '');
  scene.hpa('a', 'gone');
  scene.hpa('b', 'bare');
  expect(await scene.look('a')).toEqual({
    AbleToScale:
      'False FailedGetScale: the HPA controller was unable to get the target\'s current scale: deployments.apps "gone" not found',
  });
  expect(scene.told).toEqual(['a Warning FailedGetScale: deployments.apps "gone" not found']);
  expect(await scene.look('b')).toMatchObject({
    ScalingActive: "False InvalidSelector: the HPA target's scale is missing a selector",
  });
  expect(scene.told).toEqual(['b Warning SelectorRequired: selector is required']);
});

test('of two that look at the same pods neither scales, until one lets go of them', async () => {
  const scene = new Scene();
  scene.hpa('a', 'web');
  scene.hpa('b', 'web');
  scene.selectors.set('api', 'app=api');
  scene.hpa('c', 'api');
  for (const name of ['c', 'a', 'b']) await scene.look(name);
  const ambiguous = 'pods by selector app=web are controlled by multiple HPAs: [ns/a ns/b]';
  for (const name of ['a', 'b'])
    expect(await scene.look(name)).toMatchObject({ ScalingActive: `False AmbiguousSelector: ${ambiguous}` });
  expect(scene.told).toEqual([`b Warning AmbiguousSelector: ${ambiguous}`]);
  scene.hpa('b', 'gone');
  await scene.look('b');
  expect(await scene.look('a')).toMatchObject({ ScalingActive: expect.stringMatching(/^True /) });
  scene.hpa('b', 'web');
  await scene.look('b');
  scene.caches.remove('HorizontalPodAutoscaler', scene.caches.get('HorizontalPodAutoscaler', 'ns/b') as never);
  expect(await scene.look('a')).toMatchObject({ ScalingActive: expect.stringMatching(/^True /) });
});

test('an autoscaler that is new here scales down only when its window is over', async () => {
  const scene = new Scene({ downscaleStabilizationMs: 300_000, usage: '10' });
  scene.hpa('a', 'web');
  expect(await scene.look('a')).toMatchObject({ AbleToScale: expect.stringContaining('ScaleDownStabilized') });
  scene.clock.jump(299_000);
  expect(await scene.look('a')).toMatchObject({ AbleToScale: expect.stringContaining('ScaleDownStabilized') });
  expect(scene.told).toEqual([]);
  scene.clock.jump(2000);
  await scene.look('a');
  expect(scene.told).toEqual([expect.stringContaining('New size: 1; reason: All metrics below target')]);
});
