import { expect, test } from 'vitest';
import { parseRequestInfo } from '../request/info.ts';
import { type AuditRule, levelOf } from './policy.ts';

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
  expect(levelOf(rules, { name, groups }, parseRequestInfo(method, path, false))).toBe(want);
});
