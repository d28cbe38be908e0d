import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import { rejection } from './admission.ts';
import { appArmorOf, appArmorRefusal } from './apparmor.ts';
import { seccompOf } from './seccomp.ts';

test('a sysctl that can harm others is refused, unless this node lets pods set it', () => {
  const sysctls = [{ name: 'kernel.msgmax', value: '1' }];
  const pod = { spec: { securityContext: { sysctls } } } as unknown as Pod;
  const message = 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted';
  expect(rejection(pod, new Set(), [])).toEqual({ reason: 'SysctlForbidden', message });
  expect(rejection(pod, new Set(), ['kernel.msg*'])).toBeUndefined();
});

test('groups of the image cannot be kept out: whoever asks for that is told', () => {
  const pod = (supplementalGroupsPolicy: string): Pod =>
    ({ spec: { securityContext: { supplementalGroupsPolicy } } }) as unknown as Pod;
  expect(rejection(pod('Strict'), new Set(), [])?.reason).toBe('SupplementalGroupsPolicyNotSupported');
  expect(rejection(pod('Merge'), new Set(), [])).toBeUndefined();
});

test.each<[string, object, 'MemoryPressure' | 'DiskPressure', boolean]>([
  ['nothing promised', { status: { qosClass: 'BestEffort' } }, 'MemoryPressure', false],
  ['something promised', { status: { qosClass: 'Burstable' } }, 'MemoryPressure', true],
  [
    'tolerated',
    { spec: { tolerations: [{ operator: 'Exists' }] }, status: { qosClass: 'BestEffort' } },
    'MemoryPressure',
    true,
  ],
  ['promises do not help against a full disk', { status: { qosClass: 'Guaranteed' } }, 'DiskPressure', false],
  ['critical', { spec: { priority: 2_000_000_000 } }, 'DiskPressure', true],
])('under pressure: %s', (_, pod, pressure, starts) => {
  expect(rejection(pod as Pod, new Set([pressure]), [])?.reason).toBe(starts ? undefined : 'Evicted');
});

test('seccomp profiles: the container before the pod, files below one folder only', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'seccomp-'));
  try {
    await writeFile(join(dir, 'a.json'), '{ "defaultAction": "SCMP_ACT_ALLOW" }');
    await writeFile(join(dir, 'bad.json'), '{');
    const profile = (seccompProfile: object | undefined) => ({ securityContext: { seccompProfile } });
    const local = (localhostProfile: string) =>
      profile({ type: 'Localhost', localhostProfile }) as unknown as Container;
    const pod = { spec: profile({ type: 'RuntimeDefault' }) } as unknown as Pod;
    expect(await seccompOf({} as Pod, {} as Container, dir)).toBe('unconfined');
    expect(await seccompOf(pod, {} as Container, dir)).toBe('');
    expect(await seccompOf(pod, profile({ type: 'Unconfined' }) as unknown as Container, dir)).toBe('unconfined');
    expect(await seccompOf(pod, local('a.json'), dir)).toBe('{"defaultAction":"SCMP_ACT_ALLOW"}');
    await expect(seccompOf(pod, local('bad.json'), dir)).rejects.toThrow('cannot load seccomp profile');
    await expect(seccompOf(pod, local('../a.json'), dir)).rejects.toThrow('lies outside');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

describe('AppArmor', () => {
  const field = (type: string, localhostProfile?: string) => ({
    securityContext: { appArmorProfile: { type, localhostProfile } },
  });
  const of = (container: object, spec: object = {}, annotations = {}): [Pod, Container] => {
    const c = { name: 'c', ...container } as Container;
    return [{ metadata: { annotations }, spec: { ...spec, containers: [c] } } as unknown as Pod, c];
  };
  const annotation = (value: string) => ({ 'container.apparmor.security.beta.kubernetes.io/c': value });

  test.each<[string, [Pod, Container], string, boolean]>([
    ['nothing asked', of({}), '', false],
    ['the default of the runtime', of(field('RuntimeDefault')), '', true],
    ['one of the node', of(field('Localhost', 'mine')), 'mine', true],
    ['none', of(field('Unconfined')), 'unconfined', false],
    ['the container before the pod', of(field('Localhost', 'mine'), field('Unconfined')), 'mine', true],
    ['that of the pod', of({}, field('Localhost', 'pods')), 'pods', true],
    ['an annotation', of({}, {}, annotation('localhost/mine')), 'mine', true],
    ['an annotation for none', of({}, {}, annotation('unconfined')), 'unconfined', false],
    ['an annotation for the default', of({}, {}, annotation('runtime/default')), '', true],
    ['privileged ones are not confined', of({ securityContext: { privileged: true } }), 'unconfined', false],
  ])('%s', (_, [pod, c], profile, needed) => {
    expect(appArmorOf(pod, c)).toBe(profile);
    expect(appArmorRefusal(pod, true)).toBeUndefined();
    expect(appArmorRefusal(pod, false)?.reason).toBe(needed ? 'AppArmor' : undefined);
  });
});
