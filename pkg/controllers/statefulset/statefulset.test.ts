import { describe, expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { NOW, type PodSketch, pod } from '../fixtures.ts';
import { Claims } from './claims.ts';
import { claimOwners, claimsFor, isClaimOf, ordinalOf, podFor } from './identity.ts';
import { planStep, revisionFor, type Scene, statusOf } from './plan.ts';

const set = (spec: object = {}): Stored<StatefulSet> =>
  ({
    metadata: { namespace: 'ns', name: 'web', uid: 'set', generation: 4 },
    spec: {
      replicas: 3,
      serviceName: 'svc',
      selector: { matchLabels: { app: 'web' } },
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  }) as unknown as Stored<StatefulSet>;
/** web-0, web-1 …: "+" healthy, "-" not ready, "x" failed, "d" ending, "." none; capitals and "*" are of the old revision. */
function pods(text: string, start = 0): Stored<Pod>[] {
  return [...text].flatMap((c, i) => {
    const name = `web-${start + i}`;
    const old = '*DX~'.includes(c);
    const labels = { 'controller-revision-hash': old ? 'old' : 'new' };
    const kinds: Record<string, PodSketch> = {
      '+': { ready: 100 },
      '*': { ready: 100 },
      '-': {},
      '~': {},
      x: { phase: 'Failed' },
      X: { phase: 'Failed' },
      d: { ready: 100, deleting: true },
      D: { ready: 100, deleting: true },
    };
    return c === '.' ? [] : [pod({ name, labels, ...kinds[c] })];
  });
}
const scene = (spec: object, text: string, start = 0): Scene => ({
  set: set(spec),
  pods: pods(text, start),
  current: 'old',
  update: 'new',
  now: NOW,
});
const step = (spec: object, text: string, start = 0) => {
  const { create, remove } = planStep(scene(spec, text, start));
  return `${create.map((o) => `+${o}`).join('')}${remove.map((p) => `-${p.metadata.name.slice(4)}`).join('')}`;
};
const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
const parallel = { podManagementPolicy: 'Parallel' };
const onDelete = { updateStrategy: { type: 'OnDelete' } };

describe('the next step', () => {
  test.each<[string, object, string, string]>([
    ['the first', {}, '...', '+0'],
    ['waits for the one before', {}, '-..', ''],
    ['then the next', {}, '+..', '+1'],
    ['a gap is filled first', {}, '+.+', '+1'],
    ['a failed one is replaced', {}, '+x+', '-1'],
    ['one that ends is waited for', {}, '+d.', ''],
    ['the highest goes first', { replicas: 1 }, '+++', '-2'],
    ['… after the one above', { replicas: 1 }, '++d', ''],
    ['… not beside an unhealthy one', { replicas: 2 }, '-+++', ''],
    ['… even if it is unhealthy itself', { replicas: 2 }, '+++-', '-3'],
    ['nothing to do', {}, '+++', ''],
    ['an update goes downwards', {}, '***', '-2'],
    ['… one by one', {}, '**-', ''],
    ['… when that is healthy', {}, '**+', '-1'],
    ['… down to the partition', rolling({ partition: 2 }), '**+', ''],
    ['an update can repair', parallel, '~~~', '-2'],
    ['several at a time', rolling({ maxUnavailable: 2 }), '***', '-2-1'],
    ['… as a share', rolling({ maxUnavailable: '100%' }), '***', '-2-1-0'],
    ['… less those missing', { ...rolling({ maxUnavailable: 2 }), ...parallel }, '**d', '-1'],
    ['OnDelete leaves them', onDelete, '***', ''],
    ['all at once', parallel, '..+', '+0+1'],
    ['all at once down', { ...parallel, replicas: 1 }, '+-+', '-2-1'],
  ])('%s', (_, spec, text, want) => {
    expect(step(spec, text)).toBe(want);
  });
  test('ordinals can start elsewhere', () => {
    const spec = { replicas: 2, ordinals: { start: 5 } };
    expect([step(spec, '+', 5), step(spec, '++', 4), step(spec, '+++', 4)]).toEqual(['+6', '+6', '-4']);
  });
  test('a pod must have been ready for long enough', () => {
    expect(planStep(scene({ minReadySeconds: 130 }, '+..'))).toEqual({ create: [], remove: [], waitMs: 30_000 });
  });
});

test.each<[object, string]>([
  [rolling({ partition: 0 }), 'new new new'],
  [rolling({ partition: 2 }), 'old old new'],
  [onDelete, 'new new new'],
])('with %j new pods are of the revisions %s', (spec, want) => {
  expect([0, 1, 2].map((o) => revisionFor(scene(spec, ''), o)).join(' ')).toBe(want);
});

test.each<[string, object, object]>([
  ['**+', {}, { replicas: 3, readyReplicas: 3, currentReplicas: 2, updatedReplicas: 1, currentRevision: 'old' }],
  ['+++', {}, { currentReplicas: 3, updatedReplicas: 3, currentRevision: 'new', updateRevision: 'new' }],
  ['++-', {}, { readyReplicas: 2, availableReplicas: 2, updatedReplicas: 3, currentRevision: 'old' }],
  ['+++', onDelete, { updatedReplicas: 3, currentRevision: 'old' }],
  ['++d', {}, { replicas: 3, readyReplicas: 3, updatedReplicas: 2 }],
  ['+++', { minReadySeconds: 101 }, { readyReplicas: 3, availableReplicas: 0 }],
])('status of %s with %j', (text, spec, want) => {
  expect(statusOf(scene(spec, text), 0).status).toMatchObject({ observedGeneration: 4, collisionCount: 0, ...want });
});

test.each([
  ['web-0', 0],
  ['web-12', 12],
  ['web-01', undefined],
  ['web-x', undefined],
  ['web-0-1', undefined],
  ['other-1', undefined],
])('ordinal of %s', (name, want) => {
  expect(ordinalOf(set(), { metadata: { name } })).toBe(want);
});

const withClaims = (policy: object = {}) =>
  set({
    volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain', ...policy },
  });

test('a pod has its name everywhere, and its claims in place of volumes', () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: {
      containers: [{ name: 'c' }],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    },
  };
  const made = podFor(withClaims(), 2, { template: template as never, revision: 'web-abc' });
  expect(made.metadata).toMatchObject({
    name: 'web-2',
    labels: {
      app: 'web',
      'statefulset.kubernetes.io/pod-name': 'web-2',
      'apps.kubernetes.io/pod-index': '2',
      'controller-revision-hash': 'web-abc',
    },
  });
  expect(made.metadata?.generateName).toBeUndefined();
  expect(made.spec).toMatchObject({
    hostname: 'web-2',
    subdomain: 'svc',
    volumes: [
      { name: 'tmp', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName: 'data-web-2' } },
    ],
  });
});

