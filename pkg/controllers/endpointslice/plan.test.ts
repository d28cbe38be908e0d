import { describe, expect, test } from 'vitest';
import type { EndpointSlice } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { PortGroup, SliceEndpoint } from './desired.ts';
import { MAX_PER_SLICE, planSlices, type SlicePlan } from './plan.ts';

const labels = { 'kubernetes.io/service-name': 'svc' };
const web = [{ name: 'web', protocol: 'TCP', port: 80 }] as PortGroup['ports'];
const alt = [{ name: 'web', protocol: 'TCP', port: 81 }] as PortGroup['ports'];
const endpoint = (i: number, ready = true): SliceEndpoint =>
  ({
    addresses: [`10.0.${i >> 8}.${i & 255}`],
    conditions: { ready },
    targetRef: { kind: 'Pod', uid: `u${i}` },
  }) as SliceEndpoint;
const range = (from: number, to: number): SliceEndpoint[] =>
  Array.from({ length: to - from }, (_, i) => endpoint(from + i));
const slice = (name: string, endpoints: SliceEndpoint[], ports = web): Stored<EndpointSlice> =>
  ({
    metadata: { name, uid: name, labels },
    addressType: 'IPv4',
    ports,
    endpoints,
  }) as unknown as Stored<EndpointSlice>;
const summary = (p: SlicePlan) => ({
  create: p.create.map((c) => c.endpoints.length),
  update: p.update.map((u) => `${u.slice.metadata.name}:${u.endpoints.length}`),
  remove: p.remove.map((s) => s.metadata.name),
});
const plan = (groups: PortGroup[], slices: Stored<EndpointSlice>[]) => planSlices(groups, slices, labels);
const none = { create: [], update: [], remove: [] };

describe('the fewest writes', () => {
  test.each<[string, PortGroup[], Stored<EndpointSlice>[], Partial<ReturnType<typeof summary>>]>([
    ['nothing yet', [{ ports: web, endpoints: range(0, 3) }], [], { create: [3] }],
    ['nothing to do', [{ ports: web, endpoints: range(0, 3) }], [slice('a', range(0, 3))], {}],
    ['another order is no change', [{ ports: web, endpoints: range(0, 3).reverse() }], [slice('a', range(0, 3))], {}],
    ['250 need three', [{ ports: web, endpoints: range(0, 250) }], [], { create: [100, 100, 50] }],
    [
      'one more goes where there is room',
      [{ ports: web, endpoints: range(0, 151) }],
      [slice('a', range(0, 100)), slice('b', range(100, 150))],
      { update: ['b:51'] },
    ],
    [
      'one less touches one slice',
      [{ ports: web, endpoints: range(1, 150) }],
      [slice('a', range(0, 100)), slice('b', range(100, 150))],
      { update: ['a:99'] },
    ],
    [
      'a gap in the fuller slice first',
      [{ ports: web, endpoints: range(1, 151) }],
      [slice('a', range(0, 100)), slice('b', range(100, 150))],
      { update: ['a:100'] },
    ],
    [
      'an empty slice goes',
      [{ ports: web, endpoints: range(0, 100) }],
      [slice('a', range(0, 100)), slice('b', range(100, 150))],
      { remove: ['b'] },
    ],
    ['the last one stays, empty', [], [slice('a', range(0, 3))], { update: ['a:0'] }],
    ['and is not written again', [], [slice('a', [], [])], {}],
    ['a service without pods gets one', [], [], { create: [0] }],
    [
      'spare slices go with the pods',
      [],
      [slice('a', range(0, 3)), slice('b', range(3, 4))],
      { update: ['a:0'], remove: ['b'] },
    ],
    [
      'other ports reuse the slice',
      [{ ports: alt, endpoints: range(0, 3) }],
      [slice('a', range(0, 3))],
      { update: ['a:3'] },
    ],
    [
      'two groups, two slices',
      [
        { ports: web, endpoints: range(0, 2) },
        { ports: alt, endpoints: range(2, 5) },
      ],
      [slice('a', range(0, 5))],
      { create: [3], update: ['a:2'] },
    ],
  ])('%s', (_why, groups, slices, want) => {
    expect(summary(plan(groups, slices))).toEqual({ ...none, ...want });
  });

  test('a change of readiness is written in place', () => {
    const p = plan([{ ports: web, endpoints: [endpoint(0, false), endpoint(1)] }], [slice('a', range(0, 2))]);
    expect(p.update[0]?.endpoints[0]?.conditions?.ready).toBe(false);
    expect(p.create).toEqual([]);
  });

  test('labels of the service follow', () => {
    const p = planSlices([{ ports: web, endpoints: range(0, 1) }], [slice('a', range(0, 1))], { ...labels, x: 'y' });
    expect(summary(p)).toEqual({ ...none, update: ['a:1'] });
  });
});

test('random histories: no slice too large, every endpoint exactly once, and a second plan has nothing to do', () => {
  let seed = 7;
  const random = (n: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % n;
  };
  let slices: Stored<EndpointSlice>[] = [];
  for (let round = 0; round < 60; round++) {
    const all = range(0, 400).filter(() => random(3) > 0);
    const cut = random(2) ? all.length : random(all.length);
    const groups = [
      { ports: web, endpoints: all.slice(0, cut) },
      { ports: alt, endpoints: all.slice(cut) },
    ].filter((g) => g.endpoints.length > 0);
    const p = plan(groups, slices);
    const changed = new Map(p.update.map((u) => [u.slice.metadata.uid, u]));
    slices = slices.filter((s) => !p.remove.includes(s));
    slices = slices.map((s) => {
      const u = changed.get(s.metadata.uid);
      return u ? slice(s.metadata.name, [...u.endpoints], [...u.ports] as never) : s;
    });
    for (const [i, c] of p.create.entries())
      slices.push(slice(`s${round}-${i}`, [...c.endpoints], [...c.ports] as never));
    expect(Math.max(...slices.map((s) => s.endpoints?.length ?? 0))).toBeLessThanOrEqual(MAX_PER_SLICE);
    const held = slices.flatMap((s) => (s.endpoints ?? []).map((e) => e.targetRef?.uid ?? '')).sort();
    expect(held).toEqual(all.map((e) => e.targetRef?.uid ?? '').sort());
    expect(summary(plan(groups, slices))).toEqual(none);
  }
});
