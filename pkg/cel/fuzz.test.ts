import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  addresses,
  Budget,
  CompileError,
  CostLimitError,
  DYN,
  dynamicValue,
  Environment,
  EvaluationError,
  lists,
  optionals,
  regexes,
  semvers,
  standard,
  strings,
  times,
  urls,
} from './index.ts';
import { parse } from './parser.ts';
import { Regex } from './regex/regex.ts';
import { RegexError } from './regex/syntax.ts';

const env = new Environment([standard, times, strings, lists, optionals, regexes, urls, addresses, semvers]);
const isExpected = (e: unknown): boolean =>
  e instanceof CompileError || e instanceof EvaluationError || e instanceof CostLimitError;

/** Fails with anything but what expressions may fail with. */
function evaluate(text: string, o: unknown): void {
  try {
    env.compile(text, { o: DYN }).evaluate({ o: dynamicValue(o) }, new Budget(100_000));
  } catch (e) {
    if (!isExpected(e)) throw new Error(`${text} on ${JSON.stringify(o)}: ${e instanceof Error ? e.stack : String(e)}`);
  }
}

const PIECES = [
  'o',
  '.a',
  '.?a',
  '[0]',
  '["a"]',
  '[?0]',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '?',
  '+',
  '-',
  '*',
  '/',
  '%',
  '==',
  '<',
  '&&',
  '||',
  '!',
  'in',
  '1',
  '1.5',
  '2u',
  '"x"',
  'b"x"',
  'true',
  'null',
  'size(',
  'has(',
  '.all(i,',
  '.map(i,',
  '.exists(i,',
  'i',
  '.matches(',
  '.replace("", "ab")',
  'duration(',
  'timestamp(',
  'int(',
  'string(',
  'type(',
  'dyn(',
  '.orValue(',
  'optional.of(',
  '.format([',
  '.split("")',
  '.sum()',
  '.optMap(i,',
];
test.prop([fc.array(fc.constantFrom(...PIECES), { maxLength: 15 }), fc.jsonValue()], { numRuns: 2000 })(
  'pieces of expressions in any order compile, or are refused',
  (pieces, o) => evaluate(pieces.join(' '), o),
);

test.prop([fc.string({ maxLength: 40 })], { numRuns: 1000 })('any text parses, or is refused', (text) => {
  try {
    parse(text);
  } catch (e) {
    expect(e).toBeInstanceOf(CompileError);
  }
});

const NAMES = [
  'size(o)',
  'int(o)',
  'uint(o)',
  'double(o)',
  'string(o)',
  'bytes(o)',
  'bool(o)',
  'duration(o)',
  'timestamp(o)',
  'url(o)',
  'ip(o)',
  'cidr(o)',
  'semver(o)',
  'isURL(o)',
  'o.trim()',
  'o.lowerAscii()',
  'o.split("a")',
  'o.charAt(1)',
  'o.substring(1)',
  'o.matches(o)',
  'o.find(o)',
  'o.findAll("[a-z]*")',
  'o.format([o])',
  'strings.quote(o)',
  'o.min()',
  'o.sum()',
  'o.isSorted()',
  'o.join()',
  'o + o',
  'o == o',
  'o in o',
  '-o',
  '!o',
  'o < o',
  'o.all(x, x == o)',
  'o.map(x, [x])',
  'timestamp(o).getHours(o)',
  '"%s %d %f %x".format([o, o, o, o])',
  'o ? o : o',
  'o[o]',
  'o.a',
  'optional.of(o)',
  'o.transformMap(k, v, v)',
  'dyn(o).size()',
  'sets.contains(o, o)',
  'o.replace("", "x")',
  'o.lastIndexOf("")',
];
test.prop([fc.constantFrom(...NAMES), fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }))], { numRuns: 3000 })(
  'every function takes any value, or says why not',
  evaluate,
);

test.prop(
  [
    fc.array(
      fc.constantFrom(
        'a',
        'b',
        '(',
        ')',
        '|',
        '*',
        '+',
        '?',
        '{2}',
        '{1,3}',
        '[a-c]',
        '[^a]',
        '.',
        '^',
        '$',
        '\\b',
        '\\d',
        '(?i)',
        '(?:',
      ),
      { maxLength: 10 },
    ),
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '1'), maxLength: 12 }),
  ],
  { numRuns: 3000 },
)('regular expressions find what the platform finds', (pieces, text) => {
  const pattern = pieces.join('');
  let ours: Regex;
  try {
    ours = new Regex(pattern);
  } catch (e) {
    expect(e).toBeInstanceOf(RegexError);
    return;
  }
  // Flags within a pattern are RE2's own, as is the repetition of an assertion or of nothing.
  if (pattern.includes('(?i)') || /(?:\^|\$|\\b|^|\(|\||:)[*+?{]/.test(pattern)) return;
  // An empty turn of a loop is counted differently: only patterns whose loops take something are compared.
  if (/\)[*+?{]/.test(pattern)) {
    expect(ours.test(text)).toBe(new RegExp(pattern, 'u').test(text));
    return;
  }
  const m = new RegExp(pattern, 'u').exec(text);
  expect(ours.find(text), `${pattern} in ${JSON.stringify(text)}`).toEqual(
    m ? [m.index, m.index + m[0].length] : undefined,
  );
});

test.each([
  ['o.replace("", o)', 'a'.repeat(1_000_000)],
  ['o.map(x, o).map(y, y.map(z, z)).size() > 0', Array.from({ length: 1000 }, (_, i) => i)],
  ['o.l.map(x, o.s).join().size() > 0', { l: Array.from({ length: 10_000 }, () => 1), s: 'a'.repeat(1_000_000) }],
  ['o.l.all(x, size(o.s) > 0)', { l: Array.from({ length: 500_000 }, () => 1), s: 'ä'.repeat(1_000_000) }],
  ['o.l.all(x, o == o)', { l: Array.from({ length: 100_000 }, () => 1) }],
  ['o.matches("(.*a{500}){2}b")', 'a'.repeat(1_000_000)],
])(
  '%s ends soon',
  (text, value) => {
    const since = performance.now();
    try {
      env.compile(text, { o: DYN }).evaluate({ o: dynamicValue(value) }, new Budget(10_000_000), 1_000_000);
    } catch (e) {
      expect(e).toBeInstanceOf(CostLimitError);
    }
    // Alone on a machine they take less than half a second.
    expect(performance.now() - since).toBeLessThan(40_000);
  },
  60_000,
);

test.each([
  ['duration(o)', '1'.repeat(1_000_000)],
  ['double(o)', `${'1'.repeat(1_000_000)}x`],
  ['int(o)', '9'.repeat(1_000_000)],
  ['o.trim()', `x${' '.repeat(1_000_000)}x`],
  ['url(o)', `a:${':'.repeat(1_000_000)}`],
  ['semver(o)', `1.0.0-${'1'.repeat(1_000_000)}`],
])(
  '%s of a very long text takes time in proportion',
  (text, value) => {
    const since = performance.now();
    evaluate(text, value);
    expect(performance.now() - since).toBeLessThan(40_000);
  },
  60_000,
);
