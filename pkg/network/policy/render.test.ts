import { describe, expect, test } from 'vitest';
import type { NetworkPolicy, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { NftContent } from '#process/nftables.ts';
import type { Addressed } from './peers.ts';
import { renderPolicies } from './render.ts';

const pod = (name: string, ip: string, app: string, namespace = 'ns'): Addressed => ({
  ip,
  pod: {
    metadata: { name, namespace, uid: name, labels: { app } },
    spec: {
      containers: [
        {
          ports: [
            { name: 'http', containerPort: 8080 },
            { name: 'dns', containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
    },
  } as unknown as Stored<Pod>,
});
const web = pod('web', '10.1.0.1', 'web');
const db = pod('db', '10.1.0.2', 'db');
const away = pod('away', '10.2.0.1', 'client');
const other = pod('other', '10.2.0.2', 'client', 'other');
const network = {
  pods: new Map([
    ['ns', [web, db, away]],
    ['other', [other]],
  ]),
  namespaces: new Map([
    ['ns', { name: 'ns' }],
    ['other', { name: 'other' }],
  ]),
};
const policy = (spec: object, name = 'p'): Stored<NetworkPolicy> =>
  ({ metadata: { name, namespace: 'ns' }, spec: { podSelector: { matchLabels: { app: 'web' } }, ...spec } }) as never;
const render = (...policies: Stored<NetworkPolicy>[]) => renderPolicies({ policies, network, local: [web, db] });

/** Rules of the one policy chain of a direction. */
const rules = (c: NftContent | undefined, direction: string): readonly string[] | undefined =>
  [...(c?.chains ?? [])].find(([name]) => name.startsWith(`${direction}-`))?.[1].rules.map(legible);
const legible = (rule: string): string => rule.replace(/@\w+-[0-9a-f]{16}-(\d+)-/g, '@$1-');
const elements = (c: NftContent | undefined, suffix: string): string[] =>
  [...(c?.sets ?? [])].flatMap(([name, s]) => (name.endsWith(suffix) ? [...s.elements.keys()] : []));
const from = (...peers: object[]) => ({ ingress: [{ from: peers }] });

test.each<[string, object]>([
  ['no policy selects a pod of this node', { podSelector: { matchLabels: { app: 'client' } } }],
])('nothing: %s', (_, spec) => {
  expect(render(policy(spec))).toBeUndefined();
  expect(render()).toBeUndefined();
});

describe('ingress', () => {
  test.each<[string, object, string[], string[]]>([
    ['nothing allowed', { policyTypes: ['Ingress'] }, [], []],
    ['an empty rule: everyone', { ingress: [{}] }, ['accept'], []],
    [
      'pods of the same namespace',
      from({ podSelector: { matchLabels: { app: 'client' } } }),
      ['ip saddr @0-pods accept'],
      ['10.2.0.1'],
    ],
    [
      'all pods of a namespace',
      from({ namespaceSelector: { matchLabels: { name: 'other' } } }),
      ['ip saddr @0-pods accept'],
      ['10.2.0.2'],
    ],
    [
      'pods there',
      from({ namespaceSelector: {}, podSelector: { matchLabels: { app: 'client' } } }),
      ['ip saddr @0-pods accept'],
      ['10.2.0.1', '10.2.0.2'],
    ],
    ['a peer that nobody is', from({ podSelector: { matchLabels: { app: 'nobody' } } }), [], []],
    ['a network', from({ ipBlock: { cidr: '192.0.2.0/24' } }), ['ip saddr @0-blocks accept'], []],
    [
      'pods or a network',
      from({ podSelector: {} }, { ipBlock: { cidr: '192.0.2.0/24' } }),
      ['ip saddr @0-pods accept', 'ip saddr @0-blocks accept'],
      ['10.1.0.1', '10.1.0.2', '10.2.0.1'],
    ],
    [
      'ports',
      { ingress: [{ ports: [{ port: 80 }, { protocol: 'UDP', port: 5000, endPort: 5010 }, { protocol: 'SCTP' }] }] },
      ['meta l4proto tcp th dport 80 accept', 'meta l4proto udp th dport 5000-5010 accept', 'meta l4proto sctp accept'],
      [],
    ],
    [
      'from and ports: both must hold',
      { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }], ports: [{ port: 80 }] }] },
      ['ip saddr @0-pods meta l4proto tcp th dport 80 accept'],
      ['10.2.0.1'],
    ],
    [
      'two rules',
      { ingress: [{ ports: [{ port: 80 }] }, { from: [{ podSelector: { matchLabels: { app: 'db' } } }] }] },
      ['meta l4proto tcp th dport 80 accept', 'ip saddr @1-pods accept'],
      ['10.1.0.2'],
    ],
  ])('%s', (_, spec, expected, pods) => {
    const c = render(policy(spec));
    expect(rules(c, 'ingress')).toEqual(expected);
    expect(elements(c, '-pods')).toEqual(pods);
    expect(rules(c, 'egress')).toBeUndefined();
    expect(elements(c, 'ingress')).toEqual(['10.1.0.1']);
  });

  test('named ports are those of the pod that receives', () => {
    const c = render(
      policy({ ingress: [{ ports: [{ port: 'http' }, { port: 'dns' }, { port: 'dns', protocol: 'UDP' }] }] }),
    );
    expect(rules(c, 'ingress')).toEqual(['ip daddr . meta l4proto . th dport @0-named accept']);
    expect(elements(c, '-named')).toEqual(['10.1.0.1 . tcp . 8080', '10.1.0.1 . udp . 53']);
  });

  test('a named port no pod has opens nothing', () => {
    expect(rules(render(policy({ ingress: [{ ports: [{ port: 'none' }] }] })), 'ingress')).toEqual([]);
  });
});

describe('egress', () => {
  test('only egress is limited', () => {
    const c = render(
      policy({
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }], ports: [{ port: 443 }] }],
      }),
    );
    expect(rules(c, 'egress')).toEqual(['ip daddr @0-blocks meta l4proto tcp th dport 443 accept']);
    expect(elements(c, '-blocks')).toEqual(['0.0.0.0-9.255.255.255', '11.0.0.0-255.255.255.255']);
    expect(rules(c, 'ingress')).toBeUndefined();
    expect([elements(c, 'egress'), elements(c, 'ingress')]).toEqual([['10.1.0.1'], []]);
  });

  test('named ports are those of each pod there', () => {
    const c = render(
      policy({
        policyTypes: ['Egress'],
        egress: [{ to: [{ podSelector: { matchLabels: { app: 'db' } } }], ports: [{ port: 'http' }] }],
      }),
    );
    expect(rules(c, 'egress')).toEqual(['ip daddr @0-pods ip daddr . meta l4proto . th dport @0-named accept']);
    expect(elements(c, '-named')).toEqual(['10.1.0.2 . tcp . 8080']);
  });
});

