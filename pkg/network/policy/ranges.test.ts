import { expect, test } from 'vitest';
import { blockRanges } from './ranges.ts';

test.each<[string, { cidr: string; except?: string[] }[], string[]]>([
  ['a network', [{ cidr: '10.0.0.0/24' }], ['10.0.0.0-10.0.0.255']],
  ['host bits do not matter', [{ cidr: '10.0.0.7/24' }], ['10.0.0.0-10.0.0.255']],
  ['one address', [{ cidr: '10.0.0.7/32' }], ['10.0.0.7']],
  ['everything', [{ cidr: '0.0.0.0/0' }], ['0.0.0.0-255.255.255.255']],
  [
    'less its middle',
    [{ cidr: '10.0.0.0/24', except: ['10.0.0.16/28'] }],
    ['10.0.0.0-10.0.0.15', '10.0.0.32-10.0.0.255'],
  ],
  ['less its ends', [{ cidr: '10.0.0.0/30', except: ['10.0.0.0/32', '10.0.0.3/32'] }], ['10.0.0.1-10.0.0.2']],
  ['less all', [{ cidr: '10.0.0.0/24', except: ['10.0.0.0/8'] }], []],
  ['overlapping', [{ cidr: '10.0.0.0/24' }, { cidr: '10.0.0.0/16' }], ['10.0.0.0-10.0.255.255']],
  ['neighbours', [{ cidr: '10.0.1.0/24' }, { cidr: '10.0.0.0/24' }], ['10.0.0.0-10.0.1.255']],
  [
    'what one leaves out the other may let in',
    [{ cidr: '10.0.0.0/24', except: ['10.0.0.0/25'] }, { cidr: '10.0.0.5/32' }],
    ['10.0.0.5', '10.0.0.128-10.0.0.255'],
  ],
  [
    'high addresses',
    [{ cidr: '192.0.2.0/24' }, { cidr: '255.255.255.255/32' }],
    ['192.0.2.0-192.0.2.255', '255.255.255.255'],
  ],
  ['the other family is not for this table', [{ cidr: 'fd00::/8' }], []],
])('%s', (_, blocks, expected) => {
  expect(blockRanges(blocks, 'IPv4')).toEqual(expected);
});

test.each<[string, { cidr: string; except?: string[] }[], string[]]>([
  ['a network', [{ cidr: 'fd00:1::/64' }], ['fd00:1::-fd00:1::ffff:ffff:ffff:ffff']],
  ['everything', [{ cidr: '::/0' }], ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']],
  ['less its middle', [{ cidr: 'fd00::/120', except: ['FD00::10/124'] }], ['fd00::-fd00::f', 'fd00::20-fd00::ff']],
  ['less one end', [{ cidr: 'fd00::/127', except: ['fd00::1/128'] }], ['fd00::']],
  [
    'neighbours, and one of the other family',
    [{ cidr: 'fd00:0:0:1::/64' }, { cidr: '10.0.0.0/8' }, { cidr: 'fd00::/64' }],
    ['fd00::-fd00::1:ffff:ffff:ffff:ffff'],
  ],
])('IPv6: %s', (_, blocks, expected) => {
  expect(blockRanges(blocks, 'IPv6')).toEqual(expected);
});
