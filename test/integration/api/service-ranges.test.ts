import { beforeEach, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, Wire } from './http.ts';

const cluster = useCluster('integration-service-ranges', {
  without: ['scheduler'],
  flags: {
    'controller-manager': ['--controllers', 'service-cidr'],
    apiserver: [
      ...['--service-node-port-range', '30000-30009'],
      ...['--service-cluster-ip-range', '10.96.0.0/28,fd00:10:96::/124'],
    ],
  },
});
/** kubectl against one of the two API servers. */
const on = (server: number, args: readonly string[], input?: string) =>
  cluster().kubectl(
    ['--server', cluster().apiservers[server % 2] ?? '', ...args],
    input === undefined ? {} : { input },
  );

const service = (name: string, spec: object = {}): string =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
    spec: { type: 'NodePort', ports: [{ name: 'a', port: 80 }], ...spec },
  });
type Families = { ipFamilyPolicy?: string; ipFamilies?: string[]; clusterIP?: string; clusterIPs?: string[] };
const spec = async (name: string) =>
  (JSON.parse(await cluster().get('service', name, '-o', 'json')) as { spec: Families }).spec;
const plain = (name: string, more: Families = {}) =>
  service(name, { type: 'ClusterIP', selector: { a: 'b' }, ...more });
const apply = (text: string, server = 0) => on(server, ['apply', '-f', '-'], text);
const remove = (...names: string[]) => cluster().kubectlOk(['delete', 'service', ...names]);

// An address is given back right after its Service is gone, by the server that deleted it; the other one hears of it.
beforeEach(async () => {
  const wire = await Wire.to(cluster());
  for (const server of cluster().apiservers) {
    const list = async (path: string) => (await wire.ok<List>('GET', path, undefined, { server })).items;
    await waitFor('the addresses of earlier tests are free', async () => {
      const used = (await list('/api/v1/services')).flatMap((s) => (s.spec as Families).clusterIPs ?? []);
      const kept = (await list('/apis/networking.k8s.io/v1/ipaddresses')).map((a) => a.metadata.name);
      return kept.every((ip) => used.includes(ip));
    });
  }
});

describe('node ports', () => {
  test('none is given out twice by two API servers, and the last one is found', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `s${i}`);
    const made = await Promise.all(names.map((name, i) => apply(service(name), i)));
    expect(made.filter((r) => r.code === 0)).toHaveLength(10);
    for (const r of made.filter((m) => m.code !== 0)) expect(r.stderr).toContain('range is full');
    const listed = await cluster().get('services', '-o', 'jsonpath={.items[*].spec.ports[*].nodePort}');
    expect(listed.split(' ').sort()).toEqual(Array.from({ length: 10 }, (_, i) => String(30_000 + i)));
    const ips = await cluster().get('services', '-o', 'jsonpath={.items[*].spec.clusterIP}');
    expect(new Set(ips.split(' ')).size).toBe(ips.split(' ').length);
    await remove(...names.filter((_, i) => made[i]?.code === 0));
  });

  test.each<[string, object]>([
    ['a change of type', { type: 'ClusterIP' }],
    ['another port', { ports: [{ name: 'a', port: 80, nodePort: 30_006 }] }],
  ])('%s frees what was used', async (_, spec) => {
    const wanted = { ports: [{ name: 'a', port: 80, nodePort: 30_005 }] };
    expect((await apply(service('first', wanted))).code).toBe(0);
    expect((await apply(service('second', wanted))).stderr).toContain('already allocated');
    expect((await apply(service('first', { ...wanted, ...spec }))).stderr).toBe('');
    await waitFor('the port is free', async () => (await apply(service('second', wanted), 1)).code === 0);
    await remove('first', 'second');
  });

  test('outside the range: an error that names it, for the health check too', async () => {
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 20_000 };
    for (const [spec, field] of [
      [{ ports: [{ port: 80, nodePort: 20_000 }] }, 'spec.ports[0].nodePort'],
      [local, 'spec.healthCheckNodePort'],
    ] as const) {
      const { stderr } = await apply(service('bad', spec));
      expect(stderr).toContain(`${field}: Invalid value: 20000: provided port is not in the valid range`);
      expect(stderr).toContain('30000-30009');
    }
    // Nothing of the attempts is left reserved.
    const ten = Array.from({ length: 10 }, (_, i) => ({ name: `p${i}`, port: 80 + i }));
    await waitFor('all ports are free', async () => (await apply(service('all', { ports: ten }))).code === 0);
    await remove('all');
  });
});

