import { expect, test } from 'vitest';
import type { EndpointSlice, Service } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { serviceRecords } from './service-records.ts';
import { type RecordData, TYPE } from './wire.ts';

const service = (spec: unknown): Stored<Service> =>
  ({ metadata: { name: 'web', namespace: 'shop' }, spec }) as unknown as Stored<Service>;
const slice = (endpoints: unknown[], ports: unknown[] = [{ name: 'http', protocol: 'TCP', port: 8080 }]) =>
  ({ metadata: { name: 's', namespace: 'shop' }, endpoints, ports }) as unknown as Stored<EndpointSlice>;

function line(d: RecordData): string {
  switch (d.type) {
    case TYPE.A:
      return `A ${d.address.join('.')}`;
    case TYPE.AAAA:
      return `AAAA ${d.address.toString('hex')}`;
    case TYPE.SRV:
      return `SRV ${d.port} ${d.target}`;
    case TYPE.CNAME:
    case TYPE.PTR:
      return `${d.type === TYPE.PTR ? 'PTR' : 'CNAME'} ${d.target}`;
    default:
      return `type ${d.type}`;
  }
}
const lines = (m: ReadonlyMap<string, readonly RecordData[]>) =>
  [...m].map(([name, data]) => `${name}: ${data.map(line).join(', ')}`);
const of = (spec: unknown, ...slices: Stored<EndpointSlice>[]) => {
  const { forward, reverse } = serviceRecords(service(spec), slices, 'cluster.local');
  return { forward: lines(forward), reverse: lines(reverse) };
};

test('a cluster IP, with SRV records for named ports', () => {
  const ports = [{ name: 'http', port: 80 }, { name: 'dns', protocol: 'UDP', port: 53 }, { port: 9 }];
  expect(of({ clusterIP: '10.96.1.2', clusterIPs: ['10.96.1.2', 'fd00::2'], ports })).toEqual({
    forward: [
      'web.shop.svc: A 10.96.1.2, AAAA fd000000000000000000000000000002',
      '_http._tcp.web.shop.svc: SRV 80 web.shop.svc.cluster.local',
      '_dns._udp.web.shop.svc: SRV 53 web.shop.svc.cluster.local',
    ],
    reverse: [
      '2.1.96.10.in-addr.arpa: PTR web.shop.svc.cluster.local',
      '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa: PTR web.shop.svc.cluster.local',
    ],
  });
});

const endpoints = [
  { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
  { addresses: ['10.244.1.6'] },
  { addresses: ['10.244.1.7'], conditions: { ready: false } },
];

test('headless: each ready endpoint by itself, named by hostname or address', () => {
  expect(of({ clusterIP: 'None' }, slice(endpoints))).toEqual({
    forward: [
      'web.shop.svc: A 10.244.0.5, A 10.244.1.6',
      'db-0.web.shop.svc: A 10.244.0.5',
      '_http._tcp.web.shop.svc: SRV 8080 db-0.web.shop.svc.cluster.local, SRV 8080 10-244-1-6.web.shop.svc.cluster.local',
      '10-244-1-6.web.shop.svc: A 10.244.1.6',
    ],
    reverse: [
      '5.0.244.10.in-addr.arpa: PTR db-0.web.shop.svc.cluster.local',
      '6.1.244.10.in-addr.arpa: PTR 10-244-1-6.web.shop.svc.cluster.local',
    ],
  });
});

test('headless with publishNotReadyAddresses shows all', () => {
  const { forward } = of({ clusterIP: 'None', publishNotReadyAddresses: true }, slice(endpoints, []));
  expect(forward[0]).toBe('web.shop.svc: A 10.244.0.5, A 10.244.1.6, A 10.244.1.7');
});

test('headless without endpoints is a name without records', () => {
  expect(of({ clusterIP: 'None' })).toEqual({ forward: ['web.shop.svc: '], reverse: [] });
});

test('an endpoint that stands in two slices is listed once', () => {
  const { forward } = of({ clusterIP: 'None' }, slice([endpoints[0]], []), slice([endpoints[0]], []));
  expect(forward).toEqual(['web.shop.svc: A 10.244.0.5', 'db-0.web.shop.svc: A 10.244.0.5']);
});

test('an external name is an alias', () => {
  expect(of({ type: 'ExternalName', externalName: 'DB.Example.com.' }).forward).toEqual([
    'web.shop.svc: CNAME db.example.com',
  ]);
});

test('headless with both families: each host once, with both addresses and names backwards', () => {
  const v6 = [{ addresses: ['fd00::5'], hostname: 'db-0' }, { addresses: ['fd00::6'] }];
  expect(of({ clusterIP: 'None' }, slice(endpoints.slice(0, 2)), slice(v6))).toEqual({
    forward: [
      'web.shop.svc: A 10.244.0.5, A 10.244.1.6, AAAA fd000000000000000000000000000005, AAAA fd000000000000000000000000000006',
      'db-0.web.shop.svc: A 10.244.0.5, AAAA fd000000000000000000000000000005',
      `_http._tcp.web.shop.svc: ${['db-0', '10-244-1-6', 'fd00--6'].map((h) => `SRV 8080 ${h}.web.shop.svc.cluster.local`).join(', ')}`,
      '10-244-1-6.web.shop.svc: A 10.244.1.6',
      'fd00--6.web.shop.svc: AAAA fd000000000000000000000000000006',
    ],
    reverse: [
      '5.0.244.10.in-addr.arpa: PTR db-0.web.shop.svc.cluster.local',
      '6.1.244.10.in-addr.arpa: PTR 10-244-1-6.web.shop.svc.cluster.local',
      ...['5', '6'].map(
        (n) =>
          `${n}.${'0.'.repeat(27)}0.0.d.f.ip6.arpa: PTR ${n === '5' ? 'db-0' : 'fd00--6'}.web.shop.svc.cluster.local`,
      ),
    ],
  });
});
