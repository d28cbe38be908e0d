import { expect, test } from 'vitest';
import { deployment, replicaSet } from '../fixtures.ts';
import { replicaSetAnnotations } from './annotations.ts';
import { HASH_LABEL, sameTemplate, templateHash } from './hash.ts';
import { newReplicaSet, revisionsOf, surplusHistory } from './revisions.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const at = (n: number) => ({ [REVISION]: String(n) });

test('the hash depends on the template only, not on the order of keys or the hash label', () => {
  const a = { metadata: { labels: { app: 'a', x: '1' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const b = {
    spec: { containers: [{ image: 'i', name: 'c' }] },
    metadata: { labels: { x: '1', app: 'a', [HASH_LABEL]: 'h' } },
  };
  expect(templateHash(a)).toBe(templateHash(b));
  expect(sameTemplate(a, b)).toBe(true);
  expect(templateHash(a, 1)).not.toBe(templateHash(a));
  expect(templateHash({ ...a, spec: { containers: [{ name: 'c', image: 'j' }] } })).not.toBe(templateHash(a));
  expect(templateHash(a)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{7}$/);
});

test('the set of the present template is found; the oldest of two', () => {
  const d = deployment({ replicas: 1, image: 'b' });
  const younger = replicaSet({ name: 'younger', replicas: 1, image: 'b', age: 1 });
  const older = replicaSet({ name: 'older', replicas: 1, image: 'b', age: 5, annotations: at(1) });
  const other = replicaSet({ name: 'other', replicas: 1, image: 'a', age: 9, annotations: at(4) });
  expect(revisionsOf(d, [younger, other, older])).toEqual({ current: older, old: [other, younger], revision: 5 });
  expect(revisionsOf(d, [other])).toMatchObject({ current: undefined, revision: 5 });
});

test('a new set selects its own pods only, and starts within the surge', () => {
  const d = deployment({
    replicas: 4,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  });
  const old = [replicaSet({ name: 'old', replicas: 4, annotations: at(1) })];
  const rs = newReplicaSet(d, { current: undefined, old, revision: 2 });
  const hash = rs.metadata?.labels?.[HASH_LABEL];
  expect(rs.metadata?.name).toBe(`d-${hash}`);
  expect(rs.spec?.selector?.matchLabels).toEqual({ app: 'a', [HASH_LABEL]: hash });
  expect(rs.spec?.template?.metadata?.labels).toEqual({ app: 'a', [HASH_LABEL]: hash });
  expect(rs.spec?.replicas).toBe(1);
  expect(rs.metadata?.annotations).toMatchObject({ ...at(2), 'deployment.kubernetes.io/max-replicas': '5' });
  expect(rs.metadata?.ownerReferences?.[0]).toMatchObject({ kind: 'Deployment', uid: 'd-uid', controller: true });
});

test.each([
  [{}, 1, at(1)],
  [at(1), 1, at(1)],
  [at(1), 3, { ...at(3), [HISTORY]: '1' }],
  [{ ...at(3), [HISTORY]: '1' }, 5, { ...at(5), [HISTORY]: '1,3' }],
  // A cache that lags must not take a revision back.
  [at(5), 4, at(5)],
])('annotations of a set: %j at revision %i', (current, revision, want) => {
  expect(replicaSetAnnotations(deployment({}), current as Record<string, string>, revision)).toEqual(want);
});

test("the Deployment's annotations are copied, bookkeeping is not", () => {
  const d = deployment({});
  d.metadata.annotations = {
    'kubernetes.io/change-cause': 'why',
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
    ...at(9),
  };
  expect(replicaSetAnnotations(d, {}, 2)).toEqual({ 'kubernetes.io/change-cause': 'why', ...at(2) });
});

test('history is cut at the oldest revisions, but never a set with pods', () => {
  const d = deployment({ revisionHistoryLimit: 1 });
  const old = [
    replicaSet({ name: 'r3', replicas: 0, annotations: at(3) }),
    replicaSet({ name: 'r1', replicas: 0, annotations: at(1) }),
    replicaSet({ name: 'r2', replicas: 0, pods: 1, annotations: at(2) }),
  ];
  expect(surplusHistory(d, old).map((rs) => rs.metadata.name)).toEqual(['r1']);
  expect(surplusHistory(deployment({ revisionHistoryLimit: 3 }), old)).toEqual([]);
});
