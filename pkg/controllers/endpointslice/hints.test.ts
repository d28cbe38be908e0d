import { expect, test } from 'vitest';
import type { Node, Service } from '#api/kinds/index.ts';
import type { PortGroup, SliceEndpoint } from './desired.ts';
import { HintNotes, withHints, zoneShares } from './hints.ts';

const node = (zone: string | undefined, cpu = '2', o: { ready?: boolean; labels?: object } = {}): Node =>
  ({
    metadata: { labels: { ...(zone ? { 'topology.kubernetes.io/zone': zone } : {}), ...o.labels } },
    status: {
      allocatable: { cpu },
      conditions: [{ type: 'Ready', status: o.ready === false ? 'False' : 'True' }],
    },
  }) as Node;
/** "a a! b -": endpoints in these zones; "!" is not ready, "-" has no zone. */
const group = (text: string): PortGroup => ({
  ports: [],
  endpoints: text.split(' ').map(
    (word, i) =>
      ({
        addresses: [`10.0.0.${i}`],
        conditions: { ready: !word.endsWith('!') },
        ...(word === '-' ? {} : { zone: word.replace('!', '') }),
      }) as SliceEndpoint,
  ),
});
const hints = (service: object, text: string, nodes: Node[] = []): string =>
  withHints(service as Service, [group(text)], nodes)
    .groups.flatMap((g) => g.endpoints.map((e) => e.hints?.forZones?.map((z) => z.name).join('+') ?? '-'))
    .join(' ');
const close = { spec: { trafficDistribution: 'PreferClose' } };
const auto = { metadata: { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } } };
const even = [node('a'), node('b')];

test.each<[string, object, string, Node[], string]>([
  ['nothing asked for', {}, 'a b', even, '- -'],
  ['PreferClose: the own zone of those that are ready', close, 'a b a! -', [], 'a b - -'],
  ['Auto: evenly', auto, 'a a b b', even, 'a a b b'],
  ['Auto: a zone with too few gets of others', auto, 'a a a b', even, 'a a b b'],
  ['Auto: a zone with more CPU gets more', auto, 'a a b b b b', [node('a', '4'), node('b', '2')], 'a a b b a a'],
  ['Auto: those not ready do not count', auto, 'a a b b b!', even, 'a a b b -'],
  ['Auto: in a zone without nodes', auto, 'c c a a b b', even, 'a b a a b b'],
  ['Auto: fewer than zones', auto, 'a', even, '-'],
  ['Auto: one zone would have too much', auto, 'a a b', even, '- - -'],
  ['Auto: an endpoint without zone', auto, 'a - b', even, '- - -'],
  ['Auto: a node without zone', auto, 'a b', [...even, node(undefined)], '- -'],
  ['Auto: one zone', auto, 'a a', [node('a')], '- -'],
  ['Auto goes before PreferClose', { ...auto, ...close }, 'a', even, '-'],
])('%s', (_, service, endpoints, nodes, expected) => {
  expect(hints(service, endpoints, nodes)).toBe(expected);
});

test('nodes of the control plane and those not ready do not count', () => {
  const none = [
    node(undefined, '9', { ready: false }),
    node('x', '9', { labels: { 'node-role.kubernetes.io/control-plane': '' } }),
  ];
  expect(zoneShares([...even, ...none])).toEqual(
    new Map([
      ['a', 0.5],
      ['b', 0.5],
    ]),
  );
});

test.each<[string, string, Node[], string | undefined]>([
  ['they are shared out', 'a b', even, 'shared out'],
  ['there are none', 'a! b!', even, undefined],
  ['there is one', 'a', even, 'Insufficient number of endpoints (1 endpoints, 2 zones)'],
  [
    'one zone would have too much',
    'a a b',
    even,
    'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 2 zones)',
  ],
  ['an endpoint has no zone', 'a - b', even, 'One or more endpoints do not have a zone specified'],
  ['all nodes are in one zone', 'a a', [node('a')], 'Nodes only ready in one zone'],
  [
    'a node has no zone',
    'a b',
    [...even, node(undefined)],
    'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
  ],
])('of endpoints it is said that %s', (_, endpoints, nodes, verdict) => {
  expect(withHints(auto as Service, [group(endpoints)], nodes).verdict).toBe(verdict);
});

test('each change is told once, by address family', () => {
  const notes = new HintNotes();
  const tell = (family: string, verdict: string | undefined, isAsked = true): string =>
    notes
      .notesOn('s', family, verdict, isAsked)
      .map((n) => n.join(' '))
      .join();
  expect(tell('IPv4', undefined)).toBe('');
  const enabled = 'Normal TopologyAwareHintsEnabled Topology Aware Hints has been enabled, addressType: IPv4';
  expect(tell('IPv4', 'shared out')).toBe(enabled);
  expect(tell('IPv4', 'shared out')).toBe('');
  expect(tell('IPv6', 'shared out')).toContain('IPv6');
  expect(tell('IPv4', 'too few')).toBe('Warning TopologyAwareHintsDisabled too few, addressType: IPv4');
  expect(tell('IPv4', undefined)).toBe('');
  expect(tell('IPv4', 'too few')).toBe('');
  expect(tell('IPv4', 'shared out')).toBe(enabled);
  const disabled = 'Warning TopologyAwareHintsDisabled Topology Aware Hints has been disabled, addressType: ';
  expect(tell('IPv4', undefined, false)).toBe(`${disabled}IPv4`);
  expect(tell('IPv4', undefined, false)).toBe('');
  notes.forget('s');
  expect(tell('IPv6', undefined, false)).toBe('');
});
