import { describe, expect, test } from 'vitest';
import { endpoints as both, servicePort as port, table } from '../../table/fixtures.ts';
import type { Endpoint, ServicePort } from '../../table/types.ts';
import { ipvsCommands, parseListing, planIpvs, replaceSets, setCommands, setKinds } from './plan.ts';

const at = (n: number, local = false) => ({ ip: `10.244.1.${n}`, port: 8080, local });
const plan = (...ports: ServicePort[]) =>
  planIpvs(table(...ports), { family: 'IPv4', scheduler: 'rr', nodeAddresses: ['192.0.2.10', '10.244.0.1'] });
const set = (p: ReturnType<typeof plan>, name: string): string[] => [...(p.sets.get(name) ?? [])];
const servers = (p: ReturnType<typeof plan>): Record<string, string> =>
  Object.fromEntries([...p.virtual.values()].map((v) => [v.key, v.servers.join(' ')]));

describe('plan', () => {
  test('cluster IP', () => {
    const p = plan(port(both(at(1, true), at(2))));
    expect(servers(p)).toEqual({ '-t 10.96.0.7:80': '10.244.1.1:8080 10.244.1.2:8080' });
    expect(p.addresses).toEqual(['10.96.0.7']);
    expect(set(p, 'COX-CLUSTER')).toEqual(['10.96.0.7,tcp:80']);
    expect(set(p, 'COX-HAIRPIN')).toEqual(['10.244.1.1,tcp:8080,10.244.1.1']);
  });

  test('node port: on every address of the node, masqueraded', () => {
    const p = plan(port({ ...both(at(1)), nodePort: 30080 }));
    expect(Object.keys(servers(p))).toEqual(['-t 10.96.0.7:80', '-t 192.0.2.10:30080', '-t 10.244.0.1:30080']);
    expect(set(p, 'COX-MASQ-NP-TCP')).toEqual(['30080']);
    expect(p.addresses).toEqual(['10.96.0.7']);
  });

  test('Local policy: local endpoints, the client keeps its address', () => {
    const p = plan(
      port({
        ...both(at(1, true), at(2)),
        external: [at(1, true)],
        externalLocal: true,
        nodePort: 30080,
        externalIPs: ['198.51.100.1'],
      }),
    );
    expect(servers(p)['-t 192.0.2.10:30080']).toBe('10.244.1.1:8080');
    expect([set(p, 'COX-MASQ-NP-TCP'), set(p, 'COX-MASQ')]).toEqual([[], []]);
  });

  test('an external address of the node itself stays where it is', () => {
    expect(plan(port({ ...both(at(1)), externalIPs: ['192.0.2.10', '198.51.100.1'] })).addresses).toEqual([
      '10.96.0.7',
      '198.51.100.1',
    ]);
  });

  test('source ranges guard the address of the load balancer', () => {
    const p = plan(
      port({
        ...both(at(1)),
        loadBalancerIPs: ['198.51.100.1'],
        externalIPs: ['198.51.100.2'],
        sourceRanges: ['10.0.0.0/8', '0.0.0.0/0'],
      }),
    );
    expect(set(p, 'COX-GUARDED')).toEqual(['198.51.100.1,tcp:80']);
    expect(set(p, 'COX-ALLOWED')).toEqual(
      ['10.0.0.0/8', '0.0.0.0/1', '128.0.0.0/1'].map((r) => `198.51.100.1,tcp:80,${r}`),
    );
  });

  test('source ranges that let this node in do so too where it has the address itself', () => {
    const guarded = { loadBalancerIPs: ['198.51.100.1', '198.51.100.2'], sourceRanges: ['10.0.0.0/8'] };
    const allowed = set(plan(port({ ...both(at(1)), ...guarded, openToNode: true })), 'COX-ALLOWED');
    expect(allowed).toEqual(guarded.loadBalancerIPs.flatMap((ip) => [`${ip},tcp:80,10.0.0.0/8`, `${ip},tcp:80,${ip}`]));
  });

  test.each([
    ['udp', '-u 10.96.0.7:80'],
    ['sctp', '--sctp-service 10.96.0.7:80'],
  ] as const)('%s', (protocol, key) => {
    expect(Object.keys(servers(plan(port({ ...both(at(1)), protocol }))))).toEqual([key]);
  });

  test('affinity', () => {
    expect(plan(port({ ...both(at(1)), affinitySeconds: 60 })).virtual.get('-t 10.96.0.7:80')?.options).toBe(
      '-s rr -p 60',
    );
  });
});

