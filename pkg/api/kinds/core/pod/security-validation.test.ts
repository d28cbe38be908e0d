import { expect, test } from 'vitest';
import { type BadInput, created, includesProblem, spoiled, texts } from '../../fixtures.ts';
import { goodPod as good } from './good-pod.ts';
import { Pods } from './pod.ts';

const POD = 'spec.securityContext';
const C = 'spec.containers[0].securityContext';
const REQUIRED = 'FieldValueRequired';
const INVALID = 'FieldValueInvalid';
const FORBIDDEN = 'FieldValueForbidden';
const UNSUPPORTED = 'FieldValueNotSupported';
const PROFILES = 'supported values: "Localhost", "RuntimeDefault", "Unconfined"';

const profiles = [
  ['seccompProfile', 'seccomp'],
  ['appArmorProfile', 'AppArmor'],
] as const;
const bad: BadInput[] = [POD, C].flatMap((at) =>
  profiles.flatMap(([field, what]): BadInput[] => {
    const path = `${at}.${field}`;
    const file = `${path}.localhostProfile`;
    return [
      [{ [path]: {} }, REQUIRED, `${path}.type`, `type is required when ${field} is set`],
      [{ [path]: { type: 'Strict' } }, UNSUPPORTED, `${path}.type`, PROFILES],
      [{ [path]: { type: 'Localhost' } }, REQUIRED, file, `must be set when ${what} type is Localhost`],
      [
        { [path]: { type: 'RuntimeDefault', localhostProfile: 'a' } },
        INVALID,
        file,
        `can only be set when ${what} type is Localhost`,
      ],
    ];
  }),
);
bad.push(
  [
    { [`${C}.seccompProfile`]: { type: 'Localhost', localhostProfile: '../a' } },
    INVALID,
    `${C}.seccompProfile.localhostProfile`,
    "must not contain '..'",
  ],
  [
    { [`${C}.appArmorProfile`]: { type: 'Localhost', localhostProfile: ' a' } },
    INVALID,
    `${C}.appArmorProfile.localhostProfile`,
    'must not be padded with whitespace',
  ],
  [{ [`${POD}.fsGroupChangePolicy`]: 'x' }, UNSUPPORTED, `${POD}.fsGroupChangePolicy`, '"Always", "OnRootMismatch"'],
  [{ [`${POD}.supplementalGroupsPolicy`]: 'x' }, UNSUPPORTED, `${POD}.supplementalGroupsPolicy`, '"Merge", "Strict"'],
  [{ [`${C}.procMount`]: 'x' }, UNSUPPORTED, `${C}.procMount`, '"Default", "Unmasked"'],
  [{ [`${C}.procMount`]: 'Unmasked' }, INVALID, `${C}.procMount`, '`hostUsers` must be false to use `Unmasked`'],
  [{ 'spec.hostUsers': false, 'spec.hostPID': true }, FORBIDDEN, 'spec.hostPID', 'when `pod.Spec.HostUsers` is false'],
  ...[`${POD}.runAsUser`, `${POD}.runAsGroup`, `${C}.runAsUser`, `${C}.runAsGroup`].flatMap((at) =>
    [-1, 2 ** 31].map((id): BadInput => [{ [at]: id }, INVALID, at, 'must be between 0 and 2147483647, inclusive']),
  ),
  [
    { [`${POD}.supplementalGroups`]: [2 ** 31] },
    INVALID,
    `${POD}.supplementalGroups[0]`,
    'must be between 0 and 2147483647, inclusive',
  ],
  [
    { [`${POD}.sysctls`]: [{ name: 'a'.repeat(254), value: '1' }] },
    INVALID,
    `${POD}.sysctls[0].name`,
    'must have at most 253 characters',
  ],
  [
    { [`${POD}.seccompProfile`]: { localhostProfile: 'a' } },
    INVALID,
    `${POD}.seccompProfile.localhostProfile`,
    'can only be set when seccomp type is Localhost',
  ],
  [{ 'spec.os': { name: '' } }, REQUIRED, 'spec.os.name', 'cannot be empty'],
  [{ 'spec.os': { name: 'plan9' } }, UNSUPPORTED, 'spec.os', '"linux", "windows"'],
  [
    { 'spec.os': { name: 'linux' }, [`${POD}.windowsOptions`]: {} },
    FORBIDDEN,
    `${POD}.windowsOptions`,
    'windows options cannot be set for a linux pod',
  ],
);

test.each(bad)('%j: %s %s', (...input) => {
  const { problems } = created(Pods, spoiled(good, input[0]));
  expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
});

test.each<Record<string, unknown>>([
  { [`${POD}.seccompProfile`]: { type: 'Localhost', localhostProfile: 'profiles/a.json' } },
  { [`${C}.appArmorProfile`]: { type: 'Localhost', localhostProfile: 'k8s-a' } },
  { [`${C}.seccompProfile`]: { type: 'Unconfined' }, [`${POD}.fsGroupChangePolicy`]: 'OnRootMismatch' },
  { 'spec.hostUsers': false, [`${C}.procMount`]: 'Unmasked' },
  { 'spec.os': { name: 'windows' }, [`${POD}.windowsOptions`]: { runAsUserName: 'a' } },
])('good: %j', (changes) => {
  expect(texts(created(Pods, spoiled(good, changes)).problems)).toEqual([]);
});
