import { describe, expect, test } from 'vitest';
import { nftScripts } from '#process/nftables.ts';
import { endpoints as both, servicePort as port } from '../../table/fixtures.ts';
import type { ServicePort } from '../../table/types.ts';
import { fragmentOf } from './fragment.ts';
import { renderNft } from './render.ts';

const CIDR = '10.244.0.0/16';
const at = (n: number, local = false) => ({ ip: `10.244.1.${n}`, port: 8080, local });
const rendered = (p: ServicePort, clusterCidr = CIDR) =>
  renderNft([fragmentOf(p, { family: 'IPv4', clusterCidr })], 'IPv4', 8);
const map = (c: ReturnType<typeof rendered>, name: string) => Object.fromEntries(c.sets.get(name)?.elements ?? []);
/** Rules on the way from a verdict, as one list. */
function path(c: ReturnType<typeof rendered>, verdict: string | undefined): string[] {
  const chain = verdict?.replace('goto ', '') ?? '';
  const rules = c.chains.get(chain)?.rules ?? [];
  return rules.flatMap((r) => (r.startsWith('goto ') ? path(c, r) : [r]));
}
const KEY = '10.96.0.7 . tcp . 80';
const MARK = 'meta mark set meta mark or 0x4000';
const oneOf = (n: number, name: string, lookup: string) => `dnat ip to ${lookup} . numgen random mod ${n} map @${name}`;
/** Whoever is told a number that is just becoming too large gets the first one. */
const pick = (n: number, name = 'endpoints', lookup = 'ip daddr . meta l4proto . th dport') =>
  [...new Set([n, 1])].map((of) => oneOf(of, name, lookup));

describe('cluster IP', () => {
  test('a frontend, its endpoints by number, and a chain for their count', () => {
    const c = rendered(port(both(at(1), at(2))));
    const { [KEY]: verdict } = map(c, 'services');
    expect(path(c, verdict)).toEqual([`ip saddr != ${CIDR} ${MARK}`, ...pick(2)]);
    expect(map(c, 'endpoints')).toEqual({ [`${KEY} . 0`]: '10.244.1.1 . 8080', [`${KEY} . 1`]: '10.244.1.2 . 8080' });
    expect(map(c, 'refused')).toEqual({});
  });

  test('without a pod network all from off the node is masqueraded', () => {
    const c = rendered(port(both(at(1))), '');
    expect(path(c, map(c, 'services')[KEY])[0]).toBe(`fib saddr type != local ${MARK}`);
  });

  test.each<[string, Partial<ServicePort>, string]>([
    ['no endpoints: refused', {}, 'goto refuse'],
    ['internal Local policy, endpoints elsewhere: dropped', { cluster: [at(1)], external: [at(1)] }, 'drop'],
  ])('%s', (_, more, verdict) => {
    const c = rendered(port(more));
    expect(map(c, 'services')).toEqual({});
    expect(map(c, 'refused')).toEqual({ [KEY]: verdict });
  });

  test.each(['udp', 'sctp'] as const)('of %s', (protocol) => {
    const c = rendered(port({ ...both(at(1)), protocol, nodePort: 30080 }));
    const key = `10.96.0.7 . ${protocol} . 80`;
    expect(path(c, map(c, 'services')[key])).toEqual([`ip saddr != ${CIDR} ${MARK}`, ...pick(1)]);
    expect(map(c, 'endpoints')).toEqual({ [`${key} . 0`]: '10.244.1.1 . 8080' });
    expect(map(c, 'node-port-endpoints')).toEqual({ [`${protocol} . 30080 . 0`]: '10.244.1.1 . 8080' });
  });

  test('only local endpoints can be sent back to themselves', () => {
    expect(map(rendered(port(both(at(1, true), at(2)))), 'hairpin')).toEqual({ '10.244.1.1 . 10.244.1.1': '' });
  });
});