test('cluster IPs: when all are in use the next Service is told so, and the others stay as they are', async () => {
  const list = async () =>
    (await cluster().get('services', '-A', '-o', 'jsonpath={.items[*].spec.clusterIP}')).split(' ').sort();
  const free = 14 - (await list()).length;
  const names = Array.from({ length: free }, (_, i) => `ip${i}`);
  const input = names.map((name) => plain(name)).join('\n---\n');
  expect((await apply(input)).stderr).toBe('');
  const full = await list();
  expect(new Set(full).size).toBe(14);
  for (const server of [0, 1]) {
    const { code, stderr } = await apply(plain('late'), server);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/spec.clusterIPs: .*range is full/)]);
  }
  // Services without an address of their own need none.
  expect((await apply(service('headless', { type: 'ClusterIP', clusterIP: 'None' }))).code).toBe(0);
  await remove('headless');
  expect(await list()).toEqual(full);
  await remove('ip0');
  await waitFor('the one that was given back', async () => (await apply(plain('late'), 1)).code === 0);
  expect(await list()).toEqual(full);
  await remove('late', ...names.slice(1));
});

describe('address families', () => {
  const patch = (name: string, more: object, server = 0) =>
    on(server, ['patch', 'service', name, '--type', 'merge', '-p', JSON.stringify({ spec: more })]);
  const V4 = /^10\.96\.0\.\d+$/;
  const V6 = /^fd00:10:96::[\da-f]$/;
  const ips = (...patterns: RegExp[]) => patterns.map((p) => expect.stringMatching(p));

  test.each<[string, Families, Families]>([
    ['single', {}, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: ips(V4) }],
    ['single6', { ipFamilies: ['IPv6'] }, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'], clusterIPs: ips(V6) }],
    [
      'prefer',
      { ipFamilyPolicy: 'PreferDualStack' },
      { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ips(V4, V6) },
    ],
    [
      'require',
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
      { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'], clusterIPs: ips(V6, V4) },
    ],
    [
      'chosen',
      { ipFamilyPolicy: 'PreferDualStack', clusterIP: 'fd00:10:96::e', clusterIPs: ['fd00:10:96::e'] },
      { ipFamilies: ['IPv6', 'IPv4'], clusterIP: 'fd00:10:96::e', clusterIPs: ips(/^fd00:10:96::e$/, V4) },
    ],
    [
      'headless',
      { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' },
      { ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['None'] },
    ],
  ])('a new Service: %s', async (name, given, want) => {
    const dry = await on(0, ['create', '--dry-run=server', '-o', 'json', '-f', '-'], plain(name, given));
    const { ipFamilies, ipFamilyPolicy } = (JSON.parse(dry.stdout) as { spec: Families }).spec;
    expect((await on(1, ['create', '-f', '-'], plain(name, given))).stderr).toBe('');
    const made = await spec(name);
    expect(made).toMatchObject({ ...want, ipFamilies, ipFamilyPolicy });
    expect(made.clusterIP).toBe(made.clusterIPs?.[0]);
    await remove(name);
  });

  test('a second address comes and goes with the policy, and is free for others then', async () => {
    await on(0, ['create', '-f', '-'], plain('both', {}));
    const [first] = (await spec('both')).clusterIPs ?? [];
    expect((await patch('both', { ipFamilyPolicy: 'PreferDualStack' })).stderr).toBe('');
    const up = await spec('both');
    expect(up).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], clusterIP: first, clusterIPs: [first, ...ips(V6)] });
    const second = up.clusterIPs?.[1] ?? '';
    // Nobody else can have it, on either server.
    const thief = plain('thief', { clusterIP: second, clusterIPs: [second] });
    for (const server of [0, 1]) {
      expect((await apply(thief, server)).stderr).toMatch(/spec.clusterIPs: .*provided IP is already allocated/);
    }
    // What is left out stays, and writing the same again changes nothing.
    const version = async () => cluster().get('service', 'both', '-o', 'jsonpath={.metadata.resourceVersion}');
    const before = await version();
    expect((await on(1, ['replace', '-f', '-'], plain('both', {}))).stderr).toBe('');
    expect([await spec('both'), await version()]).toEqual([up, before]);
    expect((await patch('both', { ipFamilyPolicy: 'RequireDualStack' }, 1)).stderr).toBe('');
    expect((await spec('both')).clusterIPs).toEqual([first, second]);

    expect((await patch('both', { ipFamilyPolicy: 'SingleStack' }, 1)).stderr).toBe('');
    expect(await spec('both')).toMatchObject({ ipFamilies: ['IPv4'], clusterIPs: [first] });
    await waitFor('the second address is free', async () => (await apply(thief)).code === 0);
    await remove('thief');
    // And the chosen one comes back by name.
    expect((await patch('both', { ipFamilyPolicy: 'PreferDualStack', clusterIPs: [first, second] })).stderr).toBe('');
    expect((await spec('both')).clusterIPs).toEqual([first, second]);
    // Another type gives up both.
    const alias = { type: 'ExternalName', externalName: 'a.b', selector: null, ports: null };
    expect((await patch('both', alias)).stderr).toBe('');
    expect(await spec('both')).not.toHaveProperty('clusterIPs');
    await waitFor('both are free', async () => (await apply(thief, 1)).code === 0);
    await remove('both', 'thief');
  });

  test('what cannot be is refused by the field', async () => {
    await apply(plain('dual', { ipFamilyPolicy: 'PreferDualStack' }));
    const [first = '', second = ''] = (await spec('dual')).clusterIPs ?? [];
    const other = second === 'fd00:10:96::d' ? 'fd00:10:96::c' : 'fd00:10:96::d';
    const asNew = async (more: Families) => (await on(0, ['create', '-f', '-'], plain('bad', more))).stderr;
    const asUpdate = async (more: object) => (await patch('dual', more, 1)).stderr;
    for (const [stderr, want] of [
      [
        await asNew({ ipFamilies: ['IPv4', 'IPv6'] }),
        /spec.ipFamilyPolicy: .*"SingleStack": must be 'RequireDualStack'/,
      ],
      [await asNew({ clusterIP: 'fd00:99::1' }), /spec.clusterIPs: .*not in the valid range. .*fd00:10:96::\/124/],
      [await asNew({ clusterIP: 'fd00:10:96::1', ipFamilies: ['IPv4'] }), /spec.clusterIPs\[0\]: .*expected an IPv4/],
      [await asNew({ ipFamilies: ['IPv4', 'IPv4'] }), /spec.ipFamilies\[1\]: Duplicate value: "IPv4"/],
      [await asUpdate({ clusterIPs: [first] }), /spec.ipFamilyPolicy: .*when releasing the secondary clusterIP/],
      [await asUpdate({ ipFamilies: ['IPv6', 'IPv4'] }), /spec.ipFamilies\[0\]: .*may not change once set/],
      [await asUpdate({ clusterIPs: [first, other] }), /spec.clusterIPs\[1\]: .*may not change once set/],
    ] as const) {
      expect(stderr).toMatch(want);
    }
    expect((await spec('dual')).clusterIPs).toEqual([first, second]);
    await remove('dual');
  });

  test('two API servers never give out one IPv6 address twice, and the last one is found', async () => {
    const create = async (name: string, server: number) =>
      on(server, ['create', '-f', '-'], plain(name, { ipFamilies: ['IPv6'] }));
    // All of a /124 but its first.
    const names = Array.from({ length: 15 }, (_, i) => `v6-${i}`);
    const made = await Promise.all(names.map(create));
    // What other tests had may have become free only now.
    for (const [i, { code, stderr }] of made.entries()) {
      if (code === 0) continue;
      expect(stderr).toContain('range is full');
      await waitFor('the last address', async () => (await create(`v6-${i}`, i)).code === 0);
    }
    for (const server of [0, 1]) expect((await create('late', server)).stderr).toContain('range is full');
    const listed = await cluster().get('services', '-o', 'jsonpath={.items[*].spec.clusterIP}');
    const sixes = listed.split(' ').filter((ip) => ip.includes(':'));
    expect([new Set(sixes).size, sixes.length]).toEqual([15, 15]);
    await remove(...names);
  });
});

