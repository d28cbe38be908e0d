import { expect, test } from 'vitest';
import { SubnetPool } from './cidrs.ts';

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

test('a subnet larger than the network is refused', () => {
  expect(() => new SubnetPool('10.244.0.0/24', 16)).toThrow(/do not fit/);
});
