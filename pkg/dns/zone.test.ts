import { expect, test } from 'vitest';
import { type RecordData, TYPE } from './wire.ts';
import { ofType, Zone } from './zone.ts';

const a = (last: number): RecordData => ({ type: TYPE.A, address: Buffer.from([10, 0, 0, last]) });

test('a name exists with records, above one that has some, or not at all', () => {
  const zone = new Zone();
  zone.set('one', new Map([['_http._tcp.web.default.svc', [a(1)]]]));
  expect(zone.find('_http._tcp.web.default.svc')).toEqual([a(1)]);
  for (const above of ['_tcp.web.default.svc', 'web.default.svc', 'default.svc', 'svc'])
    expect(zone.find(above)).toEqual([]);
  for (const other of ['tcp.web.default.svc', 'x.web.default.svc', 'other.svc', 'pod'])
    expect(zone.find(other)).toBeUndefined();
  zone.set('one', new Map());
  for (const gone of ['_http._tcp.web.default.svc', 'web.default.svc', 'svc']) expect(zone.find(gone)).toBeUndefined();
  expect(zone.size).toBe(0);
});

test('owners replace their own records only', () => {
  const zone = new Zone();
  zone.set(
    'one',
    new Map([
      ['x', [a(1)]],
      ['y', [a(2)]],
    ]),
  );
  zone.set('two', new Map([['x', [a(3)]]]));
  expect(zone.find('x')).toEqual([a(1), a(3)]);
  zone.set('one', new Map([['z', [a(4)]]]));
  expect([zone.find('x'), zone.find('y'), zone.find('z')]).toEqual([[a(3)], undefined, [a(4)]]);
});

test('a CNAME answers for every type', () => {
  const cname: RecordData = { type: TYPE.CNAME, target: 'example.com' };
  expect(ofType([cname], TYPE.AAAA)).toEqual([cname]);
  expect(ofType([a(1)], TYPE.AAAA)).toEqual([]);
  expect(ofType([a(1)], TYPE.ANY)).toEqual([a(1)]);
});
