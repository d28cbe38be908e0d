import { expect, test } from 'vitest';
import { conflicts } from './conflicts.ts';

test.each([
  ['only the files changed', { a: 1 }, { a: 2 }, { a: 1 }, []],
  ['only somebody else changed', { a: 1 }, { a: 1 }, { a: 5 }, []],
  ['both changed it', { a: 1 }, { a: 2 }, { a: 5 }, ['a']],
  ['both changed it alike', { a: 1 }, { a: 2 }, { a: 2 }, []],
  ['what the server added', { a: 1 }, { a: 1 }, { a: 1, b: 3 }, []],
  ['both added it', {}, { spec: { a: 1 } }, { spec: { a: 2 } }, ['spec.a']],
  ['removed by the files, changed by somebody', { a: { b: 1 } }, { a: {} }, { a: { b: 2 } }, ['a.b']],
  ['removed by somebody, changed by the files', { a: { b: 1 } }, { a: { b: 2 } }, { a: {} }, []],
  [
    'an item of a list',
    { c: [{ name: 'x', image: '1' }] },
    { c: [{ name: 'x', image: '2' }] },
    { c: [{ name: 'y' }, { name: 'x', image: '3', pull: 'Always' }] },
    ['c[x].image'],
  ],
  ['a list of texts', { l: ['a'] }, { l: ['b'] }, { l: ['c'] }, ['l']],
])('%s', (_what, last, wanted, current, found) => {
  expect(conflicts(last, wanted, current)).toEqual(found);
});
