import { expect, test } from 'vitest';
import { type BadInput, created, includesProblem, spoiled, texts } from '../../fixtures.ts';
import { goodPod as good } from './good-pod.ts';
import { Pods } from './pod.ts';

const C = 'spec.containers[0]';
const MOUNT = `${C}.volumeMounts[0]`;
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const memory = { resourceName: 'memory', restartPolicy: 'RestartContainer' };

const bad: BadInput[] = [
  [{ [`${MOUNT}.recursiveReadOnly`]: 'x' }, UNSUPPORTED, `${MOUNT}.recursiveReadOnly`, '"Disabled", "Enabled"'],
  [
    { [`${MOUNT}.recursiveReadOnly`]: 'Enabled' },
    FORBIDDEN,
    `${MOUNT}.recursiveReadOnly`,
    'may only be specified when readOnly is true',
  ],
  [
    {
      [`${MOUNT}.readOnly`]: true,
      [`${MOUNT}.recursiveReadOnly`]: 'IfPossible',
      [`${MOUNT}.mountPropagation`]: 'HostToContainer',
    },
    FORBIDDEN,
    `${MOUNT}.recursiveReadOnly`,
    'may only be specified when mountPropagation is None or not specified',
  ],
  [{ [`${C}.resizePolicy`]: [memory, memory] }, 'FieldValueDuplicate', `${C}.resizePolicy[1]`, '"memory"'],
  [
    { [`${C}.resizePolicy`]: [{ ...memory, resourceName: 'disk' }] },
    UNSUPPORTED,
    `${C}.resizePolicy`,
    '"cpu", "memory"',
  ],
  [
    { [`${C}.resizePolicy`]: [{ ...memory, restartPolicy: 'x' }] },
    UNSUPPORTED,
    `${C}.resizePolicy`,
    '"NotRequired", "RestartContainer"',
  ],
  [
    { [`${C}.resizePolicy`]: [memory], 'spec.restartPolicy': 'Never' },
    INVALID,
    `${C}.resizePolicy`,
    "must be 'NotRequired' when `restartPolicy` is 'Never'",
  ],
  [
    { [`${C}.lifecycle`]: { preStop: { sleep: { seconds: 31 } } } },
    INVALID,
    `${C}.lifecycle.preStop.sleep`,
    'must be non-negative and less than terminationGracePeriodSeconds (30)',
  ],
];

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Pods, spoiled(good, input[0]));
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
});

test.each<Record<string, unknown>>([
  { [`${MOUNT}.readOnly`]: true, [`${MOUNT}.recursiveReadOnly`]: 'Enabled' },
  { [`${MOUNT}.recursiveReadOnly`]: 'Disabled' },
  { [`${C}.resizePolicy`]: [memory, { resourceName: 'cpu', restartPolicy: 'NotRequired' }] },
  { [`${C}.lifecycle`]: { preStop: { sleep: { seconds: 0 } } } },
])('good: %j', (changes) => {
  expect(texts(created(Pods, spoiled(good, changes)).problems)).toEqual([]);
});
