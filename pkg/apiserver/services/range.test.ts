import { expect, test } from 'vitest';
import { addressNumber } from '#api/meta/ip.ts';
import { ADDRESS_BAND, AddressRange, PORT_BAND, pickAbove, pickFree } from './range.ts';

const range = { first: 30_000, count: 200 };

test('stays in the range', () => {
  for (let i = 0; i < 1000; i++) {
    const n = pickFree(range, () => false) ?? -1;
    expect(n >= 30_000 && n < 30_200).toBe(true);
  }
});

test.each([30_000, 30_077, 30_199])('finds %i, the only free number', (free) => {
  expect(pickFree(range, (n) => n !== free)).toBe(free);
});

test('nothing free, or nothing at all', () => {
  expect(pickFree(range, () => true)).toBeUndefined();
  expect(pickFree({ first: 1, count: 0 }, (n) => n !== 0)).toBeUndefined();
});

test('handing out a whole range', () => {
  const taken = new Set<number>();
  for (let i = 0; i < range.count; i++) taken.add(pickFree(range, (n) => taken.has(n)) ?? -1);
  expect(taken.size).toBe(range.count);
  expect(taken.has(-1)).toBe(false);
});

test.each([
  [ADDRESS_BAND, 16, 0],
  [ADDRESS_BAND, 128, 16],
  [ADDRESS_BAND, 1024, 64],
  [ADDRESS_BAND, 65_534, 256],
  [PORT_BAND, 10, 0],
  [PORT_BAND, 2768, 86],
  [PORT_BAND, 60_000, 128],
])('%j of %i leaves the first %i to those who choose', (band, count, low) => {
  const lowest = (taken: (n: number) => boolean) => pickAbove({ first: 1, count }, band, taken);
  // All of the upper part but its first number are taken, then that, too.
  expect(lowest((n) => n > low + 1)).toBe(low + 1);
  expect(lowest((n) => n > low)).toSatisfy((n?: number) => (low === 0 ? n === undefined : n !== undefined && n <= low));
});

test('addresses of both families, without the ends of the range', () => {
  const v4 = new AddressRange('10.96.0.0/29');
  const all = new Set<string>();
  const next = () => v4.free((ip) => all.has(ip));
  for (let ip = next(); ip !== undefined; ip = next()) all.add(ip);
  expect([...all].sort()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `10.96.0.${n}`));
  const v6 = new AddressRange('fd00:10:96::/126');
  expect([v6.first, v6.free((ip) => ['fd00:10:96::1', 'fd00:10:96::3'].includes(ip))]).toEqual([
    'fd00:10:96::1',
    'fd00:10:96::2',
  ]);
  const held = (range: AddressRange, ...ips: string[]) => ips.map((ip) => range.holds(addressNumber(ip)));
  expect(held(v4, '10.96.0.0', '10.96.0.1', '10.96.0.6', '10.96.0.7')).toEqual([false, true, true, false]);
  expect(held(v6, 'fd00:10:96::', 'fd00:10:96::3', 'fd00:10:96::4')).toEqual([false, true, false]);
  const wide = new AddressRange('fd00::/64');
  expect(wide.holds(addressNumber(wide.free(() => false) ?? '::'))).toBe(true);
});
