import { expect, test } from 'vitest';
import { decodeObject, findDuplicateKeys } from './decode.ts';
import { applyDefaults } from './defaults.ts';
import { arr, bool, f, int32, intOrString, map, objectsIn, quantity, req, str, time } from './schema.ts';

const obj = objectsIn('test');
const Port = obj('Port', '', { port: req(1, int32, ''), protocol: f(2, str, '', { default: 'TCP' }) });
const Thing = obj('Thing', '', {
  name: f(1, str, ''),
  on: f(2, bool, ''),
  ports: f(3, arr(Port), ''),
  limits: f(4, map(quantity), ''),
  at: f(5, time, ''),
  target: f(6, intOrString, ''),
});

test('a clean object', () => {
  const json = { name: 'a', ports: [{ port: 1 }], limits: { cpu: '1000m', memory: 5 }, target: 'x', on: null };
  const { object, unknownFields } = decodeObject(Thing, json);
  expect(unknownFields).toEqual([]);
  expect(object).toEqual({ name: 'a', ports: [{ port: 1 }], limits: { cpu: '1', memory: '5' }, target: 'x' });
  applyDefaults(Thing, object);
  expect(object.ports).toEqual([{ port: 1, protocol: 'TCP' }]);
});

test('unknown fields are named with their path and dropped', () => {
  const { object, unknownFields } = decodeObject(Thing, { nam: 1, ports: [{ port: 1, x: {} }] });
  expect(unknownFields).toEqual(['unknown field "nam"', 'unknown field "ports[0].x"']);
  expect(object).toEqual({ ports: [{ port: 1 }] });
});

test.each([
  [{ name: 5 }, 'json: cannot unmarshal number into Go struct field name of type string'],
  [{ ports: {} }, 'json: cannot unmarshal object into Go struct field ports of type []Port'],
  [{ ports: [{ port: '1' }] }, 'json: cannot unmarshal string into Go struct field ports[0].port of type int32'],
  [{ ports: [{ port: 1.5 }] }, 'cannot unmarshal number 1.5'],
  [{ limits: { cpu: 'x' } }, 'quantities must match'],
  [{ at: 'yesterday' }, 'parsing time'],
  [{ target: true }, 'intstr.IntOrString'],
  [[], 'json: cannot unmarshal array'],
])('%j is refused', (json, message) => expect(() => decodeObject(Thing, json)).toThrow(message as string));

test.each([
  ['{"a":1,"b":{"a":2}}', []],
  ['{"a":1,"a":2}', ['duplicate field "a"']],
  ['{"x":[{"k":1},{"k":1,"k":"{\\"k\\":1}"}]}', ['duplicate field "x[1].k"']],
])('%s', (text, want) => expect(findDuplicateKeys(Buffer.from(text))).toEqual(want));
