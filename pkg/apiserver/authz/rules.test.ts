import { expect, test } from 'vitest';
import { type AuthorizationRequest, type PolicyRule, ruleAllows } from './rules.ts';

const ask = (r: Partial<AuthorizationRequest>): AuthorizationRequest => ({
  verb: 'get',
  isResource: true,
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: '',
  path: '',
  ...r,
});
const read: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] };

test.each<[string, PolicyRule, Partial<AuthorizationRequest>, boolean]>([
  ['verb and resource', read, {}, true],
  ['other verb', read, { verb: 'delete' }, false],
  ['other group', read, { group: 'apps' }, false],
  ['named subresource', read, { subresource: 'log' }, true],
  ['a resource does not cover its subresources', read, { subresource: 'exec' }, false],
  [
    'stars',
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { group: 'x', resource: 'y', subresource: 'z' },
    true,
  ],
  [
    '*/scale',
    { verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] },
    { group: 'apps', resource: 'd', subresource: 'scale' },
    true,
  ],
  ['resource name', { ...read, resourceNames: ['p'] }, { name: 'p' }, true],
  ['other name', { ...read, resourceNames: ['p'] }, { name: 'q' }, false],
  ['path', { verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, { isResource: false, path: '/healthz/etcd' }, true],
  ['other path', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, { isResource: false, path: '/metrics' }, false],
  ['resource rules say nothing of paths', read, { isResource: false, path: '/api' }, false],
])('%s', (_name, rule, request, want) => {
  expect(ruleAllows(rule, ask(request))).toBe(want);
});