test('policies add up: a pod passes what any of its policies allows', () => {
  const both = render(
    policy({ ingress: [{ ports: [{ port: 80 }] }] }, 'a'),
    policy({ podSelector: {}, policyTypes: ['Ingress'] }, 'b'),
  );
  const verdicts = both?.sets.get('ingress')?.elements;
  const chain = (ip: string) => both?.chains.get(verdicts?.get(ip)?.replace('goto ', '') ?? '')?.rules ?? [];
  expect(chain('10.1.0.1')).toHaveLength(3);
  expect(chain('10.1.0.2')).toHaveLength(2);
  expect(chain('10.1.0.1').at(-1)).toBe('drop');
  expect(chain('10.1.0.2')[0]).toBe(chain('10.1.0.1')[1]);
});

test('a pod always reaches itself, connections go on, egress comes before ingress', () => {
  const c = render(policy({ policyTypes: ['Ingress', 'Egress'] }));
  expect(elements(c, 'self')).toEqual(['10.1.0.1 . 10.1.0.1']);
  for (const [name, verdict] of [
    ['from-pods', 'ip saddr vmap @egress'],
    ['from-pods-to-node', 'ip saddr vmap @egress'],
    ['to-pods', 'ip daddr vmap @ingress'],
  ] as const) {
    expect(c?.chains.get(name)?.rules).toEqual([
      'ct state established,related accept',
      'ip saddr . ip daddr @self accept',
      verdict,
    ]);
  }
});

