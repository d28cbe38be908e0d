import { expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import type { RequestFacts } from '#pki/request.ts';
import { ago, NOW } from '../fixtures.ts';
import {
  approvalRight,
  CLIENT_SIGNER,
  endOf,
  lifetimeMs,
  NODE_SIGNER,
  namesOnly,
  objection,
  type Request,
  SERVING_SIGNER,
} from './policy.ts';

const request = (spec: object, conditions: object[] = [], age = 0): Request =>
  ({ metadata: { name: 'r', creationTimestamp: ago(age) }, spec, status: { conditions } }) as unknown as Request;
const node = { commonName: 'system:node:n1', organizations: ['system:nodes'], alternativeNames: [] };
const usages = ['digital signature', 'client auth'];
const server = ['digital signature', 'server auth'];
const named = (...alternativeNames: { type: string; value: string }[]) => ({ ...node, alternativeNames });
const dns = (value: string) => ({ type: 'dns', value });
const ip = (value: string) => ({ type: 'ip', value });

test.each<[string, object, RequestFacts, boolean]>([
  ['a client', { signerName: CLIENT_SIGNER, usages }, { ...node, commonName: 'jane', organizations: ['dev'] }, true],
  ['a server', { signerName: CLIENT_SIGNER, usages: ['server auth'] }, node, false],
  ['both', { signerName: CLIENT_SIGNER, usages: [...usages, 'server auth'] }, node, false],
  ['a node', { signerName: NODE_SIGNER, usages }, node, true],
  ['no node', { signerName: NODE_SIGNER, usages }, { ...node, commonName: 'jane' }, false],
  ['another group', { signerName: NODE_SIGNER, usages }, { ...node, organizations: ['system:nodes', 'x'] }, false],
  ['a node with names', { signerName: NODE_SIGNER, usages }, named(dns('n1')), false],
  ["a node's server", { signerName: SERVING_SIGNER, usages: server }, named(dns('n1'), ip('10.0.0.1')), true],
  ['a server without names', { signerName: SERVING_SIGNER, usages: server }, node, false],
  [
    'a server with a mail address',
    { signerName: SERVING_SIGNER, usages: server },
    named(dns('n1'), { type: 'email', value: 'a@b' }),
    false,
  ],
  ["a node's server as a client", { signerName: SERVING_SIGNER, usages }, named(dns('n1')), false],
])('%s', (_, spec, facts, ok) => {
  expect(objection(request(spec), facts) === undefined).toBe(ok);
});

test.each<[object[], number, number]>([
  [[], 3600, 23 * 3600],
  [[{ type: 'Approved', status: 'True', lastUpdateTime: ago(600) }], 9999, 3000],
  [
    [
      { type: 'Approved', status: 'True', lastUpdateTime: ago(7200) },
      { type: 'Failed', status: 'True', lastTransitionTime: ago(60) },
    ],
    9999,
    3540,
  ],
])('with %j it stays', (conditions, age, left) => {
  expect((endOf(request({}, conditions, age)) - NOW) / 1000).toBe(left);
});

test('a certificate serves as long as was asked for, or as the signer allows', () => {
  expect([{}, { expirationSeconds: 600 }, { expirationSeconds: 1e9 }].map((s) => lifetimeMs(request(s), 1e9))).toEqual([
    1e9, 600_000, 1e9,
  ]);
});

const proxy = { commonName: 'system:kube-proxy', organizations: [], alternativeNames: [] };
const n1 = 'system:node:n1';
test.each<[string, object, RequestFacts, string | undefined]>([
  ['a node for itself', { signerName: NODE_SIGNER, usages, username: n1 }, node, 'selfnodeclient'],
  ['somebody for a node', { signerName: NODE_SIGNER, usages, username: 'system:bootstrap:x' }, node, 'nodeclient'],
  [
    'a node for its server',
    { signerName: SERVING_SIGNER, usages: server, username: n1 },
    named(dns('n1')),
    'selfnodeserver',
  ],
  [
    'another node for it',
    { signerName: SERVING_SIGNER, usages: server, username: 'system:node:n2' },
    named(dns('n1')),
    undefined,
  ],
  ['a node for its proxy', { signerName: CLIENT_SIGNER, usages, username: n1 }, proxy, 'nodeservice'],
  [
    'a node for its pod network',
    { signerName: CLIENT_SIGNER, usages, username: n1 },
    { ...proxy, commonName: 'system:coxswain-network' },
    'nodeservice',
  ],
  [
    'a proxy with groups',
    { signerName: CLIENT_SIGNER, usages, username: n1 },
    { ...proxy, organizations: ['system:masters'] },
    undefined,
  ],
  [
    'anybody else',
    { signerName: CLIENT_SIGNER, usages, username: n1 },
    { ...proxy, commonName: 'kubernetes-admin' },
    undefined,
  ],
])('%s asks: approved by the right %s', (_, spec, facts, right) => {
  expect(approvalRight(request(spec), facts)).toBe(right);
});

test.each<[string, RequestFacts, boolean]>([
  ['its own', named(dns('n1'), dns('host-1'), ip('10.0.0.1')), true],
  ['an address of another', named(ip('10.0.0.2')), false],
  ['an address as a name', named(dns('10.0.0.1')), false],
  ['the name of another', named(dns('n2')), false],
])('a server certificate with %s', (_, facts, good) => {
  const addresses = [
    { type: 'InternalIP', address: '10.0.0.1' },
    { type: 'Hostname', address: 'host-1' },
  ];
  expect(namesOnly({ status: { addresses } } as Node, facts)).toBe(good);
  if (facts.alternativeNames.some((n) => n.type === 'ip')) expect(namesOnly(undefined, facts)).toBe(false);
});
