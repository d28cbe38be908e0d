import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SortedEntries } from './sorted-entries.ts';

interface Item {
  readonly key: string;
  readonly n: number;
}

const key = fc.constantFrom('a', 'a/1', 'a/2', 'a-/1', 'ab/1', 'b/1', 'b/2', 'c');

it('behaves as a sorted map, and arrays once handed out stay as they were', () => {
  const change = fc.record({ key, add: fc.boolean(), n: fc.nat() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const entries = new SortedEntries<Item>();
      const model = new Map<string, Item>();
      const handedOut: { given: readonly Item[]; copy: Item[] }[] = [];
      for (const { key, add, n } of changes) {
        const item = { key, n };
        expect(add ? entries.set(item) : entries.delete(key)).toBe(model.get(key));
        if (add) model.set(key, item);
        else model.delete(key);
        const expected = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        expect(entries.size).toBe(expected.length);
        for (const prefix of ['', 'a/', 'b/', 'z']) {
          const given = entries.list(prefix);
          expect(given).toEqual(expected.filter((i) => i.key.startsWith(prefix)));
          handedOut.push({ given, copy: [...given] });
        }
      }
      for (const { given, copy } of handedOut) expect(given).toEqual(copy);
    }),
  );
});