test('every set and chain that is used exists', () => {
  const c = render(
    policy({
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 'http' }] }],
    }),
  );
  for (const { rules: lines } of c?.chains.values() ?? []) {
    for (const line of lines) {
      for (const m of line.matchAll(/@(\S+)/g)) expect([...(c?.sets.keys() ?? [])]).toContain(m[1]);
      for (const m of line.matchAll(/jump (\S+)/g)) expect([...(c?.chains.keys() ?? [])]).toContain(m[1]);
    }
  }
});

describe('pods with two addresses', () => {
  const six = (p: Addressed, ip: string): Addressed => ({ ...p, ip });
  const [web6, away6] = [six(web, 'fd00:1::1'), six(away, 'fd00:2::1')];
  const both = { ...network, pods: new Map([['ns', [web, web6, db, away, away6]]]) };
  const dual = (spec: object) =>
    renderPolicies({ policies: [policy(spec)], network: both, local: [web, web6, db] }) as NftContent;

  test('each family has its sets and chains, judged side by side', () => {
    const c = dual(from({ podSelector: { matchLabels: { app: 'client' } } }));
    expect(rules(c, 'ingress')).toEqual(['ip saddr @0-pods accept']);
    expect(rules(c, 'ingress6')).toEqual(['ip6 saddr @0-pods accept']);
    expect(elements(c, '-pods')).toEqual(['10.2.0.1', 'fd00:2::1']);
    expect([elements(c, 'ingress'), elements(c, 'ingress6'), elements(c, 'self6')]).toEqual([
      ['10.1.0.1'],
      ['fd00:1::1'],
      ['fd00:1::1 . fd00:1::1'],
    ]);
    const judged = c.chains.get('to-pods')?.rules ?? [];
    expect(judged.slice(-2)).toEqual(['ip daddr vmap @ingress', 'ip6 daddr vmap @ingress6']);
    expect(judged[1]).toContain('nd-neighbor-solicit');
    expect(judged.filter((r) => r.includes('fe80::/10 drop'))).toHaveLength(2);
  });

  test('a block is of one family: the other is let in by nothing', () => {
    const c = dual(from({ ipBlock: { cidr: 'fd00:9::/64', except: ['fd00:9::/80'] } }));
    expect([rules(c, 'ingress'), rules(c, 'ingress6')]).toEqual([[], ['ip6 saddr @0-blocks accept']]);
    expect(elements(c, '-blocks')).toEqual(['fd00:9:0:0:1::-fd00:9::ffff:ffff:ffff:ffff']);
    expect(elements(c, 'ingress')).toEqual(['10.1.0.1']);
  });

  test('named ports are of the address', () => {
    const c = dual({ ingress: [{ ports: [{ port: 'http' }] }] });
    expect(rules(c, 'ingress6')).toEqual(['ip6 daddr . meta l4proto . th dport @0-named accept']);
    expect(elements(c, '-named')).toEqual(['10.1.0.1 . tcp . 8080', 'fd00:1::1 . tcp . 8080']);
  });

  test('without IPv6 nothing is said of it', () => {
    expect(JSON.stringify([...(render(policy({ ingress: [{}] }))?.chains ?? [])])).not.toMatch(/ip6|icmpv6/);
  });
});
