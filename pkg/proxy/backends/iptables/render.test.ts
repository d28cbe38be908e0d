import { describe, expect, test } from 'vitest';
import type { ServicePort } from '../../table/types.ts';
import { incremental } from './backend.ts';
import { CHAINS, endpointChain, externalChain, localChain, serviceChain } from './names.ts';
import { type Rendered, render } from './render.ts';

const CIDR = '10.244.0.0/16';
const ID = 'ns/web:http';
const at = (n: number, local = false) => ({ ip: `10.244.1.${n}`, port: 8080, local });
const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  id: ID,
  protocol: 'tcp',
  clusterIP: '10.96.0.7',
  port: 80,
  nodePort: 0,
  externalIPs: [],
  sourceRanges: [],
  affinitySeconds: 0,
  internal: [],
  external: [],
  externalLocal: false,
  ...more,
});
const both = (...ends: ReturnType<typeof at>[]) => ({ internal: ends, external: ends });

/** Chain names depend on a hash: told by what they are for. */
const names: [string, string][] = [
  [serviceChain(ID, 'tcp'), 'SVC'],
  [localChain(ID, 'tcp'), 'SVL'],
  [externalChain(ID, 'tcp'), 'EXT'],
  ...[1, 2, 3].map((n): [string, string] => [endpointChain(ID, 'tcp', `10.244.1.${n}:8080`), `SEP${n}`]),
];
const legible = (text: string): string => names.reduce((t, [hash, name]) => t.replaceAll(hash, name), text);
const rendered = (p: ServicePort, clusterCidr = CIDR): Rendered => render({ ports: [p] }, { clusterCidr });
/** Rules of a chain, legible; undefined when there is no such chain. */
const nat = (r: Rendered, chain: string): string[] | undefined => {
  for (const [name, rules] of r.nat) if (legible(name) === chain) return rules.map(legible);
  return undefined;
};
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
    const r = rendered(port({ internal, external: [at(1, true), at(2)], nodePort: 30080 }));
    expect(nat(r, 'EXT')).toEqual([`-j ${CHAINS.markMasq}`, '-j SVL']);
    expect(nat(r, 'SVL')).toHaveLength(2);
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

  test('source ranges', () => {
    const r = rendered(port({ ...both(at(1)), externalIPs: ['192.0.2.1'], sourceRanges: ['198.51.100.0/24'] }));
    const rules = nat(r, CHAINS.services)?.filter((x) => x.includes('192.0.2.1'));
    expect(rules).toEqual([`-s 198.51.100.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 80 ${COMMENT} -j EXT`]);
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
    expect(legible(incremental(one, render({ ports: [] }, { clusterCidr: CIDR })))).toBe(
      [
        '*nat',
        `:${CHAINS.services} - [0:0]`,
        ':SVC - [0:0]',
        ':SEP1 - [0:0]',
        `-A ${CHAINS.services} ${NODE_PORTS}`,
        '-X SVC',
        '-X SEP1',
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