describe.each([
  ['wrr', '-s wrr'],
  ['lc', '-s lc'],
  ['sh', '-s sh -b sh-fallback'],
])('scheduler %s', (scheduler, words) => {
  const exposed = { nodePort: 30080, externalIPs: ['198.51.100.1'], loadBalancerIPs: ['198.51.100.2'] };
  const ports = [
    port({ ...both(at(1), at(2)), ...exposed }),
    port({ ...both(at(3)), id: 'ns/dns:', protocol: 'udp', clusterIP: '10.96.0.10', port: 53, affinitySeconds: 60 }),
  ];
  const by = (name: string) =>
    planIpvs(table(...ports), { family: 'IPv4', scheduler: name, nodeAddresses: ['192.0.2.10'] }).virtual;
  const keys = ['-t 10.96.0.7:80', '-t 198.51.100.1:80', '-t 198.51.100.2:80', '-t 192.0.2.10:30080'];

  test('every virtual server has it, with affinity too, and its real servers weigh the same', () => {
    const options = [...by(scheduler).values()].map((v) => [v.key, v.options]);
    expect(options).toEqual([...keys.map((key) => [key, words]), ['-u 10.96.0.10:53', `${words} -p 60`]]);
    const added = ipvsCommands(new Map(), by(scheduler)).commands.filter((c) => c.startsWith('-a '));
    expect(added.map((c) => c.split(' -m ')[1])).toEqual(Array(9).fill('-w 1'));
  });

  test('instead of another one it edits those that are there, and leaves their real servers alone', () => {
    expect(ipvsCommands(by('rr'), by(scheduler))).toEqual({
      commands: [...keys.map((key) => `-E ${key} ${words}`), `-E -u 10.96.0.10:53 ${words} -p 60`],
      ended: [],
    });
  });
});

describe('commands', () => {
  const one = plan(port(both(at(1), at(2)))).virtual;
  const commands = (wanted: ReturnType<typeof plan>, ending?: Set<string>) => ipvsCommands(one, wanted.virtual, ending);

  test('from nothing', () => {
    expect(ipvsCommands(new Map(), one).commands).toEqual([
      '-A -t 10.96.0.7:80 -s rr',
      '-a -t 10.96.0.7:80 -r 10.244.1.1:8080 -m -w 1',
      '-a -t 10.96.0.7:80 -r 10.244.1.2:8080 -m -w 1',
    ]);
  });

  test('nothing to do', () => {
    expect(commands(plan(port(both(at(1), at(2)))))).toEqual({ commands: [], ended: [] });
  });

  test('a real server that goes keeps its connections, one that comes gets new ones', () => {
    expect(commands(plan(port(both(at(1), at(3)))))).toEqual({
      commands: ['-a -t 10.96.0.7:80 -r 10.244.1.3:8080 -m -w 1', '-e -t 10.96.0.7:80 -r 10.244.1.2:8080 -m -w 0'],
      ended: ['-t 10.96.0.7:80 -r 10.244.1.2:8080'],
    });
  });

  test('one that comes back while it is ending is not added twice', () => {
    const back = plan(port(both(at(1), at(2), at(3))));
    expect(commands(back, new Set(['-t 10.96.0.7:80 -r 10.244.1.3:8080'])).commands).toEqual([
      '-e -t 10.96.0.7:80 -r 10.244.1.3:8080 -m -w 1',
    ]);
  });

  test('UDP has no connections to wait for', () => {
    const udp = (n: number) => plan(port({ ...both(at(n)), protocol: 'udp' })).virtual;
    expect(ipvsCommands(udp(1), udp(2)).commands).toContain('-d -u 10.96.0.7:80 -r 10.244.1.1:8080');
  });

  test('while a real server is ending, the scheduler dh would refuse new connections: it goes at once', () => {
    const dh = (...ends: Endpoint[]) =>
      planIpvs(table(port(both(...ends))), { family: 'IPv4', scheduler: 'dh', nodeAddresses: [] }).virtual;
    expect(ipvsCommands(dh(at(1), at(2)), dh(at(1)))).toEqual({
      commands: ['-d -t 10.96.0.7:80 -r 10.244.1.2:8080'],
      ended: [],
    });
  });

  test('options change, services go', () => {
    expect(commands(plan(port({ ...both(at(1), at(2)), affinitySeconds: 9 }))).commands).toEqual([
      '-E -t 10.96.0.7:80 -s rr -p 9',
    ]);
    expect(commands(plan()).commands).toEqual(['-D -t 10.96.0.7:80']);
  });

  test('sets change by element', () => {
    const [a, b] = [plan(port(both(at(1)))), plan(port({ ...both(at(1)), port: 81 }))];
    expect(setCommands(a.sets, b.sets)).toEqual([
      'del COX-CLUSTER 10.96.0.7,tcp:80 -exist',
      'add COX-CLUSTER 10.96.0.7,tcp:81 -exist',
    ]);
  });

  test('sets that may be looked into already are never empty for a moment: others take their place', () => {
    const lines = replaceSets('IPv4', plan(port(both(at(1)))).sets);
    expect(lines.slice(0, 5)).toEqual([
      'create COX-CLUSTER-NEXT hash:ip,port -exist',
      'flush COX-CLUSTER-NEXT',
      'add COX-CLUSTER-NEXT 10.96.0.7,tcp:80 -exist',
      'swap COX-CLUSTER-NEXT COX-CLUSTER',
      'destroy COX-CLUSTER-NEXT',
    ]);
    for (const name of setKinds('IPv4').keys()) expect(lines).toContain(`swap ${name}-NEXT ${name}`);
    expect(lines.filter((l) => !l.includes('-NEXT'))).toEqual([]);
  });
});

