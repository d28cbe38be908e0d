import { expect, test } from 'vitest';
import { type Pod, type PodDisruptionBudgetStatus, Pods } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps, fakeEvents } from '../fake-deps.ts';
import { ago, NOW } from '../fixtures.ts';
import type { Outcome } from '../harness/controller.ts';
import { disruptionController } from './controller.ts';

const META = { namespace: 'ns', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '1', generation: 1 };
const ROOT = '/apis/farms.example/v1';
const FARM = { apiVersion: 'farms.example/v1', kind: 'Farm' };
const SCALED = [
  { name: 'farms', kind: 'Farm' },
  { name: 'farms/scale', kind: 'Scale' },
];

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}
const WEB: Owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web' };
const farm = (name: string): Owner => ({ ...FARM, name });

/** A budget `b` for all pods, and a server that knows of farms with replicas. */
class Scene {
  readonly caches = new FakeCaches();
  readonly asked: string[] = [];
  readonly told: string[] = [];
  readonly patched: object[] = [];
  /** Whether pods have another version than the caches show. */
  isRefused = false;
  readonly clock = new FakeClock(NOW);
  status: PodDisruptionBudgetStatus | undefined;
  resources: readonly object[] | undefined = SCALED;
  /** Replicas by path. */
  readonly replicas = new Map<string, number>();
  readonly #controller;
  #version = 1;

  constructor(spec: object = { maxUnavailable: 1 }) {
    const raw = async (_method: string, path: string): Promise<unknown> => {
      this.asked.push(path);
      if (path === ROOT && this.resources) return { resources: this.resources };
      const replicas = this.replicas.get(path);
      if (replicas === undefined) throw errors.pathNotFound();
      return { metadata: { uid: path.split('/').at(-2) }, spec: { replicas } };
    };
    const updateStatus = async (_kind: object, o: { status: PodDisruptionBudgetStatus }) => {
      this.status = o.status;
      return this.#set('PodDisruptionBudget', o);
    };
    const patch = async (_kind: object, at: object, { body }: { body: object }) => {
      this.patched.push({ ...at, ...body });
      if (this.isRefused) throw errors.modified(Pods, 'p');
      return {};
    };
    const deps = fakeDeps(this.caches, { raw, updateStatus, patch }, this.clock);
    this.#controller = disruptionController({ ...deps, events: fakeEvents(this.told) });
    this.budget(spec, 1);
  }

  #set<T extends object>(kind: string, o: T & { metadata?: object }): T {
    const metadata = { ...META, ...o.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...o, metadata };
    this.caches.set(kind, stored as never);
    return stored;
  }

  budget(spec: object, generation: number): void {
    const { status } = this;
    const metadata = { name: 'b', uid: 'b', generation };
    const selector = { matchLabels: { app: 'web' } };
    this.#set('PodDisruptionBudget', { metadata, spec: { selector, ...spec }, ...(status ? { status } : {}) });
  }

  pod(name: string, owner?: Owner): void {
    const ownerReferences = owner ? [{ ...owner, uid: owner.name, controller: true }] : [];
    const metadata = { name, uid: name, labels: { app: 'web' }, ownerReferences };
    this.#set<Pod>('Pod', { metadata, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
  }

  set(name: string, replicas: number, uid = name): void {
    this.#set('ReplicaSet', { metadata: { name, uid }, spec: { replicas } });
  }

  farm(name: string, replicas: number): void {
    this.replicas.set(`${ROOT}/namespaces/ns/farms/${name}/scale`, replicas);
  }

  /** A pod `p` that somebody wants to remove, since so many seconds. */
  marked(seconds: number, mark: object = {}, metadata: object = {}, phase = 'Running'): void {
    const at = { lastTransitionTime: ago(seconds) };
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', ...at, ...mark }];
    this.#set('Pod', { metadata: { name: 'p', uid: 'p', ...metadata }, status: { phase, conditions } });
  }

  lookAtPod(): Promise<Outcome> {
    return this.#controller.reconcile('pod:ns/p', new AbortController().signal);
  }

  /** Keys that the watches bring from now on. */
  heard(): string[] {
    const keys: string[] = [];
    const { informers } = fakeDeps(this.caches, {});
    for (const watch of this.#controller.watches) watch.attach(informers, (key) => void keys.push(key));
    return keys;
  }

  /** A kind comes to be watched. @returns keys that are to be looked at from now on */
  async watched(): Promise<string[]> {
    const keys: string[] = [];
    this.#controller.start?.((key) => void keys.push(key));
    Object.assign(this.caches.factory, { start: () => {} });
    const names = { plural: 'farms', kind: 'Farm' };
    const spec = { group: 'farms.example', scope: 'Namespaced', names, versions: [{ name: 'v1', served: true }] };
    const status = { acceptedNames: names, conditions: [{ type: 'Established', status: 'True' }] };
    this.#set('CustomResourceDefinition', { metadata: { name: 'farms' }, spec, status });
    await this.clock.advance(1000);
    return keys;
  }

  changed(farm: string): void {
    this.#set('Farm', { metadata: { name: farm, uid: farm } });
  }

  look(): Promise<Outcome> {
    return this.#controller.reconcile('ns/b', new AbortController().signal);
  }
}

