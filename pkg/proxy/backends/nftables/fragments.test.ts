import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NftChain, NftContent, NftSet } from '#process/nftables.ts';
import { endpoints as both, servicePort as port } from '../../table/fixtures.ts';
import type { ServicePort } from '../../table/types.ts';
import { fragmentOf } from './fragment.ts';
import { Fragments } from './fragments.ts';
import { renderNft } from './render.ts';

const OPTIONS = { family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
const whole = (...ports: ServicePort[]) =>
  renderNft(
    ports.map((p) => fragmentOf(p, OPTIONS)),
    'IPv4',
    8,
  );
const at = (n: number, local = false) => ({ ip: `10.244.1.${n}`, port: 8080, local });

interface Model {
  sets: Map<string, NftSet>;
  chains: Map<string, NftChain>;
}

/** What the kernel holds after a change of a part. */
function changed(kernel: Model, before: NftContent, after: NftContent): void {
  for (const [name, { elements }] of before.sets) {
    const held = kernel.sets.get(name);
    expect(held, `set ${name}`).toBeDefined();
    for (const [key, value] of elements) expect(held?.elements.get(key), `${name} ${key}`).toBe(value);
    const rest = [...(held?.elements ?? [])].filter(([key]) => !elements.has(key));
    if (after.sets.has(name)) kernel.sets.set(name, { declaration: held?.declaration ?? '', elements: new Map(rest) });
    else kernel.sets.delete(name);
  }
  for (const [name, set] of after.sets) {
    const elements = new Map([...(kernel.sets.get(name)?.elements ?? []), ...set.elements]);
    kernel.sets.set(name, { declaration: set.declaration, elements });
  }
  for (const name of before.chains.keys()) {
    expect(kernel.chains.has(name), `chain ${name}`).toBe(true);
    kernel.chains.delete(name);
  }
  for (const [name, chain] of after.chains) kernel.chains.set(name, chain);
}

const sorted = (m: ReadonlyMap<string, unknown>) => [...m].sort(([a], [b]) => (a < b ? -1 : 1));
const shown = (c: NftContent) => ({
  sets: sorted(c.sets).map(([name, s]) => [name, (s as NftSet).declaration, sorted((s as NftSet).elements)]),
  chains: sorted(c.chains),
});
const model = (c: NftContent): Model => ({ sets: new Map(c.sets), chains: new Map(c.chains) });

/** A service port with addresses of its own; its endpoints are shared with others. */
const arbitraryPort = (n: number) =>
  fc
    .record({
      ends: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
      local: fc.integer({ min: 0, max: 6 }),
      nodePort: fc.constantFrom(0, 30_000 + n),
      outside: fc.boolean(),
      ranges: fc.constantFrom([], ['192.0.2.0/24'], ['192.0.2.0/24', '198.51.100.0/24']),
      affinitySeconds: fc.constantFrom(0, 60),
      externalLocal: fc.boolean(),
      openToNode: fc.boolean(),
    })
    .map(({ ends, local, outside, ranges, externalLocal, ...more }): ServicePort => {
      const all = ends.map((e) => at(e, e <= local));
      const external = externalLocal ? all.filter((e) => e.local) : all;
      const ips = outside ? { externalIPs: [`203.0.113.${n}`], loadBalancerIPs: [`203.0.113.${100 + n}`] } : {};
      const id = { id: `ns/s${n}:`, clusterIP: `10.96.0.${n}` };
      return port({ ...id, ...both(...all), external, externalLocal, sourceRanges: ranges, ...ips, ...more });
    });

test('step by step it becomes what the whole would be', () => {
  const step = fc.array(
    fc.integer({ min: 1, max: 5 }).chain((n) => fc.option(arbitraryPort(n)).map((p) => [n, p] as const)),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const fragments = new Fragments(OPTIONS);
      const kernel = model(whole());
      const ports = new Map<number, ServicePort>();
      for (const changes of steps) {
        for (const [n, p] of changes) {
          if (p) ports.set(n, p);
          else ports.delete(n);
        }
        const { before, after } = fragments.update([...ports.values()]);
        changed(kernel, before, after);
        expect(fragments.clashing).toBe(false);
        expect(shown(kernel)).toEqual(shown(whole(...ports.values())));
      }
    }),
    { numRuns: 200 },
  );
});

describe('two services that want the same', () => {
  const first = port({ ...both(at(1)), externalIPs: ['203.0.113.1'] });
  const rival = port({ ...both(at(2)), id: 'ns/rival:', clusterIP: '10.96.0.8', externalIPs: ['203.0.113.1'] });

  test('are told of, until one of them goes', () => {
    const fragments = new Fragments(OPTIONS);
    fragments.update([first, rival]);
    expect(fragments.clashing).toBe(true);
    fragments.update([rival]);
    expect(fragments.clashing).toBe(false);
    const { before, after } = fragments.update([first]);
    const kernel = model(whole(rival));
    changed(kernel, before, after);
    expect(shown(kernel)).toEqual(shown(whole(first)));
  });
});

test('what has not changed is not looked at', () => {
  const fragments = new Fragments(OPTIONS);
  const many = Array.from({ length: 50 }, (_, n) =>
    port({ ...both(at(n + 1)), id: `ns/s${n}:`, clusterIP: `10.96.1.${n}` }),
  );
  fragments.update(many);
  const other = port({ ...both(at(99)), id: 'ns/s7:', clusterIP: '10.96.1.7' });
  const { before, after } = fragments.update(many.with(7, other));
  expect([...after.sets].flatMap(([name, s]) => [...s.elements].map((e) => [name, ...e]))).toEqual([
    ['services', '10.96.1.7 . tcp . 80', 'goto cluster-endpoints-1'],
    ['endpoints', '10.96.1.7 . tcp . 80 . 0', '10.244.1.99 . 8080'],
  ]);
  expect([...before.chains.keys()]).toEqual([...after.chains.keys()]);
});
