import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { difference, type FieldSet, intersection, isEmptySet, pathsOf, sameSet, union } from './fieldset.ts';

/** Sets as plain lists of member paths: the model the trees are checked against. */
const members = (s: FieldSet): string[] => pathsOf(s).sort();

const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1');
const setArbitrary: fc.Arbitrary<FieldSet> = fc
  .array(fc.array(element, { minLength: 1, maxLength: 3 }), { maxLength: 6 })
  .map((paths) => {
    // As the API writes it: a member that has others below it carries `.`, one that has not is empty.
    const tree: Record<string, unknown> = {};
    for (const path of paths) {
      let at = tree;
      for (const e of path) {
        at[e] ??= {};
        at = at[e] as Record<string, unknown>;
      }
      at['.'] = {};
    }
    const tidy = (node: Record<string, unknown>): FieldSet => {
      const keys = Object.keys(node);
      if (keys.length === 1 && keys[0] === '.') return {};
      return Object.fromEntries(keys.map((k) => [k, tidy(node[k] as Record<string, unknown>)]));
    };
    return tidy(tree);
  });

describe('trees behave as sets of paths', () => {
  test('union, difference, intersection', () => {
    fc.assert(
      fc.property(setArbitrary, setArbitrary, (a, b) => {
        const [x, y] = [new Set(members(a)), new Set(members(b))];
        expect(members(union(a, b))).toEqual([...new Set([...x, ...y])].sort());
        expect(members(difference(a, b))).toEqual([...x].filter((p) => !y.has(p)).sort());
        expect(members(intersection(a, b))).toEqual([...x].filter((p) => y.has(p)).sort());
        expect(sameSet(a, b)).toBe(x.size === y.size && [...x].every((p) => y.has(p)));
        expect(isEmptySet(difference(a, a))).toBe(true);
      }),
    );
  });

  test('a set that loses nothing is the same object, so that unchanged entries are recognized', () => {
    const a: FieldSet = { 'f:spec': { 'f:x': {} } };
    expect(difference(a, { 'f:spec': { 'f:y': {} }, 'f:status': {} })).toBe(a);
  });
});

test('paths read as Kubernetes writes them', () => {
  expect(
    pathsOf({
      'f:metadata': { 'f:finalizers': { 'v:"a/b"': {} }, 'f:labels': { '.': {}, 'f:x.y/z': {} } },
      'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { 'f:name': {} } } },
    }),
  ).toEqual([
    '.metadata.finalizers[="a/b"]',
    '.metadata.labels',
    '.metadata.labels.x.y/z',
    '.spec.ports[port=80,protocol="TCP"].name',
  ]);
});
