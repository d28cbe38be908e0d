import { expect, test } from 'vitest';
import type { ServiceCIDR } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { leavesOrphan } from './orphans.ts';

const cidr = (name: string, cidrs: string[], going = false) =>
  ({
    metadata: { name, uid: name, ...(going ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { cidrs },
  }) as Stored<ServiceCIDR>;
const own = cidr('own', ['10.0.0.0/28', 'fd00::/124'], true);

test.each<[string, Stored<ServiceCIDR>[], string[], boolean]>([
  ['nobody has an address', [], [], false],
  ['addresses elsewhere', [], ['10.0.0.16', 'fd00::10', '10.1.0.1'], false],
  ['one of it', [], ['10.1.0.1', '10.0.0.15'], true],
  ['one of its second family', [], ['fd00::f'], true],
  ['one that another contains too', [cidr('wide', ['10.0.0.0/24'])], ['10.0.0.3'], false],
  ['another that contains only one family', [cidr('wide', ['10.0.0.0/24'])], ['10.0.0.3', 'fd00::1'], true],
  ['another that contains a part', [cidr('part', ['10.0.0.0/29'])], ['10.0.0.9'], true],
  ['another that goes away as well', [cidr('wide', ['10.0.0.0/24'], true)], ['10.0.0.3'], true],
])('%s', (_, others, addresses, want) => {
  expect(leavesOrphan(own, [own, ...others], addresses)).toBe(want);
});
