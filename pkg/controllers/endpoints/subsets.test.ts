import { expect, test } from 'vitest';
import type { PortGroup, SliceEndpoint } from '../endpointslice/desired.ts';
import { subsetsOf } from './controller.ts';

const READY = { ready: true, serving: true, terminating: false };
const NOT_READY = { ready: false, serving: false, terminating: false };
const ENDING = { ready: false, serving: true, terminating: true };
const at = (n: number, conditions: object): SliceEndpoint =>
  ({ addresses: [`10.0.${n >> 8}.${n & 255}`], conditions, nodeName: 'n1', zone: 'z' }) as SliceEndpoint;
const group = (...endpoints: SliceEndpoint[]): PortGroup => ({
  ports: [
    { name: 'http', port: 80, protocol: 'TCP', appProtocol: 'h2c' },
    { name: '', port: 53, protocol: 'UDP' },
  ] as PortGroup['ports'],
  endpoints,
});
const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { port: 53, protocol: 'UDP' },
];
const address = (ip: string) => ({ ip, nodeName: 'n1' });

test.each<[string, PortGroup[], object[]]>([
  ['none', [], []],
  ['ready', [group(at(1, READY))], [{ addresses: [address('10.0.0.1')], ports }]],
  ['not ready', [group(at(1, NOT_READY))], [{ notReadyAddresses: [address('10.0.0.1')], ports }]],
  [
    'both',
    [group(at(1, READY), at(2, NOT_READY))],
    [{ addresses: [address('10.0.0.1')], notReadyAddresses: [address('10.0.0.2')], ports }],
  ],
  ['one that ends does not show', [group(at(1, READY), at(2, ENDING))], [{ addresses: [address('10.0.0.1')], ports }]],
  ['nor a group of such only', [group(at(2, ENDING))], []],
  ['unless all are wanted', [group(at(2, { ...ENDING, ready: true }))], [{ addresses: [address('10.0.0.2')], ports }]],
])('%s', (_, groups, subsets) => {
  expect(subsetsOf(groups)).toEqual({ subsets, truncated: false });
});

const many = (n: number, conditions: object, from = 0) => Array.from({ length: n }, (_, i) => at(from + i, conditions));
test.each([
  [1000, 0, 1000, 0, false],
  [1001, 0, 1000, 0, true],
  [600, 600, 600, 400, true],
  [1200, 5, 1000, 0, true],
])('%i ready and %i other addresses', (ready, other, shownReady, shownOther, truncated) => {
  const got = subsetsOf([group(...many(other, NOT_READY, 5000)), group(...many(ready, READY))]);
  const count = (f: (s: (typeof got.subsets)[number]) => unknown[] | undefined) =>
    got.subsets.reduce((n, s) => n + (f(s) ?? []).length, 0);
  expect(got.truncated).toBe(truncated);
  expect([count((s) => s.addresses), count((s) => s.notReadyAddresses)]).toEqual([shownReady, shownOther]);
});
