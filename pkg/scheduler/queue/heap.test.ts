import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

interface Item {
  readonly key: string;
  readonly n: number;
}
const heap = (items: readonly Item[] = []): Heap<Item> => {
  const h = new Heap<Item>(
    (i) => i.key,
    (a, b) => a.n < b.n,
  );
  for (const i of items) h.push(i);
  return h;
};
const drain = (h: Heap<Item>): number[] => {
  const out: number[] = [];
  for (let i = h.pop(); i; i = h.pop()) out.push(i.n);
  return out;
};
/** A fixed permutation of 0..n-1. */
const shuffled = (n: number): Item[] =>
  Array.from({ length: n }, (_, i) => ({ key: `k${(i * 37) % n}`, n: (i * 37) % n }));

test.each([0, 1, 2, 3, 10, 100])('%i items come out in order', (n) => {
  expect(drain(heap(shuffled(n)))).toEqual(Array.from({ length: n }, (_, i) => i));
});

test.each([0, 1, 50, 98, 99])('removing item %i keeps the order of the others', (gone) => {
  const h = heap(shuffled(100));
  expect(h.remove(`k${gone}`)?.n).toBe(gone);
  expect(h.has(`k${gone}`)).toBe(false);
  expect(h.remove(`k${gone}`)).toBeUndefined();
  expect(drain(h)).toEqual(Array.from({ length: 100 }, (_, i) => i).filter((i) => i !== gone));
});

test.each([
  ['up', -1, [-1, 0, 1, 2, 3, 4, 6, 7, 8, 9]],
  ['down', 20, [0, 1, 2, 3, 4, 6, 7, 8, 9, 20]],
])('an item pushed again moves %s', (_, n, order) => {
  const h = heap(shuffled(10));
  h.push({ key: 'k5', n });
  expect(h.size).toBe(10);
  expect(drain(h)).toEqual(order);
});

test('peek does not remove', () => {
  const h = heap(shuffled(3));
  expect(h.peek()?.n).toBe(0);
  expect(h.size).toBe(3);
  expect(heap().peek()).toBeUndefined();
});
