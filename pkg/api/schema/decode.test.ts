import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deployments, Pods } from '../kinds/index.ts';
import { arbitraryOf } from './arbitrary.ts';
import { decodeObject, findDuplicateKeys } from './decode.ts';
import { applyDefaults } from './defaults.ts';
import {
  arr,
  bool,
  bytes,
  double,
  f,
  int32,
  int64,
  intOrString,
  map,
  microTime,
  objectsIn,
  quantity,
  raw,
  req,
  str,
  time,
} from './schema.ts';

const obj = objectsIn('io.k8s.api.test.v1');
const Port = obj('Port', '', { port: req(1, int32, ''), protocol: f(2, str, '', { default: 'TCP' }) });
const Thing = obj('Thing', '', {
  name: f(1, str, ''),
  on: f(2, bool, ''),
  ports: f(3, arr(Port), ''),
  limits: f(4, map(quantity), ''),
  at: f(5, time, ''),
  target: f(6, intOrString, ''),
  labels: f(7, map(str), ''),
  big: f(8, int64, ''),
  ratio: f(9, double, ''),
  blob: f(10, bytes, ''),
  precise: f(11, microTime, ''),
  any: f(12, raw, ''),
  byName: f(13, map(Port), ''),
  names: f(14, arr(str), ''),
  off: f(15, bool, '', { ptr: true }),
});
const decode = (json: unknown): object => decodeObject(Thing, json).object;

test('a clean object', () => {
  const json = { name: 'a', ports: [{ port: 1 }], limits: { cpu: '1000m', memory: 5 }, target: 'x', on: null };
  const { object, unknownFields } = decodeObject(Thing, json);
  expect(unknownFields).toEqual([]);
  expect(object).toEqual({ name: 'a', ports: [{ port: 1 }], limits: { cpu: '1', memory: '5' }, target: 'x' });
  applyDefaults(Thing, object);
  expect(object.ports).toEqual([{ port: 1, protocol: 'TCP' }]);
});

test('unknown fields are named with their path and dropped', () => {
  const { object, unknownFields } = decodeObject(Thing, {
    nam: 1,
    ports: [{ port: 1, x: {} }],
    byName: { a: { port: 1, y: 1 } },
    any: { free: 1 },
  });
  expect(unknownFields).toEqual(['unknown field "nam"', 'unknown field "ports[0].x"', 'unknown field "byName.a.y"']);
  expect(object).toEqual({ ports: [{ port: 1 }], byName: { a: { port: 1 } }, any: { free: 1 } });
});

test.each<[object, object]>([
  [{ at: '2026-11-20T10:00:00.5+02:00' }, { at: '2026-11-20T08:00:00Z' }],
  [{ precise: '2026-11-20T10:00:00Z' }, { precise: '2026-11-20T10:00:00.000000Z' }],
  [{ blob: 'YWJj\nYWJj' }, { blob: 'YWJjYWJj' }],
  [{ blob: '', big: 0, ratio: 0, on: false, name: '', ports: [{ port: 0 }] }, { ports: [{ port: 0 }] }],
  [{ off: false }, { off: false }],
  [{ names: ['a', null] }, { names: ['a', ''] }],
  [{ ports: [null] }, { ports: [{}] }],
  [{ labels: { a: null } }, { labels: { a: '' } }],
  [{ limits: { a: null } }, { limits: { a: '0' } }],
  [{ big: -(2 ** 53) }, { big: -(2 ** 53) }],
  [{ any: { deep: [null, { x: null }] } }, { any: { deep: [null, { x: null }] } }],
])('%j becomes %j', (json, want) => expect(decode(json)).toEqual(want));

