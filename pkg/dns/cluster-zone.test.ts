import { beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { ClusterZone } from './cluster-zone.ts';
import { Resolver } from './resolver.ts';
import type { Forwarder } from './upstream/forwarder.ts';
import { RCODE, type RecordData, readName, readRecord, TYPE } from './wire.ts';

const object = (name: string, namespace: string | undefined, more: object = {}): Stored<KubeObject> =>
  ({ metadata: { name, namespace, uid: name, resourceVersion: '1' }, ...more }) as Stored<KubeObject>;
const web = (clusterIP: string) => object('web', 'shop', { spec: { clusterIP, clusterIPs: [clusterIP] } });

let caches: FakeCaches;
let zone: ClusterZone;
let complete: boolean;
let resolver: Resolver;
beforeAll(() => {
  caches = new FakeCaches();
  zone = new ClusterZone(caches.factory, 'cluster.local', '10.96.0.10');
  caches.set('Namespace', object('shop', undefined));
  caches.set('Service', web('10.96.1.2'));
  complete = true;
  // It says whom it was asked for, in place of an answer.
  const forwarder = { answer: async ({ name }: { name: string }) => Buffer.from(name) } as unknown as Forwarder;
  resolver = new Resolver({ zone, forwarder, complete: () => complete });
});

function shown(d: RecordData): string {
  if ('address' in d) return [...d.address].join(d.type === TYPE.A ? '.' : ' ');
  return 'target' in d ? d.target : 'text' in d ? d.text : '';
}
const found = (name: string): string[] | undefined => zone.find(name)?.map(shown);

describe('names of the zone itself', () => {
  test.each<[string, string[]]>([
    ['dns-version', ['1.1.0']],
    ['', ['ns.dns.cluster.local']],
    ['ns.dns', ['10.96.0.10']],
    ['svc', []],
    ['pod', []],
    ['shop.svc', []],
  ])('"%s"', (name, expected) => {
    expect(found(name)).toEqual(expected);
  });
});

describe('names of pods', () => {
  test.each<[string, string[] | undefined]>([
    ['10-244-1-5.shop.pod', ['10.244.1.5']],
    ['fd00--5.shop.pod', ['253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5']],
    ['shop.pod', []],
    ['web.shop.pod', undefined],
    ['a.10-244-1-5.shop.pod', undefined],
    ['10-244-1-5.nowhere.pod', undefined],
    ['nowhere.pod', undefined],
  ])('%s', (name, expected) => {
    expect(found(name)).toEqual(expected);
  });
});

test('a Service that changes or goes takes its former records along', () => {
  const backwards = (ip: string): boolean =>
    zone.findReverse(`${ip.split('.').reverse().join('.')}.in-addr.arpa`) !== undefined;
  caches.set('Service', web('10.96.1.3'));
  expect([found('web.shop.svc'), backwards('10.96.1.2'), backwards('10.96.1.3')]).toEqual([['10.96.1.3'], false, true]);
  caches.remove('Service', web('10.96.1.3'));
  expect([found('web.shop.svc'), backwards('10.96.1.3')]).toEqual([undefined, false]);
  caches.set('Service', web('10.96.1.2'));
});

function messageFor(name: string, type: number): Buffer {
  const labels = name.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
  return Buffer.concat([
    ...[Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels],
    Buffer.from([0, 0, type, 0, 1]),
  ]);
}

/** An answer: its code, whether by authority, and the types of records that are answers, and of those after them. */
function ask(name: string, type: number) {
  const answer = resolver.answer(messageFor(name, type), 'udp') as Buffer;
  const [answers, authority] = [answer.readUInt16BE(6), answer.readUInt16BE(8)];
  const types: number[] = [];
  let at = readName(answer, 12).end + 4;
  for (let i = 0; i < answers + authority; i++) {
    const r = readRecord(answer, at);
    types.push(r.type);
    at = r.end;
  }
  const rcode = (answer[3] ?? 0) & 0xf;
  const own = ((answer[2] ?? 0) & 4) !== 0;
  return { rcode, own, answers: types.slice(0, answers), authority: types.slice(answers) };
}

test.each([
  ['no such name', 'nobody.shop.svc.cluster.local', TYPE.A, RCODE.NXDOMAIN],
  ['no such record of a name', 'web.shop.svc.cluster.local', TYPE.AAAA, RCODE.NOERROR],
  ['a name with others below it', 'shop.svc.cluster.local', TYPE.A, RCODE.NOERROR],
])('%s: told with the start of authority, which says how long that holds', (_, name, type, rcode) => {
  expect(ask(name, type)).toEqual({ rcode, own: true, answers: [], authority: [TYPE.SOA] });
});

test('as long as the zone is not known wholly, no name of it is said not to exist, and others are answered', async () => {
  complete = false;
  const asked = [ask('web.shop.svc.cluster.local', TYPE.A), ask('2.1.96.10.in-addr.arpa', TYPE.PTR)];
  const other = await resolver.answer(messageFor('www.example.com', TYPE.A), 'udp');
  complete = true;
  const away = { rcode: RCODE.SERVFAIL, own: false, answers: [], authority: [] };
  expect(asked).toEqual([away, away]);
  expect(String(other)).toBe('www.example.com');
  expect(ask('web.shop.svc.cluster.local', TYPE.A)).toMatchObject({
    rcode: RCODE.NOERROR,
    own: true,
    answers: [TYPE.A],
  });
});