/** Nothing where it is not. */
const get = async (...args: string[]) =>
  (
    await cluster()
      .get(...args)
      .catch(() => '')
  ).trim();

describe('IPAddresses', () => {
  const exists = async (ip: string) => (await get('ipaddress', ip, '-o', 'name')) !== '';

  test('each address of a Service has one, which comes back when somebody deletes it, and goes with the Service', async () => {
    expect((await apply(plain('owner', { ipFamilyPolicy: 'PreferDualStack' }))).stderr).toBe('');
    const { clusterIPs = [] } = await spec('owner');
    const uid = (ip: string) => get('ipaddress', ip, '-o', 'jsonpath={.metadata.uid}');
    for (const [i, ip] of clusterIPs.entries()) {
      const { stdout } = await on(1, ['get', 'ipaddress', ip, '--show-labels']);
      expect(stdout).toMatch(/^NAME +PARENTREF/);
      expect(stdout).toContain('services/default/owner');
      expect(stdout).toContain(`ipaddress.kubernetes.io/ip-family=${i === 0 ? 'IPv4' : 'IPv6'}`);
      expect(stdout).toContain('ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io');
      const before = await uid(ip);
      expect((await on(i, ['delete', 'ipaddress', ip, '--wait=false'])).stderr).toBe('');
      await waitFor('another one', async () => ![before, ''].includes(await uid(ip)));
    }
    await remove('owner');
    for (const ip of clusterIPs) await waitFor(`${ip} is free`, async () => !(await exists(ip)));
  });

  test('what others have is not given to a Service', async () => {
    const foreign = JSON.stringify({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: '10.96.0.9' } },
      spec: { parentRef: { group: 'example.com', resource: 'gateways', name: 'edge' } },
    });
    // What the tests before had may be given back only now.
    await waitFor('the address', async () => (await apply(foreign)).code === 0);
    const wanted = plain('wants', { clusterIP: '10.96.0.9' });
    for (const server of [0, 1]) {
      expect((await apply(wanted, server)).stderr).toMatch(/spec.clusterIPs: .*provided IP is already allocated/);
    }
    await cluster().kubectlOk(['delete', 'ipaddress', '10.96.0.9']);
    expect((await apply(wanted)).stderr).toBe('');
    await remove('wants');
  });
});

