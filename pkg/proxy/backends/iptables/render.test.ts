import { describe, expect, test } from 'vitest';
import { endpoints as both, servicePort as port, table } from '../../table/fixtures.ts';
import type { ServicePort } from '../../table/types.ts';
import { incremental } from './backend.ts';
import {
  CHAINS,
  clusterChain,
  endpointChain,
  externalChain,
  localChain,
  neighbourhoodChain,
  rangeChain,
  serviceChain,
} from './names.ts';
import { type Rendered, render } from './render.ts';

const CIDR = '10.244.0.0/16';
const ID = 'ns/web:http';
const at = (n: number, local = false) => ({ ip: `10.244.1.${n}`, port: 8080, local });
/** Chain names depend on a hash: told by what they are for. */
const names: [string, string][] = [
  [neighbourhoodChain('10.96.0.0/24'), 'NET'],
  [serviceChain(ID, 'tcp'), 'SVC'],
  [localChain(ID, 'tcp'), 'SVL'],
  [clusterChain(ID, 'tcp'), 'SVA'],
  [rangeChain(ID, 'tcp'), 'FW'],
  [externalChain(ID, 'tcp'), 'EXT'],
  ...[1, 2, 3].map((n): [string, string] => [endpointChain(ID, 'tcp', `10.244.1.${n}:8080`), `SEP${n}`]),
];
const legible = (text: string): string => names.reduce((t, [hash, name]) => t.replaceAll(hash, name), text);
const rendered = (p: ServicePort, clusterCidr = CIDR): Rendered => render(table(p), { family: 'IPv4', clusterCidr });
/** Rules of a chain, legible; undefined when there is no such chain. Those of a neighbourhood are where it is jumped to. */
const nat = (r: Rendered, chain: string): string[] | undefined => {
  if (chain === CHAINS.services)
    return r.nat
      .get(chain)
      ?.flatMap((rule) => there(r, rule))
      .map(legible);
  for (const [name, rules] of r.nat) if (legible(name) === chain) return rules.map(legible);
  return undefined;
};
const there = (r: Rendered, rule: string): readonly string[] =>
  (rule.includes('-j COX-NET-') && r.nat.get(rule.split('-j ')[1] ?? '')) || [rule];
const refusals = (r: Rendered) => [...(r.filter.get(CHAINS.services) ?? []), ...(r.filter.get(CHAINS.external) ?? [])];

const COMMENT = `-m comment --comment "${ID}"`;
const TO = `-d 10.96.0.7/32 -p tcp -m tcp --dport 80 ${COMMENT}`;
const NODE_PORTS = `-m comment --comment "node ports come last" -m addrtype --dst-type LOCAL -j ${CHAINS.nodePorts}`;

describe('cluster IP', () => {
  test('two endpoints share evenly', () => {
    const r = rendered(port(both(at(1), at(2))));
    expect(nat(r, CHAINS.services)).toEqual([`! -s ${CIDR} ${TO} -j ${CHAINS.markMasq}`, `${TO} -j SVC`, NODE_PORTS]);
    expect(nat(r, 'SVC')).toEqual(['-m statistic --mode random --probability 0.5000000000 -j SEP1', '-j SEP2']);
    expect(nat(r, 'SEP1')).toEqual([
      `-s 10.244.1.1/32 ${COMMENT} -j ${CHAINS.markMasq}`,
      '-p tcp -m tcp -j DNAT --to-destination 10.244.1.1:8080',
    ]);
    expect(nat(r, 'EXT')).toBeUndefined();
    expect(refusals(r)).toEqual([]);
  });

  test('three endpoints: a third, half of the rest, the rest', () => {
    const chances = nat(rendered(port(both(at(1), at(2), at(3)))), 'SVC')?.map((r) => /probability (\S+)/.exec(r)?.[1]);
    expect(chances).toEqual(['0.3333333333', '0.5000000000', undefined]);
  });

  test('affinity looks up the client first, and notes it', () => {
    const r = rendered(port({ ...both(at(1)), affinitySeconds: 60 }));
    expect(nat(r, 'SVC')).toEqual(['-m recent --name SEP1 --rcheck --seconds 60 --reap -j SEP1', '-j SEP1']);
    expect(nat(r, 'SEP1')?.[1]).toBe(
      '-p tcp -m recent --name SEP1 --set -m tcp -j DNAT --to-destination 10.244.1.1:8080',
    );
  });

  test('without a pod network all from off the node is masqueraded', () => {
    expect(nat(rendered(port(both(at(1))), ''), CHAINS.services)?.[0]).toBe(
      `${TO} -m addrtype ! --src-type LOCAL -j ${CHAINS.markMasq}`,
    );
  });

  test.each(['udp', 'sctp'] as const)('of %s', (protocol) => {
    const r = rendered(port({ ...both(at(1)), protocol, nodePort: 30080 }));
    const match = (n: number): string => `-p ${protocol} -m ${protocol} --dport ${n} ${COMMENT}`;
    expect(nat(r, CHAINS.services)?.[1]).toMatch(`-d 10.96.0.7/32 ${match(80)} -j COX-SVC-`);
    expect(nat(r, CHAINS.nodePorts)?.[0]).toMatch(`${match(30080)} -j COX-EXT-`);
    const sep = r.nat.get(endpointChain(ID, protocol, '10.244.1.1:8080'));
    expect(sep?.[1]).toBe(`-p ${protocol} -m ${protocol} -j DNAT --to-destination 10.244.1.1:8080`);
  });

  test('internal Local policy, endpoints elsewhere: dropped', () => {
    expect(refusals(rendered(port({ ...both(at(2)), internal: [] })))[0]).toMatch(/-j DROP$/);
  });

  test('no endpoints: refused', () => {
    const r = rendered(port());
    expect(nat(r, 'SVC')).toBeUndefined();
    expect(refusals(r)).toEqual([
      `-d 10.96.0.7/32 -p tcp -m tcp --dport 80 -m comment --comment "${ID} has no endpoints" -j REJECT`,
    ]);
  });
});

