import { describe, expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps, Namespaces, Nodes, TokenReviews } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { parseRequestInfo } from '../request/info.ts';
import { isAllowed, resourceOf } from './dispatch.ts';

const kinds = [ConfigMaps, Namespaces, Nodes, TokenReviews] as unknown as Kind<KubeObject>[];
const table = {
  find: (group: string, version: string, plural: string) => {
    const kind = kinds.find((k) => k.group === group && k.version === version && k.plural === plural);
    return kind && { kind };
  },
} as unknown as ResourceTable;
const at = (method: string, path: string) => parseRequestInfo(method, path, false);

/** What becomes of a request before anything is looked up: the code of its refusal, or none. */
function outcome(method: string, path: string): number | undefined {
  const info = at(method, path);
  try {
    return isAllowed(resourceOf(table, { info }).kind, info) ? undefined : 405;
  } catch (e) {
    return (e as { code: number }).code;
  }
}

describe('what belongs to the cluster is not reached through a namespace', () => {
  test.each([
    ['GET', '/api/v1/namespaces/a/nodes'],
    ['POST', '/api/v1/namespaces/a/nodes'],
    ['DELETE', '/api/v1/namespaces/a/nodes'],
    ['GET', '/api/v1/namespaces/a/nodes/n'],
    ['PATCH', '/api/v1/namespaces/a/nodes/n/status'],
    ['GET', '/api/v1/namespaces/a/nodes/n/proxy/pods'],
    ['GET', '/api/v1/namespaces/a/namespaces'],
    ['DELETE', '/api/v1/namespaces/a/namespaces/b'],
    ['POST', '/apis/authentication.k8s.io/v1/namespaces/a/tokenreviews'],
  ])('%s %s', (method, path) => {
    expect(outcome(method, path)).toBe(404);
  });
});

test.each<[string, string, number | undefined]>([
  ['GET', '/api/v1/nodes/n', undefined],
  ['DELETE', '/api/v1/nodes', undefined],
  ['GET', '/api/v1/namespaces/a', undefined],
  ['PUT', '/api/v1/namespaces/a/finalize', undefined],
  ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', undefined],
  ['GET', '/apis/authentication.k8s.io/v1/tokenreviews', 405],
  ['GET', '/api/v1/configmaps', undefined],
  ['GET', '/api/v1/configmaps/c', 404],
  ['POST', '/api/v1/configmaps', 405],
  ['DELETE', '/api/v1/configmaps', 405],
  ['DELETE', '/api/v1/configmaps/c', 404],
  ['POST', '/api/v1/namespaces/a/configmaps', undefined],
  ['POST', '/api/v1/namespaces/a/configmaps/c', 405],
  ['PUT', '/api/v1/namespaces/a/configmaps', 405],
  ['PATCH', '/api/v1/namespaces/a/configmaps', 405],
  ['PUT', '/api/v1/namespaces/a/configmaps/c', undefined],
  ['DELETE', '/api/v1/namespaces/a/configmaps', undefined],
  ['DELETE', '/api/v1/namespaces', 405],
  ['OPTIONS', '/api/v1/namespaces/a/configmaps', 405],
  ['GET', '/api/v1/namespaces/a/gadgets', 404],
])('%s %s: %s', (method, path, code) => {
  expect(outcome(method, path)).toBe(code);
});
