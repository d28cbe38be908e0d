import { expect, test } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  isQuantity,
  milliValue,
  subtractQuantities,
  wholeValue,
} from './quantity.ts';

test.each([
  ['1', '1'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1.5Gi', '1536Mi'],
  ['1024Ki', '1Mi'],
  ['1000', '1k'],
  ['100Mi', '100Mi'],
  ['1e3', '1e3'],
  ['0', '0'],
  ['0.1n', '1n'],
  ['-1500m', '-1500m'],
  ['512Ki', '512Ki'],
  ['1023', '1023'],
  ['1e+308', '9223372036854775807'],
  ['-1e308', '-9223372036854775807'],
  ['9e99999', '9223372036854775807'],
  ['8Ei', '9223372036854775807'],
  ['1e-308', '1e-9'],
  ['0e999', '0'],
])('canonical %s = %s', (text, want) => expect(canonicalQuantity(text)).toBe(want));

test.each([
  ['', false],
  ['x', false],
  ['1KiB', false],
  ['1.2.3', false],
  ['1 Gi', false],
  ['.5', true],
  ['5.', true],
  ['+1', true],
  ['9'.repeat(256), true],
  ['9'.repeat(257), false],
])('isQuantity(%s) = %s', (text, want) => expect(isQuantity(text)).toBe(want));

test('values', () => {
  expect(milliValue('250m')).toBe(250);
  expect(milliValue('0.1u')).toBe(1);
  expect(wholeValue('1Gi')).toBe(2 ** 30);
  expect(wholeValue('1500m')).toBe(2);
  expect(compareQuantities('1', '1000m')).toBe(0);
  expect(compareQuantities('1Gi', '1G')).toBe(1);
  expect(addQuantities('1Gi', '512Mi')).toBe('1536Mi');
  expect(subtractQuantities('1', '250m')).toBe('750m');
});