describe('from outside', () => {
  test('node port and external address: masqueraded, to any endpoint', () => {
    const c = rendered(port({ ...both(at(1)), nodePort: 30080, externalIPs: ['192.0.2.1'] }));
    expect(path(c, map(c, 'node-ports')['tcp . 30080'])).toEqual([
      MARK,
      ...pick(1, 'node-port-endpoints', 'meta l4proto . th dport'),
    ]);
    expect(path(c, map(c, 'services')['192.0.2.1 . tcp . 80'])).toEqual([MARK, ...pick(1)]);
    expect(map(c, 'node-port-endpoints')).toEqual({ 'tcp . 30080 . 0': '10.244.1.1 . 8080' });
  });

  test('Local policy: pods and the node reach all, clients only local ones, with their address', () => {
    const c = rendered(
      port({
        cluster: [at(1, true), at(2)],
        internal: [at(1, true), at(2)],
        external: [at(1, true)],
        nodePort: 30080,
        externalLocal: true,
      }),
    );
    const chain = map(c, 'node-ports')['tcp . 30080']?.replace('goto ', '') ?? '';
    const lookup = 'meta l4proto . th dport';
    const [pods, node, clients] = c.chains.get(chain)?.rules ?? [];
    expect(pods).toBe(`ip saddr ${CIDR} goto node-port-endpoints-2`);
    expect(node).toBe(`fib saddr type local ${MARK} goto node-port-endpoints-2`);
    expect(path(c, clients)).toEqual(pick(1, 'local-node-port-endpoints', lookup));
    expect(map(c, 'local-node-port-endpoints')).toEqual({ 'tcp . 30080 . 0': '10.244.1.1 . 8080' });
  });

  test('Local policy without local endpoints: pods still pass, clients are dropped', () => {
    const c = rendered(
      port({ cluster: [at(2)], internal: [at(2)], external: [], nodePort: 30080, externalLocal: true }),
    );
    expect(map(c, 'refused-node-ports')).toEqual({ 'tcp . 30080': 'drop' });
    const chain = map(c, 'node-ports')['tcp . 30080']?.replace('goto ', '') ?? '';
    expect(c.chains.get(chain)?.rules).toHaveLength(2);
  });

  test('source ranges guard the address of the load balancer, not the external one', () => {
    const c = rendered(
      port({
        ...both(at(1)),
        externalIPs: ['192.0.2.9'],
        loadBalancerIPs: ['192.0.2.1'],
        sourceRanges: ['198.51.100.0/24'],
      }),
    );
    expect(map(c, 'services')['192.0.2.9 . tcp . 80']).toBe('goto external-endpoints-1');
    const chain = map(c, 'services')['192.0.2.1 . tcp . 80']?.replace('goto ', '') ?? '';
    expect(c.chains.get(chain)?.rules).toEqual([
      expect.stringMatching(/^ip saddr @ranges-\w+ goto external-endpoints-1$/),
    ]);
    expect(map(c, 'refused')).toEqual({ '192.0.2.1 . tcp . 80': 'drop' });
  });

  test('source ranges that let this node in do so too where it has the address itself', () => {
    const guarded = { ...both(at(1)), loadBalancerIPs: ['192.0.2.1', '192.0.2.2'], sourceRanges: ['198.51.100.0/24'] };
    const [closed, open] = [false, true].map((openToNode) => rendered(port({ ...guarded, openToNode })));
    const chainOf = (c: typeof open, ip: string) => c && map(c, 'services')[`${ip} . tcp . 80`]?.replace('goto ', '');
    const chain = chainOf(open, '192.0.2.1') ?? '';
    expect(open?.chains.get(chain)?.rules).toEqual([
      expect.stringMatching(/^ip saddr @ranges-\w+ goto external-endpoints-1$/),
      'ip saddr 192.0.2.1 ip daddr 192.0.2.1 goto external-endpoints-1',
      'ip saddr 192.0.2.2 ip daddr 192.0.2.2 goto external-endpoints-1',
    ]);
    expect(chainOf(open, '192.0.2.2')).toBe(chain);
    // Names of chains tell what is in them: one that is in the kernel already is not written again.
    expect(chainOf(closed, '192.0.2.1')).not.toBe(chain);
  });

  test('no endpoints at all: refused everywhere', () => {
    const c = rendered(port({ nodePort: 30080, externalIPs: ['192.0.2.1'] }));
    expect([map(c, 'services'), map(c, 'node-ports')]).toEqual([{}, {}]);
    expect(map(c, 'refused')).toEqual({ [KEY]: 'goto refuse', '192.0.2.1 . tcp . 80': 'goto refuse' });
    expect(map(c, 'refused-node-ports')).toEqual({ 'tcp . 30080': 'goto refuse' });
  });
});

