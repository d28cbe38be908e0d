import { describe, expect, test } from 'vitest';
import type { Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ago, service } from '../fixtures.ts';
import { ANNOUNCED_BY, announcerOf, assign, sourceOf } from './assign.ts';
import { addressesOf, isInPools, parsePools } from './pools.ts';

type LbOptions = { spec?: object; ip?: string; ips?: readonly string[]; age?: number; by?: string };
const lb = (name: string, o: LbOptions = {}): Stored<Service> => {
  const s = service({ type: 'LoadBalancer', ...o.spec });
  return {
    ...s,
    metadata: {
      ...s.metadata,
      ...{ name, uid: name, creationTimestamp: ago(o.age ?? 100) },
      ...(o.by === undefined ? {} : { annotations: { [ANNOUNCED_BY]: o.by } }),
    },
    status: { loadBalancer: { ingress: (o.ips ?? (o.ip === undefined ? [] : [o.ip])).map((ip) => ({ ip })) } },
  };
};
const pools = parsePools({ lan: '192.0.2.0/30', more: '198.51.100.7+198.51.100.9-198.51.100.10' });

describe('pools', () => {
  test('networks without their ends, ranges, single addresses', () => {
    expect([...addressesOf(pools, 'IPv4')]).toEqual([
      ...['192.0.2.1', '192.0.2.2', '198.51.100.7', '198.51.100.9', '198.51.100.10'],
    ]);
    expect([...addressesOf(parsePools({ a: '192.0.2.4/31' }), 'IPv4')]).toEqual(['192.0.2.4', '192.0.2.5']);
  });

  test('of both families, of which IPv6 may have more addresses than anybody counts', () => {
    const [a] = parsePools({ a: 'fd00:0::7+2001:db8::/64+192.0.2.7+fd00::9-fd00::a' }, [
      'fd00:1::/112',
      '192.0.0.0/24',
    ]);
    const both = a ? [a] : [];
    const first = addressesOf(both, 'IPv6');
    expect([first.next().value, first.next().value, first.next().value]).toEqual([
      'fd00::7',
      '2001:db8::1',
      '2001:db8::2',
    ]);
    expect([...addressesOf(both, 'IPv4')]).toEqual(['192.0.2.7']);
    const there = ['fd00::7', 'fd00::8', '2001:db8::', '2001:db8::ffff:ffff:ffff:fffe', '192.0.2.7', 'none'];
    expect(there.map((ip) => isInPools(both, ip))).toEqual([true, false, false, true, true, false]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'overlapping each other',
      { a: '192.0.2.0/24', b: '192.0.2.7' },
      /192.0.2.7-192.0.2.7 of pool b overlaps .* pool a/,
    ],
    ['overlapping itself', { a: '192.0.2.0/24+192.0.2.9' }, /overlaps/],
    ['overlapping the pods', { a: '10.244.3.0/24' }, /overlaps 10.244.0.0\/16/],
    ['backwards', { a: '192.0.2.9-192.0.2.1' }, /is not a range/],
    ['overlapping the pods of IPv6', { a: 'fd00:7::9' }, /fd00:7::9-fd00:7::9 of pool a overlaps fd00:7::\/64/],
    ['of two families at once', { a: '192.0.2.9-fd00::9' }, /is not a range/],
    ['no address', { a: '192.0.2.x' }, /not an IP address/],
    ['no network', { a: '192.0.2.0/33' }, /not a CIDR/],
    ['nothing', { a: '' }, /not an IP address/],
    ['a name that means something else', { nodes: '192.0.2.1' }, /not a name/],
    ['a name that is none', { 'a b': '192.0.2.1' }, /not a name/],
  ])('%s', (_, texts, problem) => {
    expect(() => parsePools(texts, ['10.244.0.0/16', 'fd00:7::/64'])).toThrow(problem);
  });
});

test.each<[string, object, readonly string[] | 'nodes' | undefined]>([
  ['no class', {}, ['lan', 'more']],
  ['a pool by name', { loadBalancerClass: 'coxswain.dev/more' }, ['more']],
  ['a pool that does not exist', { loadBalancerClass: 'coxswain.dev/none' }, []],
  ['the nodes by name', { loadBalancerClass: 'coxswain.dev/nodes' }, 'nodes'],
  ['another implementation', { loadBalancerClass: 'example.org/x' }, undefined],
  ['another type', { type: 'NodePort' }, undefined],
])('where the address comes from: %s', (_, spec, want) => {
  const source = sourceOf(lb('a', { spec }), pools);
  expect(typeof source === 'object' ? source.map((p) => p.name) : source).toEqual(want);
});
test('without pools it comes from the nodes', () => {
  expect(sourceOf(lb('a'), [])).toBe('nodes');
});

