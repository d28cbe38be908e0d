import { expect, test } from 'vitest';
import { addressNumber, addressText, canonicalAddress, contains, familyOf, hostPort, parseNetwork } from './ip.ts';

test.each([
  ['10.96.0.1', '10.96.0.1'],
  ['fd00:10:96::a', 'fd00:10:96::a'],
  ['FD00:0010:0096:0000:0000:0000:0000:000A', 'fd00:10:96::a'],
  ['::', '::'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
  ['10.96.0.256', undefined],
  ['fe80::1%eth0', undefined],
  ['x', undefined],
])('%s is written %s', (text, want) => {
  expect(canonicalAddress(text)).toBe(want);
});

test.each(['0.0.0.0', '255.255.255.255', '::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fd00:10:244:5::'])(
  '%s as a number and back',
  (text) => {
    expect(addressText(addressNumber(text), familyOf(text))).toBe(text);
  },
);

test('a host and its port', () => {
  expect([hostPort('10.0.0.1', 80), hostPort('fd00::1', 80), hostPort('a.b', 'web')]).toEqual([
    ...['10.0.0.1:80', '[fd00::1]:80', 'a.b:web'],
  ]);
});

test('networks', () => {
  expect(parseNetwork('10.244.7.9/24')).toEqual({
    family: 'IPv4',
    base: addressNumber('10.244.7.0'),
    bits: 24,
    size: 256n,
  });
  expect(parseNetwork('fd00:10:96::5/112')).toEqual({
    family: 'IPv6',
    base: addressNumber('fd00:10:96::'),
    bits: 112,
    size: 65_536n,
  });
  for (const wrong of ['10.0.0.0', '10.0.0.0/33', 'fd00::/129', 'x/8', '10.0.0.0/8/8', '10.0.0.0/-1'])
    expect(() => parseNetwork(wrong)).toThrow(RangeError);
});

test.each([
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['fd00:10:244::/56', 'fd00:10:244:ff::1', true],
  ['fd00:10:244::/56', 'fd00:10:244:100::1', false],
  ['::/0', '10.0.0.1', false],
])('%s holds %s: %s', (cidr, address, want) => {
  expect(contains(parseNetwork(cidr), address)).toBe(want);
});