test('affinity: known clients first, the others by chance, and then they are known', () => {
  const c = rendered(port({ ...both(at(1), at(2)), affinitySeconds: 60 }));
  const rules = path(c, map(c, 'services')[KEY]).slice(1);
  expect(rules).toHaveLength(3);
  const [, set, chain] = /^ip saddr @(clients-\w+) goto (endpoint-\w+)$/.exec(rules[0] ?? '') ?? [];
  expect(rules[2]).toMatch(new RegExp(`^numgen random mod 2 vmap { 0 : goto ${chain}, 1 : goto endpoint-`));
  expect(c.sets.get(set ?? '')?.declaration).toBe('type ipv4_addr; flags dynamic,timeout; timeout 60s;');
  expect(c.chains.get(chain ?? '')?.rules).toEqual([
    `update @${set} { ip saddr }`,
    'meta l4proto tcp dnat ip to 10.244.1.1:8080',
  ]);
});

test('a change of one service changes its elements only', () => {
  const other = port({ id: 'ns/other:', clusterIP: '10.96.0.8', ...both(at(3), at(4)) });
  const whole = (...ports: ServicePort[]) =>
    renderNft(
      ports.map((p) => fragmentOf(p, { family: 'IPv4', clusterCidr: CIDR })),
      'IPv4',
      8,
    );
  const [a, b] = [at(1), at(5)].map((e) => whole(port(both(e, at(2))), other));
  expect(nftScripts('t', a, b as NonNullable<typeof b>)).toEqual([
    [
      `delete element t endpoints { ${KEY} . 0 }`,
      `add element t endpoints { ${KEY} . 0 : 10.244.1.5 . 8080 }`,
      '',
    ].join('\n'),
  ]);
});

describe('IPv6', () => {
  const cidr = 'fd00:244::/56';
  const end = (n: number, local = false) => ({ ip: `fd00:244:0:1::${n}`, port: 8080, local });
  const six = (p: Partial<ServicePort>) =>
    renderNft([fragmentOf(port({ clusterIP: 'fd00:96::7', ...p }), { family: 'IPv6', clusterCidr: cidr })], 'IPv6', 8);
  const frontend = 'ip6 daddr . meta l4proto . th dport';

  test('no rule, set or map has to do with the other family', () => {
    const c = six({
      ...both(end(1, true), end(2)),
      ...{ nodePort: 30080, loadBalancerIPs: ['fd00::1'], sourceRanges: ['fd00:5::/64'], affinitySeconds: 60 },
    });
    const all = [...c.chains.values()].flatMap((chain) => chain.rules).join('\n');
    expect(`${all}${[...c.sets.values()].map((s) => s.declaration)}`).not.toMatch(/\bip [sd]addr|ipv4|dnat ip /);
    expect(c.chains.get('dispatch')?.rules[1]).toBe(
      'ip6 daddr != ::1/128 fib daddr type local meta l4proto . th dport vmap @node-ports',
    );
    expect(all).toContain('dnat ip6 to [fd00:244:0:1::1]:8080');
  });

  test('a frontend and its endpoints', () => {
    const c = six(both(end(1, true), end(2)));
    const key = 'fd00:96::7 . tcp . 80';
    expect(path(c, map(c, 'services')[key])).toEqual([
      `ip6 saddr != ${cidr} ${MARK}`,
      `dnat ip6 to ${frontend} . numgen random mod 2 map @endpoints`,
      `dnat ip6 to ${frontend} . numgen random mod 1 map @endpoints`,
    ]);
    expect(map(c, 'endpoints')[`${key} . 1`]).toBe('fd00:244:0:1::2 . 8080');
    expect(map(c, 'hairpin')).toEqual({ 'fd00:244:0:1::1 . fd00:244:0:1::1': '' });
    expect(c.sets.get('services')?.declaration).toBe(`typeof ${frontend} : verdict;`);
  });
});
