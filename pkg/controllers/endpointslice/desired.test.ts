import { describe, expect, test } from 'vitest';
import { subsetsOf } from '../endpoints/controller.ts';
import { type PodSketch, pod, service } from '../fixtures.ts';
import { desiredGroups, familiesOf } from './desired.ts';

const ports = [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' as const }];
const base: PodSketch = { ip: '10.0.0.1', ready: 5, node: 'n1', ports: { http: 8080 } };
const V4 = { family: 'IPv4' } as const;
const conditionsOf = (p: PodSketch, publishNotReadyAddresses = false) =>
  desiredGroups(service({ ports, publishNotReadyAddresses }), [pod({ ...base, ...p })], V4)[0]?.endpoints[0]
    ?.conditions;

test.each([
  ['ready', {}, false, { ready: true, serving: true, terminating: false }],
  ['not ready', { ready: undefined }, false, { ready: false, serving: false, terminating: false }],
  ['being deleted, still serving', { deleting: true }, false, { ready: false, serving: true, terminating: true }],
  [
    'not ready, published all the same',
    { ready: undefined },
    true,
    { ready: true, serving: false, terminating: false },
  ],
  ['being deleted, published', { deleting: true }, true, { ready: true, serving: true, terminating: true }],
])('%s', (_why, p, publish, want) => {
  expect(conditionsOf(p as PodSketch, publish)).toEqual(want);
});

test.each([
  ['no address yet', { ip: '' }],
  ['succeeded', { phase: 'Succeeded' }],
  ['failed', { phase: 'Failed' }],
])('%s: no endpoint', (_why, p) => {
  expect(desiredGroups(service({ ports }), [pod({ ...base, ...p })], V4)).toEqual([]);
});

describe('ports', () => {
  test('a name is looked up in each pod; pods that differ form groups', () => {
    const pods = [pod(base), pod({ ...base, ip: '10.0.0.2', ports: { http: 9090 } }), pod({ ...base, ip: '10.0.0.3' })];
    const groups = desiredGroups(service({ ports }), pods, V4);
    expect(groups.map((g) => [g.ports[0]?.port, g.endpoints.map((e) => e.addresses[0])])).toEqual([
      [8080, ['10.0.0.1', '10.0.0.3']],
      [9090, ['10.0.0.2']],
    ]);
  });
  test('a pod without that name offers no such port', () => {
    const both = [...ports, { name: 'raw', port: 7, protocol: 'UDP' as const }];
    const [group] = desiredGroups(service({ ports: both }), [pod({ ...base, ports: {} })], V4);
    expect(group?.ports).toEqual([{ name: 'raw', protocol: 'UDP', port: 7 }]);
  });
  test('the name is looked up by protocol, and in what runs as long as the pod does', () => {
    const named = (containerPort: number, protocol?: string) => ({
      ports: [{ name: 'http', containerPort, ...(protocol ? { protocol } : {}) }],
    });
    const portsOf = (containers: object[], initContainers: object[] = []) => {
      const p = pod(base);
      const spec = { ...p.spec, containers, initContainers } as NonNullable<typeof p.spec>;
      return desiredGroups(service({ ports }), [{ ...p, spec }], V4)[0]?.ports.map((x) => x.port);
    };
    expect(portsOf([named(53, 'UDP'), named(8080)])).toEqual([8080]);
    expect(portsOf([{}], [named(1), { ...named(2), restartPolicy: 'Always' }])).toEqual([2]);
    expect(portsOf([named(53, 'UDP')], [named(1)])).toEqual([]);
  });
  test('a headless service needs none', () => {
    expect(desiredGroups(service({ clusterIP: 'None' }), [pod(base)], V4)).toMatchObject([{ ports: [] }]);
  });
});

test('hostname only under the subdomain of the service; node and zone', () => {
  const pods = [
    pod({ ...base, hostname: 'h', subdomain: 'svc' }),
    pod({ ...base, ip: '10.0.0.2', hostname: 'h', subdomain: 'other' }),
  ];
  const [group] = desiredGroups(service({ ports }), pods, {
    ...V4,
    zoneOf: (n) => (n === 'n1' ? 'z' : undefined),
  });
  expect(group?.endpoints).toMatchObject([{ hostname: 'h', nodeName: 'n1', zone: 'z' }, { zone: 'z' }]);
  expect(group?.endpoints[1]).not.toHaveProperty('hostname');
});

describe('the older Endpoints', () => {
  const subsets = (...pods: PodSketch[]) =>
    subsetsOf(
      desiredGroups(
        service({ ports }),
        pods.map((p) => pod({ ...base, ...p })),
        V4,
      ),
    );
  test('ready, not ready, and neither of those being deleted', () => {
    const result = subsets({}, { ip: '10.0.0.2', ready: undefined }, { ip: '10.0.0.3', deleting: true });
    expect(result.subsets).toMatchObject([
      {
        addresses: [{ ip: '10.0.0.1' }],
        notReadyAddresses: [{ ip: '10.0.0.2' }],
        ports: [{ name: 'web', port: 8080 }],
      },
    ]);
    expect(result.subsets[0]?.addresses).toHaveLength(1);
  });
  test('no subset without addresses', () => {
    expect(subsets({ deleting: true })).toEqual({ subsets: [], truncated: false });
  });
  test('at most 1000, ready ones first', () => {
    const many = Array.from({ length: 1100 }, (_, i) => ({
      ip: `10.1.${i >> 8}.${i & 255}`,
      ready: i < 300 ? undefined : 5,
    }));
    const { subsets: cut, truncated } = subsets(...(many as PodSketch[]));
    expect(truncated).toBe(true);
    expect([cut[0]?.addresses?.length, cut[0]?.notReadyAddresses?.length]).toEqual([800, 200]);
  });
});

test('of each pod the address of the family asked for; a pod without one has no endpoint', () => {
  const both = pod(base);
  both.status = { ...both.status, podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] };
  const pods = [both, pod({ ...base, ip: '10.0.0.2' })];
  const of = (family: 'IPv4' | 'IPv6') =>
    desiredGroups(service({ ports }), pods, { family }).map((g) => g.endpoints.map((e) => e.addresses.join()));
  expect([of('IPv4'), of('IPv6')]).toEqual([[['10.0.0.1', '10.0.0.2']], [['fd00::1']]]);
});

test.each([
  [{ ipFamilies: ['IPv6', 'IPv4'] }, ['IPv6', 'IPv4']],
  [{ clusterIP: 'fd00::1' }, ['IPv6']],
  [{ clusterIP: 'None' }, ['IPv4']],
  [{}, ['IPv4']],
])('families of %j', (spec, want) => {
  expect(familiesOf(service(spec as never))).toEqual(want);
});
