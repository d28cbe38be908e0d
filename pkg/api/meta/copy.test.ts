import { expect, test } from 'vitest';
import { copyJson } from './copy.ts';

test.each([null, 'text', 3, [], {}, [[1], { a: null }], { a: { b: [{ c: 'd' }, {}] }, e: false }])('%j', (value) => {
  expect(copyJson(value)).toStrictEqual(value);
});

test('shares nothing with what it is a copy of', () => {
  const value = { list: [{ a: 1 }], map: { b: 2 } };
  const copy = copyJson(value);
  copy.list[0] = { a: 3 };
  copy.list.push({ a: 4 });
  copy.map.b = 5;
  expect(value).toStrictEqual({ list: [{ a: 1 }], map: { b: 2 } });
});

test('keeps a key that is called __proto__', () => {
  const text = '{"data":{"__proto__":{"a":1},"b":"c"}}';
  expect(JSON.stringify(copyJson(JSON.parse(text)))).toBe(text);
});