test.each<[unknown, string]>([
  [{ name: 5 }, 'json: cannot unmarshal number into Go struct field Thing.name of type string'],
  [{ on: 'true' }, 'json: cannot unmarshal string into Go struct field Thing.on of type bool'],
  [{ ports: {} }, 'json: cannot unmarshal object into Go struct field Thing.ports of type []v1.Port'],
  [{ ports: ['x'] }, 'json: cannot unmarshal string into Go struct field Thing.ports of type v1.Port'],
  [{ ports: [{ port: '1' }] }, 'json: cannot unmarshal string into Go struct field Port.ports.port of type int32'],
  [{ ports: [{ port: 1.5 }] }, 'json: cannot unmarshal number 1.5 into Go struct field Port.ports.port of type int32'],
  [{ ports: [{ port: 2 ** 31 }] }, 'cannot unmarshal number 2147483648 into Go struct field'],
  [{ big: 2 ** 63 }, 'of type int64'],
  [{ ratio: '1' }, 'json: cannot unmarshal string into Go struct field Thing.ratio of type float64'],
  [{ labels: { a: 1 } }, 'json: cannot unmarshal number into Go struct field Thing.labels of type string'],
  [{ labels: [] }, 'json: cannot unmarshal array into Go struct field Thing.labels of type map[string]string'],
  [{ limits: { cpu: 'x' } }, "quantities must match the regular expression '^([+-]?[0-9.]+)"],
  [{ limits: { cpu: true } }, 'quantities must match'],
  [{ at: 'yesterday' }, 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'],
  [{ at: 5 }, 'json: cannot unmarshal number into Go struct field Thing.at of type v1.Time'],
  [{ target: true }, 'json: cannot unmarshal bool into Go value of type int32'],
  [{ target: 1.5 }, 'json: cannot unmarshal number 1.5 into Go value of type int32'],
  [{ blob: 'a*bc' }, 'illegal base64 data at input byte 1'],
  [{ blob: 'YWJjY' }, 'illegal base64 data at input byte 4'],
  [[], 'json: cannot unmarshal array into Go value of type v1.Thing'],
  ['x', 'json: cannot unmarshal string into Go value of type v1.Thing'],
])('%j is refused', (json, message) => expect(() => decode(json)).toThrow(message));

test('the kind introduces the message', () => {
  const body = { kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 'two' } };
  expect(() => decodeObject(Deployments.schema, body)).toThrow(
    'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  );
});

test('a canonical object comes out as it went in, sharing nothing', () => {
  fc.assert(
    fc.property(arbitraryOf(Pods.schema), (pod) => {
      const text = JSON.stringify(pod);
      const { object, unknownFields } = decodeObject(Pods.schema, pod);
      expect(JSON.parse(JSON.stringify(object))).toEqual(JSON.parse(text));
      expect(unknownFields).toEqual([]);
      if (pod.metadata) expect(object.metadata).not.toBe(pod.metadata);
    }),
    { numRuns: 30 },
  );
});

describe('duplicate keys', () => {
  const duplicates = (text: string): string[] => findDuplicateKeys(text, JSON.parse(text));

  test.each<[string, string[]]>([
    ['{"a":1,"b":{"a":2}}', []],
    ['{"a":1,"a":2}', ['duplicate field "a"']],
    ['{"a":{"b":1},"a":{"b":2}}', ['duplicate field "a"']],
    ['{"x":[{"k":1},{"k":1,"k":"{\\"k\\":1}"}]}', ['duplicate field "x[1].k"']],
    ['{"x":[[1,{"k":1,"k":2}]]}', ['duplicate field "x[0][1].k"']],
    ['{"a\\\\":1,"a":2,"\\u0061":3}', ['duplicate field "a"']],
    [' { "a" : "," , "b" : "}" , "a" : [ ] } ', ['duplicate field "a"']],
    ['{"__proto__":1,"__proto__":2}', ['duplicate field "__proto__"']],
    ['{"a":{"b":{"c":1,"d":2}},"a":3}', ['duplicate field "a"']],
    ['{"a:b":":","c":"\\":"}', []],
    ['[]', []],
    ['"x"', []],
  ])('%s', (text, want) => expect(duplicates(text)).toEqual(want));

  test('none in what JSON.stringify makes', () => {
    fc.assert(fc.property(fc.jsonValue(), (v) => duplicates(JSON.stringify(v)).length === 0));
  });

  test('one that is nested deeper than anybody nests', () => {
    const deep = `${'['.repeat(5000)}{"k":1,"k":2}${']'.repeat(5000)}`;
    expect(duplicates(deep)).toEqual([expect.stringContaining('].k"')]);
    expect(duplicates(`${'['.repeat(5000)}${']'.repeat(5000)}`)).toEqual([]);
  });

  test('one among many', () => {
    const keys = Array.from({ length: 200 }, (_, i) => `"k${i}":1`);
    expect(duplicates(`{${keys.join(',')},"k7":2}`)).toEqual(['duplicate field "k7"']);
  });
});

describe('defaults', () => {
  test('only absent fields are filled, wherever they are; zero is absent where there is no pointer', () => {
    const o = decode({ ports: [{ port: 0, protocol: '' }, { protocol: 'UDP' }], byName: { a: {} } });
    applyDefaults(Thing, o);
    const tcp = { port: 0, protocol: 'TCP' };
    expect(o).toEqual({ ports: [tcp, { port: 0, protocol: 'UDP' }], byName: { a: tcp } });
  });

  test('a default that is an object is not shared', () => {
    const Holder = obj('Holder', '', { list: f(1, arr(str), '', { default: ['a'] }) });
    const [x, y] = [{}, {}] as { list?: string[] }[];
    applyDefaults(Holder, x as object);
    applyDefaults(Holder, y as object);
    expect(x?.list).toEqual(['a']);
    expect(x?.list).not.toBe(y?.list);
  });
});
