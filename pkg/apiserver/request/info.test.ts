import { expect, test } from 'vitest';
import { parseRequestInfo } from './info.ts';

const cases: [string, string, boolean, Record<string, unknown>][] = [
  ['GET', '/api/v1/pods', false, { verb: 'list', resource: 'pods', namespace: '', version: 'v1', group: '' }],
  ['GET', '/api/v1/pods', true, { verb: 'watch', resource: 'pods' }],
  ['GET', '/api/v1/watch/namespaces/a/pods', false, { verb: 'watch', resource: 'pods', namespace: 'a' }],
  ['GET', '/api/v1/namespaces', false, { verb: 'list', resource: 'namespaces', name: '' }],
  ['GET', '/api/v1/namespaces/a', false, { verb: 'get', resource: 'namespaces', name: 'a', namespace: 'a' }],
  [
    'PUT',
    '/api/v1/namespaces/a/finalize',
    false,
    { verb: 'update', resource: 'namespaces', subresource: 'finalize', name: 'a' },
  ],
  ['DELETE', '/api/v1/namespaces/a/pods', false, { verb: 'deletecollection', resource: 'pods', namespace: 'a' }],
  ['POST', '/apis/apps/v1/namespaces/a/deployments', false, { verb: 'create', group: 'apps', resource: 'deployments' }],
  [
    'PATCH',
    '/apis/apps/v1/namespaces/a/deployments/d/scale',
    false,
    { verb: 'patch', name: 'd', subresource: 'scale' },
  ],
  ['GET', '/api/v1/namespaces/a/pods/p/proxy/x/y', false, { subresource: 'proxy', rest: 'x/y' }],
  ['GET', '/api/v1/nodes/n%20x', false, { name: 'n x' }],
  ['GET', '/apis/apps/v1', false, { isResource: false, verb: 'get' }],
  ['GET', '/version', false, { isResource: false, path: '/version' }],
];

test.each(cases)('%s %s watch=%s', (method, path, watch, want) => {
  expect(parseRequestInfo(method, path, watch)).toMatchObject(want);
});