describe('claims of a pod that waits', () => {
  const template = { metadata: { name: 'data' }, spec: {} };
  const web = set({ volumeClaimTemplates: [template] });
  const claim = (name: string, more: object = {}) =>
    ({ metadata: { name, namespace: 'ns', ...more } }) as Stored<PersistentVolumeClaim>;
  function claimsOf(...present: Stored<PersistentVolumeClaim>[]) {
    const created: (string | undefined)[] = [];
    const create = async (_kind: unknown, o: PersistentVolumeClaim) => void created.push(o.metadata?.name);
    const lister = { get: (name: string) => present.find((c) => c.metadata.name === name) };
    const o = { client: { create }, claims: { lister }, events: { event: () => {} } };
    return { claims: new Claims(o as unknown as ConstructorParameters<typeof Claims>[0]), created };
  }
  const waiting = (name: string, sketch: PodSketch = {}): Stored<Pod> => {
    const p = pod({ name, phase: 'Pending', ...sketch });
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: `data-${name}` } }];
    return { ...p, spec: { ...p.spec, volumes } } as Stored<Pod>;
  };

  test('are made anew, where the pod has yet to start', async () => {
    const { claims, created } = claimsOf(claim('data-web-2'));
    const strange = pod({ name: 'web-1', phase: 'Pending' });
    await claims.restore(web, [
      waiting('web-0'),
      strange,
      waiting('web-2'),
      waiting('web-3'),
      waiting('web-1', { phase: 'Running' }),
      waiting('web-1', { deleting: true }),
    ]);
    expect(created).toEqual(['data-web-0']);
  });

  test('are not those that go with the pod before it', async () => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'web-1', uid: 'before' }];
    const { claims, created } = claimsOf(claim('data-web-1', { ownerReferences }));
    await expect(claims.ensure(web, 1)).rejects.toThrow('pvc data-web-1 is to go with the pod that was scaled away');
    await claims.ensure(web, 0);
    expect(created).toEqual(['data-web-0']);
  });

  test.each([
    ['data-web-7', true],
    ['data-web-x', false],
    ['data-webber-0', false],
    ['other-web-0', false],
  ])('%s is one of the set: %s', (name, want) => {
    expect(isClaimOf(web, name)).toBe(want);
  });
});

describe('claims', () => {
  const kinds = (refs: { kind?: string }[] | undefined) => refs?.map((r) => r.kind).join();
  const owned = (refs: object[]): Stored<PersistentVolumeClaim> =>
    ({ metadata: { name: 'data-web-1', ownerReferences: refs } }) as unknown as Stored<PersistentVolumeClaim>;
  const leaving = pod({ name: 'web-1' });
  const other = { kind: 'Backup', uid: 'b', name: 'b' };
  const ofSet = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'set' };
  test('are made from the templates', () => {
    const [claim] = claimsFor(withClaims({ whenDeleted: 'Delete' }), 1);
    expect(claim).toMatchObject({
      metadata: { name: 'data-web-1', namespace: 'ns', labels: { app: 'web' }, ownerReferences: [ofSet] },
      spec: { accessModes: ['ReadWriteOnce'] },
    });
    expect(claimsFor(withClaims(), 1)[0]?.metadata?.ownerReferences).toBeUndefined();
  });
  test.each<[string, object, object[], boolean, string | undefined]>([
    ['stay', {}, [], true, undefined],
    ['go with the set', { whenDeleted: 'Delete' }, [other], false, 'Backup,StatefulSet'],
    ['as they are', { whenDeleted: 'Delete' }, [ofSet], false, undefined],
    ['go with the pod', { whenScaled: 'Delete' }, [], true, 'Pod'],
    ['go with the pod first', { whenScaled: 'Delete', whenDeleted: 'Delete' }, [ofSet], true, 'Pod'],
    ['come back', { whenScaled: 'Delete' }, [{ kind: 'Pod', name: 'web-1', uid: 'x' }], false, ''],
    ['no longer go', {}, [ofSet, other], false, 'Backup'],
  ])('%s', (_, policy, refs, gone, want) => {
    expect(kinds(claimOwners(withClaims(policy), owned(refs), gone ? leaving : undefined))).toBe(want);
  });
});
