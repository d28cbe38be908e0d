import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseRequestInfo } from '../request/info.ts';
import { type AuditPolicy, type AuditRule, loadPolicy, verdictOf } from './policy.ts';

const rules: AuditRule[] = [
  { level: 'None', users: ['system:kube-scheduler'], verbs: ['get'] },
  { level: 'None', nonResourceURLs: ['/healthz*', '/version'] },
  { level: 'Metadata', resources: [{ group: '', resources: ['secrets'] }] },
  {
    level: 'Request',
    namespaces: ['watched'],
    resources: [{ group: 'apps', resources: ['deployments/*', 'deployments'] }],
  },
  { level: 'RequestResponse', userGroups: ['auditors'] },
  { level: 'Metadata', resources: [{ group: '', resources: ['pods'], resourceNames: ['p'] }] },
];

test.each<[string, string, string, string[], string]>([
  ['GET', '/api/v1/namespaces/a/secrets/s', 'jane', [], 'Metadata'],
  ['GET', '/api/v1/namespaces/a/secrets/s', 'system:kube-scheduler', [], 'None'],
  ['POST', '/apis/apps/v1/namespaces/watched/deployments', 'jane', [], 'Request'],
  ['PATCH', '/apis/apps/v1/namespaces/watched/deployments/d/scale', 'jane', [], 'Request'],
  ['POST', '/apis/apps/v1/namespaces/other/deployments', 'jane', [], 'None'],
  ['GET', '/api/v1/configmaps', 'jane', ['auditors'], 'RequestResponse'],
  ['GET', '/api/v1/namespaces/a/pods/p', 'jane', [], 'Metadata'],
  ['GET', '/api/v1/namespaces/a/pods/q', 'jane', [], 'None'],
  ['GET', '/healthz/etcd', 'jane', ['auditors'], 'None'],
  ['GET', '/metrics', 'jane', ['auditors'], 'RequestResponse'],
])('%s %s by %s %j', (method, path, name, groups, want) => {
  expect(verdictOf({ rules }, { name, groups }, parseRequestInfo(method, path, false)).level).toBe(want);
});

test('what the rule omits comes to what the policy omits, and its word on managed fields goes before', () => {
  const policy: AuditPolicy = {
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
    rules: [
      { level: 'Metadata', verbs: ['watch'], omitStages: ['ResponseStarted'], omitManagedFields: false },
      { level: 'Metadata' },
    ],
  };
  const of = (watch: boolean) => {
    const info = parseRequestInfo('GET', '/api/v1/pods', watch);
    const { omitStages, omitManagedFields } = verdictOf(policy, { name: 'j', groups: [] }, info);
    return [omitStages, omitManagedFields];
  };
  expect(of(true)).toEqual([['RequestReceived', 'ResponseStarted'], false]);
  expect(of(false)).toEqual([['RequestReceived'], true]);
});

test('a rule of namespaces is none of paths, one of no paths is', () => {
  const level = (rule: object) =>
    verdictOf(
      { rules: [{ level: 'Metadata', ...rule }] },
      { name: 'j', groups: [] },
      parseRequestInfo('GET', '/x', false),
    ).level;
  expect(level({ namespaces: ['a'] })).toBe('None');
  expect(level({ nonResourceURLs: [] })).toBe('Metadata');
});

test('a stage that is none is refused', () => {
  const dir = mkdtempSync(join(tmpdir(), 'coxswain-audit-policy-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'policy.yaml');
  writeFileSync(path, 'kind: Policy\nrules: [{level: None, omitStages: [Later]}]\n');
  expect(() => loadPolicy(path)).toThrow(/rules\[0\]\.omitStages\[0\] "Later" is none of RequestReceived/);
});