describe('node ports and external addresses', () => {
  test('Cluster policy: masqueraded, to any endpoint', () => {
    const r = rendered(port({ ...both(at(1)), nodePort: 30080, externalIPs: ['192.0.2.1'] }));
    expect(nat(r, CHAINS.nodePorts)).toEqual([`-p tcp -m tcp --dport 30080 ${COMMENT} -j EXT`]);
    expect(nat(r, CHAINS.services)).toContain(`-d 192.0.2.1/32 -p tcp -m tcp --dport 80 ${COMMENT} -j EXT`);
    expect(nat(r, 'EXT')).toEqual([`-j ${CHAINS.markMasq}`, '-j SVC']);
  });

  test.each([
    ['one is here', [at(1, true)]],
    ['none is here', []],
  ])('internal Local policy, %s: clients from outside still reach all', (_, internal) => {
    const r = rendered(port({ ...both(at(1, true), at(2)), internal, nodePort: 30080 }));
    expect(nat(r, 'EXT')).toEqual([`-j ${CHAINS.markMasq}`, '-j SVA']);
    expect(nat(r, 'SVA')).toHaveLength(2);
    expect(nat(r, 'SEP2')).toHaveLength(2);
    expect(nat(r, 'SVC')).toEqual(internal.length > 0 ? ['-j SEP1'] : undefined);
  });

  test('Local policy: pods and the node reach all, clients only local ones, with their address', () => {
    const r = rendered(
      port({ internal: [at(1, true), at(2)], external: [at(1, true)], nodePort: 30080, externalLocal: true }),
    );
    expect(nat(r, 'EXT')).toEqual([
      `-s ${CIDR} -j SVC`,
      `-m addrtype --src-type LOCAL -j ${CHAINS.markMasq}`,
      '-m addrtype --src-type LOCAL -j SVC',
      '-j SVL',
    ]);
    expect(nat(r, 'SVL')).toEqual(['-j SEP1']);
    expect(nat(r, 'SEP2')).toHaveLength(2);
    expect(refusals(r)).toEqual([]);
  });

  test.each<[string, Partial<ServicePort>, string]>([
    ['Local, endpoints elsewhere: dropped', { internal: [at(2)], externalLocal: true }, 'DROP'],
    ['Local, no endpoints: refused', { externalLocal: true }, 'REJECT'],
    ['Cluster, no endpoints: refused', {}, 'REJECT'],
  ])('%s', (_, more, verdict) => {
    const r = rendered(port({ ...more, nodePort: 30080, externalIPs: ['192.0.2.1'] }));
    const rules = r.filter.get(CHAINS.external) ?? [];
    expect(rules).toHaveLength(2);
    expect(rules[0]).toMatch(new RegExp(`^-m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 .* -j ${verdict}$`));
    expect(rules[1]).toMatch(new RegExp(`^-d 192.0.2.1/32 .* -j ${verdict}$`));
  });

  test('internal and external Local policy: pods reach all through an address for outside, clients local ones', () => {
    const here = [at(1, true)];
    const r = rendered(
      port({ cluster: [at(1, true), at(2)], internal: here, external: here, nodePort: 30080, externalLocal: true }),
    );
    expect(nat(r, 'EXT')?.[0]).toBe(`-s ${CIDR} -j SVA`);
    expect(nat(r, 'SVA')).toHaveLength(2);
    expect(nat(r, 'SVC')).toEqual(['-j SEP1']);
  });

  test('source ranges guard the address of the load balancer, not the external one', () => {
    const r = rendered(
      port({
        ...both(at(1)),
        externalIPs: ['192.0.2.9'],
        loadBalancerIPs: ['192.0.2.1'],
        sourceRanges: ['198.51.100.0/24', '203.0.113.0/24'],
      }),
    );
    const to = (ip: string): string => `-d ${ip}/32 -p tcp -m tcp --dport 80`;
    const rules = nat(r, CHAINS.services)?.filter((x) => x.includes('192.0.2.'));
    expect(rules).toEqual([`${to('192.0.2.9')} ${COMMENT} -j EXT`, `${to('192.0.2.1')} ${COMMENT} -j FW`]);
    expect(nat(r, 'FW')).toEqual(['-s 198.51.100.0/24 -j EXT', '-s 203.0.113.0/24 -j EXT']);
    expect(r.filter.get(CHAINS.ranges)).toEqual([
      `${to('192.0.2.1')} -m comment --comment "${ID} is not open to this client" -j DROP`,
    ]);
  });

  test('source ranges that let this node in do so too where it has the address itself', () => {
    const ranges = { loadBalancerIPs: ['192.0.2.1', '192.0.2.2'], sourceRanges: ['198.51.100.0/24'] };
    expect(nat(rendered(port({ ...both(at(1)), ...ranges, openToNode: true })), 'FW')).toEqual([
      '-s 198.51.100.0/24 -j EXT',
      '-s 192.0.2.1/32 -d 192.0.2.1/32 -j EXT',
      '-s 192.0.2.2/32 -d 192.0.2.2/32 -j EXT',
    ]);
  });

  test('without source ranges the load balancer is open', () => {
    const r = rendered(port({ ...both(at(1)), loadBalancerIPs: ['192.0.2.1'] }));
    expect(nat(r, CHAINS.services)).toContain(`-d 192.0.2.1/32 -p tcp -m tcp --dport 80 ${COMMENT} -j EXT`);
    expect(r.filter.get(CHAINS.ranges)).toEqual([]);
  });
});

