import { describe, expect, test } from 'vitest';
import { choose, Endpoint, usableOf } from './endpoints.ts';
import { busy } from './fixtures.ts';

const NOW = 1000;
const make = (n: number): Endpoint[] => Array.from({ length: n }, (_, i) => new Endpoint('10.0.0.1', 8000 + i));
/** Ports chosen in many tries, and how often. */
function chosen(all: readonly Endpoint[], o: { tried?: Endpoint[]; wanted?: string } = {}): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = 0; i < 300; i++) {
    const e = choose(all, { tried: o.tried ?? [], now: NOW, wanted: o.wanted });
    const port = e?.address.split(':')[1] ?? 'none';
    found.set(port, (found.get(port) ?? 0) + 1);
  }
  return found;
}
const ports = (found: Map<string, number>): string => [...found.keys()].sort().join(' ');

describe('the next endpoint', () => {
  test('is any of them, evenly', () => {
    const found = chosen(make(3));
    expect(ports(found)).toBe('8000 8001 8002');
    expect(Math.min(...found.values())).toBeGreaterThan(50);
  });

  test('is seldom one that is busy', () => {
    const [a, b] = make(2) as [Endpoint, Endpoint];
    busy(a, 10);
    expect(chosen([a, b]).get('8001')).toBeGreaterThan(200);
  });

  test('is not one that was tried, and one that could not be reached only if there is no other', () => {
    const [a, b] = make(2) as [Endpoint, Endpoint];
    expect(ports(chosen([a, b], { tried: [a] }))).toBe('8001');
    a.avoid(NOW);
    expect(ports(chosen([a, b]))).toBe('8001');
    expect(ports(chosen([a, b], { tried: [b] }))).toBe('8000');
    expect(ports(chosen([a, b], { tried: [a, b] }))).toBe('none');
  });

  test('is the one the client knows, unless that is full or was tried', () => {
    const [a, b] = make(2) as [Endpoint, Endpoint];
    expect(ports(chosen([a, b], { wanted: b.id }))).toBe('8001');
    expect(ports(chosen([a, b], { wanted: b.id, tried: [b] }))).toBe('8000');
    busy(b, 5000);
    expect(ports(chosen([a, b], { wanted: b.id }))).toBe('8000');
  });

  test('does not exist', () => {
    expect(ports(chosen([]))).toBe('none');
  });
});

describe('pods with two addresses', () => {
  const at = (ip: string, ready = true) => ({
    ip,
    port: 80,
    ready,
    lastResort: false,
    nodeName: 'n',
    forZones: undefined,
  });
  const [four, six] = [at('10.0.0.1'), at('fd00::1')];
  test.each<[string, string[], object[], object[], object[]]>([
    ['the first family', ['IPv4', 'IPv6'], [four], [six], [four]],
    ['the first family, which is IPv6', ['IPv6', 'IPv4'], [four], [six], [six]],
    ['the other one where nobody has the first', ['IPv4', 'IPv6'], [], [six], [six]],
    ['the other one where nobody is ready in the first', ['IPv6'], [four], [at('fd00::1', false)], [four]],
    ['a Service that does not say', [], [four], [six], [four]],
  ])('%s', (_, order, v4, v6, wanted) => {
    expect(usableOf(order, (family) => (family === 'IPv4' ? v4 : v6) as never)).toEqual(wanted);
  });
});
