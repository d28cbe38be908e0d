import { describe, expect, test } from 'vitest';
import type { Node, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, service } from '../fixtures.ts';
import { addressesOf, entryPoints, takenPort } from './addresses.ts';

const node = (name: string, addresses: Record<string, string>, o: { ready?: boolean; labels?: object } = {}): Node =>
  ({
    metadata: { name, labels: o.labels ?? {} },
    status: {
      addresses: Object.entries(addresses).map(([type, address]) => ({ type, address })),
      conditions: [{ type: 'Ready', status: o.ready === false ? 'False' : 'True' }],
    },
  }) as Node;
const lb = (name: string, ports: number[], spec: object = {}, age = 100): Stored<Service> => {
  const s = service({
    type: 'LoadBalancer',
    ports: ports.map((port) => ({ port, protocol: 'TCP' as const })),
    ...spec,
  });
  return { ...s, metadata: { ...s.metadata, name, uid: name, creationTimestamp: ago(age) } };
};

test.each<[string, Node, string | undefined]>([
  ['its own', node('a', { InternalIP: '10.0.0.1', Hostname: 'a' }), '10.0.0.1'],
  ['the external one', node('a', { InternalIP: '10.0.0.1', ExternalIP: '1.2.3.4' }), '1.2.3.4'],
  ['not ready', node('a', { InternalIP: '10.0.0.1' }, { ready: false }), undefined],
  [
    'excluded',
    node(
      'a',
      { InternalIP: '10.0.0.1' },
      { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
    ),
    undefined,
  ],
])('address of a node: %s', (_, n, want) => {
  expect(addressesOf(n)).toEqual(want === undefined ? {} : { IPv4: want });
});

test('each family has its address, and a service those of its families', () => {
  const dual = (n: number): Node => {
    const a = node(`d${n}`, { InternalIP: `10.0.0.${n}` });
    a.status?.addresses?.push({ type: 'InternalIP', address: `fd00::${n}` });
    return a;
  };
  expect(addressesOf(dual(1))).toEqual({ IPv4: '10.0.0.1', IPv6: 'fd00::1' });
  const points = (spec: object) => entryPoints(lb('a', [80], spec), [dual(2), dual(1)], new Set(['d2']));
  expect(points({ ipFamilies: ['IPv6', 'IPv4'] })).toEqual(['fd00::1', 'fd00::2', '10.0.0.1', '10.0.0.2']);
  expect(points({ ipFamilies: ['IPv6'] })).toEqual(['fd00::1', 'fd00::2']);
  expect(points({ ipFamilies: ['IPv6'], externalTrafficPolicy: 'Local' })).toEqual(['fd00::2']);
  expect(points({})).toEqual(['10.0.0.1', '10.0.0.2']);
});

describe('entry points', () => {
  const nodes = ['2', '1', '3'].map((i) => node(`n${i}`, { InternalIP: `10.0.0.${i}` }));
  test.each<[string, object, string[], string[]]>([
    ['all nodes', {}, [], ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['those with pods', { externalTrafficPolicy: 'Local' }, ['n2', 'gone'], ['10.0.0.2']],
    ['the one wanted', { loadBalancerIP: '10.0.0.3' }, [], ['10.0.0.3']],
    ['not what cannot be had', { loadBalancerIP: '9.9.9.9' }, [], ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
  ])('%s', (_, spec, local, want) => {
    expect(entryPoints(lb('a', [80], spec), nodes, new Set(local))).toEqual(want);
  });
});

test('of two services with one port the older has it; who yields keeps nothing from others', () => {
  const old = lb('old', [80], {}, 300);
  const second = lb('second', [80, 81], {}, 200);
  const third = lb('third', [81], {}, 100);
  const all = [third, second, old];
  expect([old, second, third].map((s) => takenPort(s, all))).toEqual([undefined, 'TCP/80', undefined]);
});

test('of two made in one second the one with addresses keeps the port', () => {
  const has = { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } };
  for (const [holder, rival] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const first = { ...lb(holder, [80]), status: has };
    const second = lb(rival, [80]);
    expect([takenPort(first, [second, first]), takenPort(second, [second, first])]).toEqual([undefined, 'TCP/80']);
  }
});