test('names fit, differ, and stay', () => {
  const all = [serviceChain('a', 'tcp'), serviceChain('a', 'udp'), serviceChain('b', 'tcp'), localChain('a', 'tcp')];
  expect(new Set(all).size).toBe(all.length);
  for (const n of [...all, endpointChain('a', 'tcp', '1.2.3.4:5')]) expect(n).toMatch(/^COX-[A-Z]{3}-[A-Za-z0-9]{16}$/);
  expect(serviceChain('a', 'tcp')).toBe(serviceChain('a', 'tcp'));
});

test('every chain that is jumped to exists', () => {
  const r = rendered(
    port({ internal: [at(1, true), at(2)], external: [at(1, true)], nodePort: 30080, externalLocal: true }),
  );
  for (const rules of r.nat.values())
    for (const rule of rules) {
      const target = /-j (COX-\S+)/.exec(rule)?.[1];
      if (target) expect([...r.nat.keys()]).toContain(target);
    }
});

test('addresses are found by their neighbourhood, and a change there touches no other', () => {
  const at7 = port(both(at(1)));
  const at9 = port({ ...both(at(1)), id: 'ns/near:http', clusterIP: '10.96.0.9' });
  const far = port({ ...both(at(1)), id: 'ns/far:http', clusterIP: '10.96.3.1' });
  const all = (...ports: ServicePort[]) => render(table(...ports), { family: 'IPv4', clusterCidr: CIDR });
  const services = all(at7, at9, far).nat.get(CHAINS.services) ?? [];
  expect(services.map((r) => r.split(' -j ')[0])).toEqual([
    '-d 10.96.0.0/24',
    '-d 10.96.3.0/24',
    NODE_PORTS.split(' -j ')[0],
  ]);
  expect(services.slice(0, 2).map((r) => there(all(at7, at9, far), r).length)).toEqual([4, 2]);
  const text = incremental(all(at7, far), all(at7, at9, far));
  expect(text).toContain('-d 10.96.0.9/32');
  expect(text).not.toContain(CHAINS.services);
  expect(text).not.toContain('10.96.3.');
});

