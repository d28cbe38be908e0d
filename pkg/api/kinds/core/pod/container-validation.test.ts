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
  ...[
    ['limits.cpu', '2', '1m and 1 are supported with the cpu resource'],
    ['requests.memory', '2', '1Pi, 1Ei are supported with the memory resource'],
    ['limits.ephemeral-storage', '1m', '1Pi, 1Ei are supported with the local ephemeral storage resource'],
    ['limits.hugepages-2Mi', '7', '1Pi, 1Ei are supported with the hugepages resource'],
  ].map(
    ([resource, divisor, said]): BadInput => [
      { [`${C}.env`]: [{ name: 'A', valueFrom: { resourceFieldRef: { resource, divisor } } }] },
      INVALID,
      `${C}.env[0].valueFrom.resourceFieldRef.divisor`,
      said as string,
    ],
  ),
  ...['configMapKeyRef', 'secretKeyRef'].map(
    (ref): BadInput => [
      { [`${C}.env`]: [{ name: 'A', valueFrom: { [ref]: { name: 'A_b', key: 'k' } } }] },
      INVALID,
      `${C}.env[0].valueFrom.${ref}.name`,
      '"A_b": a lowercase RFC 1123 subdomain',
    ],
  ),
  ...['configMapRef', 'secretRef'].map(
    (ref): BadInput => [
      { [`${C}.envFrom`]: [{ [ref]: { name: 'A_b' } }] },
      INVALID,
      `${C}.envFrom[0].${ref}.name`,
      '"A_b": a lowercase RFC 1123 subdomain',
    ],
  ),
  // What is wrong with an amount does not hide what is wrong with two.
  [
    { [`${C}.resources`]: { requests: { cpu: '1' }, limits: { cpu: '-1' } } },
    INVALID,
    `${C}.resources.requests`,
    'must be less than or equal to cpu limit of -1',
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
  { [`${C}.env`]: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } }] },
  { 'spec.imagePullSecrets': [{}] },
])('good: %j', (changes) => {
  expect(texts(created(Pods, spoiled(good, changes)).problems)).toEqual([]);
});