test('the listing of ipvsadm', () => {
  const text = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.7:80 rr persistent 60
  -> 10.244.1.1:8080              Masq    1      2          3
  -> 10.244.1.2:8080              Masq    0      0          0
UDP  10.96.0.10:53 rr
TCP  10.96.0.8:80 sh (sh-fallback) persistent 60
TCP  10.96.0.9:80 sh (sh-fallback)
`;
  const listed = parseListing(text, 'IPv4');
  expect([...listed].map(([key, v]) => [key, v.options])).toEqual([
    ['-t 10.96.0.7:80', '-s rr -p 60'],
    ['-u 10.96.0.10:53', '-s rr'],
    ['-t 10.96.0.8:80', '-s sh -b sh-fallback -p 60'],
    ['-t 10.96.0.9:80', '-s sh -b sh-fallback'],
  ]);
  expect([...(listed.get('-t 10.96.0.7:80')?.servers ?? [])]).toEqual([
    ['10.244.1.1:8080', 5],
    ['10.244.1.2:8080', 0],
  ]);
});

describe('IPv6', () => {
  const end = { ip: 'fd00:244:0:1::1', port: 8080, local: true };
  const six = (more: Partial<ServicePort>) =>
    planIpvs(table(port({ clusterIP: 'fd00:96::7', ...both(end), ...more })), {
      family: 'IPv6',
      scheduler: 'rr',
      nodeAddresses: ['fd00::10'],
    });

  test('addresses with ports are in brackets, in sets they are not', () => {
    const p = six({ nodePort: 30080, loadBalancerIPs: ['fd00::1'], sourceRanges: ['::/0', 'fd00:5::/64'] });
    expect(servers(p)).toEqual({
      '-t [fd00:96::7]:80': '[fd00:244:0:1::1]:8080',
      '-t [fd00::1]:80': '[fd00:244:0:1::1]:8080',
      '-t [fd00::10]:30080': '[fd00:244:0:1::1]:8080',
    });
    expect(set(p, 'COX6-CLUSTER')).toEqual(['fd00:96::7,tcp:80']);
    expect(set(p, 'COX6-HAIRPIN')).toEqual(['fd00:244:0:1::1,tcp:8080,fd00:244:0:1::1']);
    expect(set(p, 'COX6-ALLOWED')).toEqual(['::/1', '8000::/1', 'fd00:5::/64'].map((r) => `fd00::1,tcp:80,${r}`));
    expect(setKinds('IPv6').get('COX6-CLUSTER')).toBe('hash:ip,port family inet6');
    expect(setKinds('IPv6').get('COX6-MASQ-NP-TCP')).toBe('bitmap:port range 0-65535');
  });

  test('the listing of a family leaves the other alone', () => {
    const text = `TCP  10.96.0.7:80 rr
  -> 10.244.1.1:8080              Masq    1      2          3
TCP  [fd00:96::7]:80 rr persistent 60
  -> [fd00:244:0:1::1]:8080       Masq    1      1          0
`;
    const listed = (family: 'IPv4' | 'IPv6') =>
      [...parseListing(text, family)].map(([key, v]) => [key, v.options, [...v.servers]]);
    expect(listed('IPv4')).toEqual([['-t 10.96.0.7:80', '-s rr', [['10.244.1.1:8080', 5]]]]);
    expect(listed('IPv6')).toEqual([['-t [fd00:96::7]:80', '-s rr -p 60', [['[fd00:244:0:1::1]:8080', 1]]]]);
  });
});