describe('the address', () => {
  const older = (ip: string) => lb('older', { ip, age: 300 });
  const younger = (ip: string) => lb('younger', { ip, age: 1 });
  const wants = (loadBalancerIP: string, ip?: string) =>
    lb('a', { spec: { loadBalancerIP }, ...(ip === undefined ? {} : { ip }) });
  test.each<[string, Stored<Service>, Stored<Service>[], string]>([
    ['the first that is free', lb('a'), [older('192.0.2.1')], '192.0.2.2'],
    ['of the next pool', lb('a'), [older('192.0.2.1'), younger('192.0.2.2')], '198.51.100.7'],
    ['the one it has', lb('a', { ip: '198.51.100.9' }), [], '198.51.100.9'],
    ['another, when it has one of no pool', lb('a', { ip: '203.0.113.1' }), [], '192.0.2.1'],
    ['another, when an older one has the same', lb('a', { ip: '192.0.2.1' }), [older('192.0.2.1')], '192.0.2.2'],
    ['its own, when a younger one has the same', lb('a', { ip: '192.0.2.1' }), [younger('192.0.2.1')], '192.0.2.1'],
    ['the one wanted', wants('198.51.100.10'), [], '198.51.100.10'],
    ['the one wanted now', wants('198.51.100.10', '192.0.2.1'), [], '198.51.100.10'],
    ['the one wanted, which it has', wants('192.0.2.1', '192.0.2.1'), [younger('192.0.2.1')], '192.0.2.1'],
  ])('%s', (_, s, others, want) => {
    expect(assign(s, pools, [s, ...others])).toEqual({ ips: [want] });
  });

  const full = ['192.0.2.1', '192.0.2.2'].map((ip, i) => lb(`holder${i}`, { ip, age: 500 }));
  test.each<[string, Stored<Service>, string, RegExp]>([
    [
      'all in use',
      lb('a', { spec: { loadBalancerClass: 'coxswain.dev/lan' } }),
      'PoolExhausted',
      /pool lan are in use/,
    ],
    ['in use', wants('192.0.2.1'), 'AddressInUse', /in use by service ns\/holder0/],
    ['of no pool', wants('203.0.113.1'), 'AddressNotInPool', /not in the pools lan, more/],
    ['no address', wants('192.0.2.x'), 'AddressNotInPool', /not an IP address/],
    ['no pool', lb('a', { spec: { loadBalancerClass: 'coxswain.dev/none' } }), 'UnknownPool', /coxswain.dev\/none/],
  ])('none: %s', (_, s, reason, message) => {
    const source = sourceOf(s, pools);
    expect(assign(s, typeof source === 'object' ? source : [], full)).toEqual({
      ips: [],
      problem: { reason, message: expect.stringMatching(message) },
    });
  });
});

describe('addresses of both families', () => {
  const both = parsePools({ lan: '192.0.2.0/30+fd00::10-fd00::11' });
  const dual = (o: LbOptions = {}): Stored<Service> =>
    lb('a', { ...o, spec: { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack', ...o.spec } });
  const required = { ipFamilyPolicy: 'RequireDualStack' };
  const holder = (...ips: string[]) => lb('holder', { ips, age: 500 });
  const six = { ipFamilies: ['IPv6'] };

  test.each<[string, Stored<Service>, typeof both, Stored<Service>[], string[], string?]>([
    ['one of each, as the service orders them', dual(), both, [], ['fd00::10', '192.0.2.1']],
    ['those that are free', dual(), both, [holder('192.0.2.1', 'fd00::10')], ['fd00::11', '192.0.2.2']],
    ['those it has', dual({ ips: ['192.0.2.2', 'fd00::11'] }), both, [], ['fd00::11', '192.0.2.2']],
    ['the second one later', dual({ ip: '192.0.2.2' }), both, [], ['fd00::10', '192.0.2.2']],
    ['one less for a family less', lb('a', { ips: ['fd00::10', '192.0.2.1'] }), both, [], ['192.0.2.1']],
    ['a wanted one of one', dual({ spec: { loadBalancerIP: 'fd00:0::11' } }), both, [], ['fd00::11', '192.0.2.1']],
    ['IPv6 alone', lb('a', { spec: six }), both, [], ['fd00::10']],
    ['one, where pools have no more families', dual(), pools, [], ['192.0.2.1']],
    [
      'one, and a problem, where both are required',
      dual({ spec: required }),
      pools,
      [],
      ['192.0.2.1'],
      'NoAddressOfFamily',
    ],
    ['none, where pools have no such family', lb('a', { spec: six }), pools, [], [], 'NoAddressOfFamily'],
    [
      'one, and a problem, when the other is used up',
      dual(),
      both,
      [holder('fd00::10'), { ...holder('fd00::11'), metadata: { ...holder().metadata, uid: 'second' } }],
      ['192.0.2.1'],
      'PoolExhausted',
    ],
    [
      'none of another family than its own',
      lb('a', { spec: { loadBalancerIP: 'fd00::11' } }),
      both,
      [],
      [],
      'AddressNotInPool',
    ],
  ])('%s', (_, s, of, others, ips, reason) => {
    const found = assign(s, of, [s, ...others]);
    expect([found.ips, found.problem?.reason]).toEqual([ips, reason]);
  });
});

test('the node that announces stays; a new one is that with the fewest', () => {
  const on = (by?: string) => lb('a', by === undefined ? {} : { by });
  const others = [lb('b', { by: 'n1' }), lb('c', { by: 'n1' }), lb('d', { by: 'n2' })];
  expect(announcerOf(on('n1'), new Set(['n1', 'n2']), others)).toBe('n1');
  expect(announcerOf(on('n3'), new Set(['n1', 'n2']), others)).toBe('n2');
  expect(announcerOf(on(), new Set(['n2', 'n1']), [])).toBe('n1');
  expect(announcerOf(on('n1'), new Set(), others)).toBeUndefined();
});
