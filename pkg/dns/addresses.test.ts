import { expect, test } from 'vitest';
import { addressBytes } from '#api/meta/ip.ts';
import { labelAddress, reverseName } from './addresses.ts';

test.each([
  ['10.1.2.3', '0a010203'],
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['fd00:10:96::a', 'fd00001000960000000000000000000a'],
  ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
  ['::ffff:10.1.2.3', '00000000000000000000ffff0a010203'],
])('%s', (text, hex) => {
  expect(addressBytes(text)?.toString('hex')).toBe(hex);
});

test.each(['', 'a.b.c.d', '10.1.2', '10.1.2.300', 'fe80::1%eth0', '1:2:3'])('%j is no address', (text) => {
  expect(addressBytes(text)).toBeUndefined();
});

test('names for looking up backwards', () => {
  const name = (text: string) => reverseName(addressBytes(text) ?? Buffer.alloc(0));
  expect(name('10.96.0.10')).toBe('10.0.96.10.in-addr.arpa');
  expect(name('fd00::a')).toBe('a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa');
});

test.each([
  ['10-1-2-3', '0a010203'],
  ['fd00--a', 'fd00000000000000000000000000000a'],
  ['web', undefined],
  ['10-1-2', undefined],
])('the address in the label %s', (label, hex) => {
  expect(labelAddress(label)?.toString('hex')).toBe(hex);
});
