import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { parseRequestInfo } from '../request/info.ts';
import { authorizationRequestOf, authorize } from './authorize.ts';
import { NodeAuthorizer, type NodeAuthorizerOptions } from './node.ts';
import type { NodePods } from './node-pods.ts';

const one = { name: 'system:node:n1', groups: ['system:nodes'] };
const bound = {
  metadata: { namespace: 'ns', name: 'mine' },
  spec: { nodeName: 'n1', containers: [] },
} as unknown as Pod;
const pods = { on: (node: string) => (node === 'n1' ? [bound] : []), settle: async () => {} } as unknown as NodePods;

/** "METHOD /path?query", as the server reads it. */
function requestOf(line: string) {
  const [method = '', url = ''] = line.split(' ');
  const { pathname, searchParams } = new URL(url, 'https://server');
  return { info: parseRequestInfo(method, pathname, searchParams.get('watch') === 'true'), query: searchParams };
}

/** @returns true, or the objection to it */
function verdictOn(line: string, options?: NodeAuthorizerOptions): boolean | string | undefined {
  const { info, query } = requestOf(line);
  const authorizer = new NodeAuthorizer(undefined as never, pods, options);
  const asked = authorizationRequestOf(info, query);
  const objection = authorizer.objectionTo(one, asked);
  const allowed = authorizer.allows(one, asked);
  expect(allowed && objection).toBeFalsy();
  return allowed || objection;
}

const V1 = '/api/v1';
const NS = `${V1}/namespaces/ns`;
const SELECT = 'can only list/watch pods with spec.nodeName field selector';
const STRANGER = "no relationship found between node 'n1' and this object";
const ALL_NODES = "node 'n1' cannot read all nodes, only its own Node object";
const OTHER_NODE = "node 'n1' cannot read 'n2', only its own Node object";
const LISTS = `/apis/networking.k8s.io/v1/networkpolicies`;

