import { expect, test } from 'vitest';
import type { Node } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { overlapping, SubnetPool } from './cidrs.ts';

test('hands out each subnet once, in order, and fills gaps', () => {
  const pool = new SubnetPool('10.244.0.0/22', 24);
  const taken = new Set<string>();
  for (let i = 0; i < 4; i++) taken.add(pool.free(taken) ?? '');
  expect([...taken]).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.3.0/24']);
  expect(pool.free(taken)).toBeUndefined();
  taken.delete('10.244.2.0/24');
  expect(pool.free(taken)).toBe('10.244.2.0/24');
});

test('crosses octets', () => {
  const pool = new SubnetPool('172.16.0.0/12', 24);
  expect(pool.size).toBe(4096);
  const first = new Set(Array.from({ length: 256 }, (_, i) => `172.16.${i}.0/24`));
  expect(pool.free(first)).toBe('172.17.0.0/24');
});

test('IPv6: each family its own pool', () => {
  const pool = new SubnetPool('fd00:10:244::/56', 64);
  expect([pool.family, pool.size]).toEqual(['IPv6', 256]);
  expect(pool.free(['10.244.0.0/24', 'fd00:10:244::/64'])).toBe('fd00:10:244:1::/64');
  expect(pool.free(['fd00:10:244::/57', '::/8'])).toBe('fd00:10:244:80::/64');
  expect(pool.free(['fd00::/8'])).toBeUndefined();
  expect(new SubnetPool('fd00::/16', 64).size).toBe(65_536);
});

test('a subnet larger than the network is refused', () => {
  expect(() => new SubnetPool('fd00::/64', 56)).toThrow(/do not fit/);
  expect(() => new SubnetPool('fd00::/64', 128)).toThrow(/do not fit/);
  expect(() => new SubnetPool('10.244.0.0/24', 16)).toThrow(/do not fit/);
});

test.each<[string, string[], string | undefined]>([
  ['larger, set by hand', ['10.244.0.0/23'], '10.244.2.0/24'],
  ['smaller', ['10.244.0.128/25'], '10.244.1.0/24'],
  ['around all', ['10.0.0.0/8'], undefined],
  [
    'elsewhere, of the other family, or nonsense',
    ['10.243.255.0/24', '10.245.0.0/16', 'fd00::/64', 'x'],
    '10.244.0.0/24',
  ],
])('what is taken: %s', (_, taken, want) => {
  expect(new SubnetPool('10.244.0.0/22', 24).free(taken)).toBe(want);
});

test('of two nodes with common addresses the older one has them', () => {
  const node = (name: string, podCIDR: string, at: number) =>
    ({
      metadata: { name, uid: name, creationTimestamp: new Date(at * 1000).toISOString() },
      spec: { podCIDR },
    }) as unknown as Stored<Node>;
  const both = (name: string, v6: string, at: number) => ({
    ...node(name, `10.243.${at}.0/24`, at),
    spec: { podCIDR: `10.243.${at}.0/24`, podCIDRs: [`10.243.${at}.0/24`, v6] },
  });
  const dual = [both('a', 'fd00::/63', 1), both('b', 'fd00:0:0:1::/64', 2), both('c', 'fd00:0:0:2::/64', 3)];
  expect(dual.map((n) => overlapping(n, dual)?.theirs)).toEqual([undefined, 'fd00::/63', undefined]);
  const all = [node('a', '10.244.0.0/23', 1), node('b', '10.244.1.0/24', 2), node('c', '10.244.2.0/24', 3)];
  expect(all.map((n) => overlapping(n, all)?.other.metadata.name)).toEqual([undefined, 'a', undefined]);
});
