import { describe, expect, test } from 'vitest';
import { type BadInput, created, includesProblem, spoiled, texts, updated } from '../../fixtures.ts';
import { goodPod as good } from './good-pod.ts';
import { Pods } from './pod.ts';

const C = 'spec.containers[0]';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';

describe('updates', () => {
  const stored = created(
    Pods,
    spoiled(good, { 'spec.tolerations': [{ key: 'a', operator: 'Exists' }], 'spec.activeDeadlineSeconds': 60 }),
  ).object;
  const allowed: Record<string, unknown>[] = [
    { [`${C}.image`]: 'nginx:1.28' },
    { 'spec.activeDeadlineSeconds': 30 },
    { 'spec.tolerations[1]': { key: 'b', operator: 'Exists' } },
    { 'metadata.labels': { a: 'b' } },
  ];
  test.each(allowed)('may change %j', (changes) => {
    const { problems } = updated(Pods, stored, (o) => Object.assign(o, spoiled(o, changes)));
    expect(texts(problems)).toEqual([]);
  });
  const denied: BadInput[] = [
    [
      { 'spec.hostname': 'x' },
      FORBIDDEN,
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`',
    ],
    [{ [`${C}.command`]: ['x'] }, FORBIDDEN, 'spec', 'pod updates may not change fields other than'],
    [{ 'spec.nodeName': 'n1' }, FORBIDDEN, 'spec', 'pod updates may not change fields other than'],
    [
      { 'spec.tolerations': [] },
      FORBIDDEN,
      'spec.tolerations',
      'existing toleration can not be modified except its tolerationSeconds',
    ],
    [
      { 'spec.activeDeadlineSeconds': 90 },
      INVALID,
      'spec.activeDeadlineSeconds',
      'must be less than or equal to previous value',
    ],
    [
      { 'spec.activeDeadlineSeconds': undefined },
      INVALID,
      'spec.activeDeadlineSeconds',
      'must not update from a positive integer to nil value',
    ],
    [
      { 'spec.containers[1]': { name: 'b', image: 'x' } },
      FORBIDDEN,
      'spec.containers',
      'pod updates may not add or remove containers',
    ],
    [
      { 'spec.schedulingGates': [{ name: 'g' }] },
      FORBIDDEN,
      'spec.schedulingGates[0].name',
      'only deletion is allowed, but found new scheduling gate',
    ],
  ];
  test.each(denied)('may not change %j', (...input) => {
    const { problems } = updated(Pods, stored, (o) => Object.assign(o, spoiled(o, input[0])));
    expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
  });

  test('an ended container of a job pod stays ended', () => {
    const old = structuredClone(stored);
    if (old.spec) old.spec.restartPolicy = 'Never';
    const status = { name: 'app', ready: false, restartCount: 0, image: '', imageID: '' };
    old.status = { containerStatuses: [{ ...status, state: { terminated: { exitCode: 0 } } }] };
    const now = { ...old, status: { containerStatuses: [{ ...status, state: { running: {} } }] } };
    expect(texts(Pods.validateStatus?.(now, old) ?? [])).toEqual([
      'FieldValueForbidden status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
    ]);
  });
});