test('ServiceCIDRs: another one extends the range; none goes while an address is in no other one', async () => {
  const cidr = (name: string, ...cidrs: string[]) =>
    JSON.stringify({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name } },
      spec: { cidrs },
    });
  const ready = (name: string) =>
    get('servicecidr', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}');
  const uid = (name: string) => get('servicecidr', name, '-o', 'jsonpath={.metadata.uid}');
  expect(await get('servicecidrs')).toMatch(/^NAME +CIDRS +AGE\nkubernetes +10.96.0.0\/28,fd00:10:96::\/124 /);
  await waitFor('it is ready', async () => (await ready('kubernetes')) === 'True');
  for (const [bad, why] of [
    [['10.97.0.1/24'], /spec.cidrs\[0\]: .*canonical form \("10.97.0.0\/24"\)/],
    [['10.97.0.0/24', '10.98.0.0/24'], /no more than one IP for each IP family/],
  ] as const) {
    expect((await apply(cidr('bad', ...bad))).stderr).toMatch(why);
  }

  const outside = plain('outside', { clusterIP: '10.97.0.3' });
  expect((await apply(outside)).stderr).toMatch(/not in the valid range. .*10.96.0.0\/28/);
  await apply(cidr('extra', '10.97.0.0/28'));
  for (const server of [0, 1]) {
    await waitFor(`server ${server} knows it`, async () => (await apply(outside, server)).code === 0);
    await remove('outside');
  }
  // The first range is used up, then the other one.
  const names = Array.from({ length: 14 }, (_, i) => `more${i}`);
  expect((await apply(names.map((name) => plain(name)).join('\n---\n'))).stderr).toBe('');
  const ips = (await get('services', '-A', '-o', 'jsonpath={.items[*].spec.clusterIP}')).split(' ');
  expect(new Set(ips).size).toBe(ips.length);
  const inExtra = ips.filter((ip) => ip.startsWith('10.97.0.'));
  expect(inExtra.length).toBeGreaterThan(0);

  // One that holds all of the default one: that may go then, and is made again.
  await apply(cidr('wide', '10.96.0.0/24', 'fd00:10:96::/120'));
  const first = await uid('kubernetes');
  await cluster().kubectlOk(['delete', 'servicecidr', 'kubernetes', 'extra', '--wait=false']);
  await waitFor('it is said why extra stays', async () => (await ready('extra')) === 'False');
  expect(await get('servicecidr', 'extra', '-o', 'jsonpath={.status.conditions[*].reason}')).toBe('Terminating');
  for (const server of [0, 1]) {
    await waitFor(`server ${server} gives nothing of it`, async () =>
      (await on(server, ['create', '--dry-run=server', '-f', '-'], outside)).stderr.includes('not in the valid range'),
    );
  }
  await remove(...names);
  await waitFor('extra is gone', async () => (await uid('extra')) === '');
  await waitFor('another default one', async () => ![first, ''].includes(await uid('kubernetes')));
  expect(await ready('kubernetes')).not.toBe('False');
  expect(await get('service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}')).toBe('10.96.0.1');
});