test('what has not changed is not rendered again', () => {
  const known = new WeakMap();
  const [one, other] = [port(both(at(1))), port({ ...both(at(2)), id: 'ns/other:http' })];
  const o = { family: 'IPv4', clusterCidr: CIDR } as const;
  const before = render(table(one, other), o, known);
  const after = render(table(one, port({ ...both(at(3)), id: 'ns/other:http' })), o, known);
  const chain = serviceChain(ID, 'tcp');
  expect(after.nat.get(chain)).toBe(before.nat.get(chain));
});

describe('incremental', () => {
  const one = rendered(port(both(at(1))));

  test('nothing to do', () => {
    expect(incremental(one, rendered(port(both(at(1)))))).toBe('');
  });

  test('one more endpoint: its chain and the balancing one', () => {
    expect(legible(incremental(one, rendered(port(both(at(1), at(2))))))).toBe(
      [
        '*nat',
        ':SVC - [0:0]',
        ':SEP2 - [0:0]',
        '-A SVC -m statistic --mode random --probability 0.5000000000 -j SEP1',
        '-A SVC -j SEP2',
        `-A SEP2 -s 10.244.1.2/32 ${COMMENT} -j ${CHAINS.markMasq}`,
        '-A SEP2 -p tcp -m tcp -j DNAT --to-destination 10.244.1.2:8080',
        'COMMIT',
        '',
      ].join('\n'),
    );
  });

  test('the service goes: emptied, then removed; both tables only as needed', () => {
    expect(legible(incremental(one, render(table(), { family: 'IPv4', clusterCidr: CIDR })))).toBe(
      [
        '*nat',
        `:${CHAINS.services} - [0:0]`,
        ':SVC - [0:0]',
        ':SEP1 - [0:0]',
        ':NET - [0:0]',
        `-A ${CHAINS.services} ${NODE_PORTS}`,
        '-X SVC',
        '-X SEP1',
        '-X NET',
        'COMMIT',
        '',
      ].join('\n'),
    );
  });

  test('the last endpoint goes: refusal in the filter table', () => {
    const text = incremental(one, rendered(port()));
    expect(text).toContain('*filter\n');
    expect(text.split('*filter')[1]).toContain('-j REJECT');
  });
});

describe('IPv6', () => {
  const cidr = 'fd00:244::/56';
  const six = (more: Partial<ServicePort>) =>
    render(table(port({ clusterIP: 'fd00:96::7', ...more })), { family: 'IPv6', clusterCidr: cidr });
  const end = { ip: 'fd00:244:0:1::1', port: 8080, local: true };

  test('a Service with node port, external address and an affine client', () => {
    const r = six({ ...both(end), nodePort: 30080, externalIPs: ['fd00::9'], affinitySeconds: 60 });
    const to = `-d fd00:96::7/128 -p tcp -m tcp --dport 80 ${COMMENT}`;
    expect(nat(r, CHAINS.services)).toEqual([
      `! -s ${cidr} ${to} -j ${CHAINS.markMasq}`,
      `${to} -j SVC`,
      `-d fd00::9/128 -p tcp -m tcp --dport 80 ${COMMENT} -j EXT`,
      `! -d ::1/128 ${NODE_PORTS}`,
    ]);
    const sep = r.nat.get(endpointChain(ID, 'tcp', '[fd00:244:0:1::1]:8080')) ?? [];
    expect(sep[0]).toBe(`-s fd00:244:0:1::1/128 ${COMMENT} -j ${CHAINS.markMasq}`);
    expect(sep[1]).toMatch(/--set -m tcp -j DNAT --to-destination \[fd00:244:0:1::1\]:8080$/);
  });

  test('refusals and loopback', () => {
    const r = six({ externalIPs: ['fd00::9'] });
    expect(refusals(r).map((rule) => rule.split(' -p ')[0])).toEqual(['-d fd00:96::7/128', '-d fd00::9/128']);
    expect(r.filter.get(CHAINS.firewall)?.[0]).toMatch(/^! -s ::1\/128 -d ::1\/128 .* -j DROP$/);
  });
});