/** By node n1, which pod ns/mine is bound to. */
const CASES: readonly [line: string, verdict: boolean | string | undefined][] = [
  [`GET ${V1}/pods?fieldSelector=spec.nodeName%3Dn1`, true],
  [`GET ${V1}/pods?fieldSelector=spec.nodeName%3D%3Dn1,status.phase!%3DFailed`, true],
  [`GET ${V1}/pods?watch=true&fieldSelector=status.phase%3DRunning,spec.nodeName%3Dn1`, true],
  [`GET ${NS}/pods?fieldSelector=spec.nodeName%3Dn1`, true],
  [`GET ${V1}/pods`, SELECT],
  [`GET ${V1}/pods?watch=true`, SELECT],
  [`GET ${NS}/pods`, SELECT],
  [`GET ${V1}/pods?fieldSelector=spec.nodeName%3Dn2`, SELECT],
  [`GET ${V1}/pods?fieldSelector=spec.nodeName!%3Dn1`, SELECT],
  [`GET ${V1}/pods?fieldSelector=spec.nodeName%3D`, SELECT],
  [`GET ${V1}/pods?fieldSelector=spec.nodeName%3Dn1,nonsense`, SELECT],
  // A comma that is part of a value.
  [`GET ${V1}/pods?fieldSelector=status.phase!%3Dx%5C,spec.nodeName%3Dn1`, SELECT],
  [`GET ${V1}/pods?labelSelector=spec.nodeName%3Dn1`, SELECT],
  [`GET ${NS}/pods/mine`, true],
  [`GET ${NS}/pods?watch=true&fieldSelector=metadata.name%3Dmine`, true],
  [`GET ${NS}/pods/other`, STRANGER],
  [`GET ${V1}/namespaces/elsewhere/pods/mine`, STRANGER],
  // The selector is no part of a get.
  [`GET ${NS}/pods/other?fieldSelector=spec.nodeName%3Dn1`, STRANGER],
  [`GET ${NS}/pods?fieldSelector=metadata.name%3Dother`, STRANGER],
  [`GET ${NS}/pods/mine/log`, undefined],
  [`GET ${NS}/pods/mine/status`, undefined],
  // Which ones, admission decides (NodeRestriction).
  [`POST ${NS}/pods`, true],
  [`DELETE ${NS}/pods/other`, true],
  [`PATCH ${NS}/pods/other/status`, true],
  [`PUT ${NS}/pods/other/status`, true],
  [`POST ${NS}/pods/other/eviction`, true],
  [`PATCH ${NS}/pods/mine`, undefined],
  [`DELETE ${NS}/pods?fieldSelector=spec.nodeName%3Dn1`, undefined],
  [`POST ${NS}/pods/mine/exec`, undefined],

  [`GET ${V1}/nodes/n1`, true],
  [`GET ${V1}/nodes?fieldSelector=metadata.name%3Dn1`, true],
  [`GET ${V1}/nodes?watch=true&fieldSelector=metadata.name%3Dn1`, true],
  [`GET ${V1}/nodes/n2`, OTHER_NODE],
  [`GET ${V1}/nodes?watch=true&fieldSelector=metadata.name%3Dn2`, OTHER_NODE],
  [`GET ${V1}/nodes`, ALL_NODES],
  [`GET ${V1}/nodes?watch=true`, ALL_NODES],
  [`GET ${V1}/nodes?fieldSelector=metadata.name!%3Dn2`, ALL_NODES],
  [`GET ${V1}/nodes/n1/status`, undefined],
  [`GET ${V1}/nodes/n1/proxy`, undefined],
  [`POST ${V1}/nodes`, true],
  [`PUT ${V1}/nodes/n2`, true],
  [`PATCH ${V1}/nodes/n2`, true],
  [`PATCH ${V1}/nodes/n2/status`, true],
  [`DELETE ${V1}/nodes/n1`, undefined],

  [`GET ${NS}/secrets/s`, STRANGER],
  [`GET ${NS}/secrets`, 'No Object name found'],
  [`GET ${V1}/services?watch=true`, true],
  [`GET /apis/storage.k8s.io/v1/csidrivers`, true],
  [`GET /apis/node.k8s.io/v1/runtimeclasses`, true],
  [`GET ${NS}/endpoints/e`, true],
  [`GET ${V1}/endpoints`, undefined],
  [`GET ${V1}/namespaces`, undefined],
  [`GET ${V1}/namespaces/ns`, undefined],
  [`GET ${LISTS}`, undefined],
  ['GET /apis/discovery.k8s.io/v1/endpointslices', undefined],
];

test.each(CASES)('%s: %s', (line, verdict) => {
  expect(verdictOn(line)).toBe(verdict);
});

test('without the feature gate nodes read what their agents of before read', () => {
  const read = [`${V1}/pods`, `${V1}/nodes`, `${V1}/nodes?watch=true`, `${V1}/namespaces`, LISTS];
  expect(read.map((path) => verdictOn(`GET ${path}`, { withSelectors: false }))).toEqual(read.map(() => true));
  expect(verdictOn(`DELETE ${V1}/nodes/n2`, { withSelectors: false })).toBeUndefined();
});

test('others than nodes are not its business', () => {
  const authorizer = new NodeAuthorizer(undefined as never, pods);
  const asked = authorizationRequestOf(requestOf(`GET ${V1}/pods`).info);
  const kind = { ...one, groups: [] };
  expect([authorizer.allows(kind, asked), authorizer.objectionTo(kind, asked)]).toEqual([false, undefined]);
});

test('the refusal says why', async () => {
  const refused = authorize(new NodeAuthorizer(undefined as never, pods), {
    user: one,
    ...requestOf(`GET ${V1}/pods`),
  });
  await expect(refused).rejects.toThrow(
    `pods is forbidden: User "system:node:n1" cannot list resource "pods" in API group "" at the cluster scope: ${SELECT}`,
  );
});