test('pods without a controller are in nobody’s count, of which the user is told once', async () => {
  const scene = new Scene();
  scene.set('web', 2);
  scene.pod('web-1', WEB);
  scene.pod('web-2', WEB);
  scene.pod('stray');
  await scene.look();
  expect(scene.status).toMatchObject({ expectedPods: 2, desiredHealthy: 1, currentHealthy: 3, disruptionsAllowed: 2 });
  expect(scene.status?.conditions).toMatchObject([{ reason: 'SufficientPods', status: 'True' }]);
  expect(scene.told).toEqual([
    expect.stringMatching(
      /^b Warning UnmanagedPods: Pods selected by this PodDisruptionBudget \(selector: app=web\) were found to be unmanaged.*"\.spec\.minAvailable"/,
    ),
  ]);
  scene.pod('stray-2');
  await scene.look();
  expect(scene.told).toHaveLength(1);
  // It was changed, and that did not help.
  scene.budget({ minAvailable: '50%' }, 2);
  await scene.look();
  expect(scene.told).toHaveLength(2);
  scene.budget({ minAvailable: 1 }, 3);
  await scene.look();
  expect([scene.told.length, scene.status?.expectedPods]).toEqual([2, 4]);
});

test('where nobody says how many there shall be, none may go', async () => {
  const scene = new Scene();
  scene.pod('stray');
  await scene.look();
  expect(scene.status).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0, currentHealthy: 1 });
});

test.each([
  ['not known yet', (s: Scene) => s.pod('web-1', WEB), 'found no controllers for pod "web-1"'],
  [
    'another one of that name',
    (s: Scene) => {
      s.set('web', 5, 'other');
      s.pod('web-1', WEB);
    },
    'found no controllers for pod "web-1"',
  ],
  ['a custom one that is gone', (s: Scene) => s.pod('lost-1', farm('lost')), 'found no controllers for pod "lost-1"'],
  [
    'of a kind that does not say it',
    (s: Scene) => s.pod('log-1', { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'log' }),
    'daemonsets.apps does not implement the scale subresource',
  ],
  [
    'of a custom kind that does not say it',
    (s: Scene) => {
      s.resources = SCALED.slice(0, 1);
      s.pod('a-1', farm('a'));
    },
    'farms.farms.example does not implement the scale subresource',
  ],
  [
    'of a kind that is not served',
    (s: Scene) => {
      s.resources = undefined;
      s.pod('a-1', farm('a'));
    },
    'no matches for kind "Farm" in version "farms.example/v1"',
  ],
  [
    'of what is no version but a path',
    (s: Scene) => s.pod('a-1', { ...farm('a'), apiVersion: 'farms.example/v1/namespaces/ns/secrets/x' }),
    'no matches for kind "Farm" in version "farms.example/v1/namespaces/ns/secrets/x"',
  ],
])('while a controller is %s, none may go', async (_what, make, message) => {
  const scene = new Scene();
  scene.set('api', 3);
  for (const i of [1, 2, 3]) scene.pod(`api-${i}`, { ...WEB, name: 'api' });
  make(scene);
  expect(await scene.look()).toEqual({ afterMs: 60_000 });
  expect(scene.status?.disruptionsAllowed).toBe(0);
  expect(scene.status?.conditions).toMatchObject([{ status: 'False', reason: 'SyncFailed', message }]);
});

test('custom controllers say it by their scale, asked once a minute however many pods and looks there are', async () => {
  const scene = new Scene();
  for (const name of ['a', 'b']) {
    scene.farm(name, 3);
    for (let i = 0; i < 3; i++) scene.pod(`${name}-${i}`, farm(name));
  }
  expect(await scene.look()).toEqual({ afterMs: 60_000 });
  await scene.look();
  expect(scene.status).toMatchObject({ expectedPods: 6, desiredHealthy: 5, disruptionsAllowed: 1 });
  const scales = ['a', 'b'].map((name) => `${ROOT}/namespaces/ns/farms/${name}/scale`);
  expect(scene.asked).toEqual([ROOT, ...scales]);
  scene.farm('b', 9);
  await scene.clock.advance(60_000);
  await scene.look();
  expect(scene.status).toMatchObject({ expectedPods: 12, disruptionsAllowed: 0 });
  expect(scene.asked.slice(3)).toEqual([ROOT, ...scales]);
});

test('a custom controller that changed is asked again, whether or not it comes to pods', async () => {
  const scene = new Scene();
  scene.farm('a', 3);
  scene.pod('a-0', farm('a'));
  const keys = await scene.watched();
  await scene.look();
  scene.farm('a', 9);
  scene.changed('elsewhere');
  expect(keys).toEqual([]);
  scene.changed('a');
  scene.changed('a');
  expect(keys).toEqual(['ns/b']);
  await scene.look();
  expect(scene.status?.expectedPods).toBe(9);
});

test('a pod that was to be removed, and was not, is no target any more after two minutes', async () => {
  const scene = new Scene();
  const keys = scene.heard();
  scene.marked(100);
  expect(keys).toContain('pod:ns/p');
  expect(await scene.lookAtPod()).toEqual({ afterMs: 20_000 });
  expect(scene.patched).toEqual([]);
  await scene.clock.advance(20_000);
  scene.isRefused = true;
  expect(await scene.lookAtPod()).toBeUndefined();
  const condition = { type: 'DisruptionTarget', status: 'False', reason: null, message: null };
  expect(scene.patched).toMatchObject([
    { name: 'p', subresource: 'status', metadata: { uid: 'p' }, status: { conditions: [condition] } },
  ]);
});

test.each<[string, (s: Scene) => void]>([
  ['is none', (s) => s.marked(900, { status: 'False' })],
  ['is ended by its agent', (s) => s.marked(900, { reason: 'TerminationByKubelet' })],
  ['is on its way out', (s) => s.marked(900, {}, { deletionTimestamp: ago(1) })],
  ['has ended', (s) => s.marked(900, {}, {}, 'Failed')],
])('a target that %s stays as it is', async (_what, make) => {
  const scene = new Scene();
  const keys = scene.heard();
  make(scene);
  expect(keys).not.toContain('pod:ns/p');
  expect(await scene.lookAtPod()).toBeUndefined();
  expect(scene.patched).toEqual([]);
});
