import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { isStricter, labelProblems, podWarnings, validateNamespace } from './namespaces.ts';

const labels = (of: Record<string, string>) =>
  Object.fromEntries(Object.entries(of).map(([k, v]) => [`pod-security.kubernetes.io/${k}`, v]));
const pod = (name: string, spec: object = {}): Pod =>
  ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } }) as unknown as Pod;

test.each<[Record<string, string>, string[]]>([
  [{}, []],
  [{ enforce: 'baseline', 'enforce-version': 'v1.33', audit: 'privileged', 'warn-version': 'latest' }, []],
  [
    { enforce: 'bogus' },
    ['metadata.labels[pod-security.kubernetes.io/enforce]: must be one of privileged, baseline, restricted'],
  ],
  [{ warn: '' }, ['metadata.labels[pod-security.kubernetes.io/warn]: must be one of privileged, baseline, restricted']],
  [
    { 'audit-version': 'v2.1' },
    ['metadata.labels[pod-security.kubernetes.io/audit-version]: must be "latest" or "v1.x"'],
  ],
])('labels %j', (given, problems) => {
  const found = labelProblems(labels(given));
  expect(found.map((f) => `${f.field}: ${f.message.replace(/^Invalid value: "[^"]*": /, '')}`)).toEqual(problems);
});

test.each<[Record<string, string>, Record<string, string>, boolean]>([
  [{ enforce: 'baseline' }, {}, true],
  [{ enforce: 'restricted' }, { enforce: 'baseline' }, true],
  [{ enforce: 'baseline' }, { enforce: 'restricted' }, false],
  [{ enforce: 'baseline', 'enforce-version': 'v1.30' }, { enforce: 'restricted' }, true],
  [{ 'enforce-version': 'v1.30' }, {}, false],
  [{ warn: 'restricted' }, {}, false],
])('%j after %j: stricter %s', (now, before, stricter) => {
  expect(isStricter(labels(now), labels(before))).toBe(stricter);
});

test('pods that run already are counted by what they lack', () => {
  const host = { hostNetwork: true };
  const pods = [pod('a', host), pod('b'), pod('c', host), pod('d', { ...host, hostPID: true }), pod('e', host)];
  expect(podWarnings('ns', labels({ enforce: 'baseline' }), pods)).toEqual([
    'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 3 other pods): host namespaces',
  ]);
  expect(podWarnings('ns', labels({ enforce: 'restricted', 'enforce-version': 'v1.33' }), [pod('b')])).toEqual([
    'existing pods in namespace "ns" violate the new PodSecurity enforce level "restricted:v1.33"',
    'b: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
  ]);
  expect(podWarnings('ns', labels({ enforce: 'baseline' }), [pod('b')])).toEqual([]);
});

describe('a change of a namespace', () => {
  const change = (now: Record<string, string>, before?: Record<string, string>): string[] => {
    const warnings: string[] = [];
    const object = { metadata: { labels: labels(now) } };
    const old = before && { metadata: { labels: labels(before) } };
    const attributes = { object, oldObject: old, name: 'ns', resource: { ref: { kind: 'Namespace' } }, warnings };
    validateNamespace(attributes as never, { list: () => [pod('a', { hostIPC: true })] } as never);
    return warnings;
  };

  test('warns of its pods when it grows stricter', () => {
    expect(change({ enforce: 'baseline' }, {})).toHaveLength(2);
    expect(change({ enforce: 'baseline' }, { enforce: 'baseline' })).toEqual([]);
    expect(change({ enforce: 'baseline' })).toEqual([]);
  });

  test('may not bring labels that make no sense, but may leave them', () => {
    expect(() => change({ enforce: 'bogus' })).toThrow('Namespace "ns" is invalid');
    expect(() => change({ enforce: 'bogus' }, {})).toThrow('must be one of');
    expect(change({ enforce: 'bogus', audit: 'baseline' }, { enforce: 'bogus' })).toEqual([]);
  });
});
