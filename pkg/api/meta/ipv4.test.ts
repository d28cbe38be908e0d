import { describe, expect, test } from 'vitest';
import { formatIpv4, parseCidr, parseIpv4 } from './ipv4.ts';

describe('addresses', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.96.0.1', 0x0a600001],
    ['192.168.1.255', 0xc0a801ff],
    ['255.255.255.255', 0xffffffff],
  ])('%s', (text, n) => {
    expect(parseIpv4(text)).toBe(n);
    expect(formatIpv4(n)).toBe(text);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.-1',
    '1.2.3.',
    '1..2.3',
    '1.2.3.0x4',
    '1.2.3.1e1',
    '01.2.3.4',
    'a.b.c.d',
  ])('not an address: "%s"', (text) => {
    expect(() => parseIpv4(text)).toThrow(RangeError);
  });
});

describe('networks', () => {
  test.each([
    ['10.96.0.0/16', '10.96.0.0', 65_536],
    ['10.96.5.7/16', '10.96.0.0', 65_536],
    ['192.168.1.77/32', '192.168.1.77', 1],
    ['200.0.0.9/30', '200.0.0.8', 4],
    ['1.2.3.4/0', '0.0.0.0', 2 ** 32],
  ])('%s', (text, base, size) => {
    expect(parseCidr(text)).toEqual({ base: parseIpv4(base), size });
  });

  test.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '/8'])(
    'not a network: "%s"',
    (text) => {
      expect(() => parseCidr(text)).toThrow(RangeError);
    },
  );
});
