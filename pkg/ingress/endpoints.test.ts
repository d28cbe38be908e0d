import { describe, expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { choose, Endpoint, Endpoints, usableOf } from './endpoints.ts';
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

describe('endpoints of a backend', () => {
  const BACKEND = { namespace: 'ns', service: 'web', port: 80 };
  const object = (name: string, more: object, metadata = {}): Stored<KubeObject> =>
    ({ metadata: { name, namespace: 'ns', uid: name, resourceVersion: '1', ...metadata }, ...more }) as never;
  const slice = (...ends: [ip: string, node: string, ready: boolean][]) =>
    object(
      'web-1',
      {
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8080 }],
        endpoints: ends.map(([ip, nodeName, ready]) => ({ addresses: [ip], nodeName, conditions: { ready } })),
      },
      { labels: { 'kubernetes.io/service-name': 'web' } },
    );
  const node = (name: string, status: string) =>
    object(name, { status: { conditions: [{ type: 'Ready', status }] } }, { namespace: undefined });

  function world() {
    const caches = new FakeCaches();
    const endpoints = new Endpoints(caches.factory, new FakeClock());
    for (const name of ['a', 'b']) caches.set('Node', node(name, 'True'));
    caches.set('Service', object('web', { spec: { ports: [{ name: 'http', port: 80 }] } }));
    caches.set('EndpointSlice', slice(['10.1.0.1', 'a', true], ['10.1.0.2', 'b', true]));
    endpoints.keep([BACKEND]);
    const addresses = (): string[] => endpoints.of(BACKEND).map((e) => e.address);
    return { caches, endpoints, addresses };
  }

  test('are those that are ready, and one that stays is the same', () => {
    const { caches, endpoints, addresses } = world();
    const [first] = endpoints.of(BACKEND);
    expect(addresses()).toEqual(['10.1.0.1:8080', '10.1.0.2:8080']);
    caches.set('EndpointSlice', slice(['10.1.0.1', 'a', true], ['10.1.0.2', 'b', false]));
    expect([addresses(), endpoints.of(BACKEND)[0] === first]).toEqual([['10.1.0.1:8080'], true]);
    endpoints.keep([]);
    expect(addresses()).toEqual([]);
  });

  test('one that leaves finishes its requests; those of a lost node are told, whether it left before or not', () => {
    const { caches, endpoints } = world();
    const lost: string[] = [];
    for (const e of endpoints.of(BACKEND)) e.begin({ onLost: () => lost.push(e.address) });
    caches.set('EndpointSlice', slice(['10.1.0.1', 'a', true]));
    expect(lost).toEqual([]);
    caches.set('Node', node('b', 'Unknown'));
    expect(lost).toEqual(['10.1.0.2:8080']);
    caches.set('Node', node('a', 'Unknown'));
    expect(lost).toEqual(['10.1.0.2:8080', '10.1.0.1:8080']);
  });

  test('of a Service or a port that is not there are none', () => {
    const { caches, endpoints, addresses } = world();
    const other = { ...BACKEND, port: 'admin' };
    endpoints.keep([BACKEND, other]);
    expect(endpoints.of(other)).toEqual([]);
    caches.remove('Service', object('web', {}));
    expect(addresses()).toEqual([]);
  });
});
