import { EvaluationError } from '../errors.ts';
import { type Cost, fn, type Library, scan, search, traversal } from '../functions.ts';
import { ArrayList, type CelList, type Int } from '../values.ts';
import { formatted } from './format.ts';

/** The string functions of cel-go's extension, version 2. Offsets count code points. */
const isPlain = (s: string): boolean => !/[\ud800-\udfff]/.test(s);
const points = (s: string): readonly string[] | string => (isPlain(s) ? s : [...s]);
const outOfRange = (i: Int): EvaluationError => new EvaluationError(`index out of range: ${i}`);

function charAt(s: string, i: Int): string {
  const list = points(s);
  if (i < 0 || i > list.length) throw outOfRange(i);
  return list[Number(i)] ?? '';
}

function substring(s: string, from: Int, to?: Int): string {
  const list = points(s);
  const end = to ?? list.length;
  if (from < 0 || from > list.length) throw outOfRange(from);
  if (end < 0 || end > list.length) throw outOfRange(end);
  if (from > end) throw new EvaluationError(`invalid substring range. start: ${from}, end: ${end}`);
  const part = list.slice(Number(from), Number(end));
  return typeof part === 'string' ? part : part.join('');
}

/** UTF-16 offset → code points. */
const pointsBefore = (s: string, at: number): number => (at < 0 ? -1 : isPlain(s) ? at : [...s.slice(0, at)].length);
/** Code points → UTF-16 offset. */
const offsetOf = (s: string, i: number): number => (isPlain(s) ? i : [...s].slice(0, i).join('').length);

function indexOf(s: string, what: string, from: Int = 0): number {
  const size = points(s).length;
  if (from < 0 || (from > size && what !== '')) throw outOfRange(from);
  if (what === '') return Math.min(Number(from), size);
  return pointsBefore(s, s.indexOf(what, offsetOf(s, Number(from))));
}

function lastIndexOf(s: string, what: string, from?: Int): number {
  const size = points(s).length;
  if (from !== undefined && (from < 0 || from > size)) throw outOfRange(from);
  if (what === '') return from === undefined ? size : Number(from);
  return pointsBefore(s, s.lastIndexOf(what, from === undefined ? undefined : offsetOf(s, Number(from))));
}

function replace(s: string, what: string, by: string, limit: Int = -1): string {
  if (limit < 0) return s.replaceAll(what, () => by);
  let rest = s;
  let done = '';
  for (let n = Number(limit); n > 0; n--) {
    const at = rest.indexOf(what);
    if (at < 0) break;
    const step = Math.max(what.length, 1);
    done += rest.slice(0, at) + by + (what === '' ? rest.slice(0, 1) : '');
    rest = rest.slice(at + step);
    if (what === '' && rest === '') break;
  }
  return done + rest;
}

function split(s: string, by: string, limit: Int = -1): CelList {
  const n = Number(limit);
  if (n === 0) return new ArrayList([]);
  const parts = by === '' ? [...s] : s.split(by);
  if (n < 0 || parts.length <= n) return new ArrayList(parts);
  return new ArrayList([...parts.slice(0, n - 1), parts.slice(n - 1).join(by)]);
}

const join = (list: CelList, by = ''): string => {
  const parts = [...list];
  if (parts.some((p) => typeof p !== 'string')) throw new EvaluationError('no such overload');
  return parts.join(by);
};

const QUOTED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what has to be escaped
const quote = (s: string): string => `"${s.toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (c) => QUOTED[c] ?? c)}"`;

const isSpace = (c: string | undefined): boolean => c !== undefined && /[\s\u0085\u180e\u200b]/.test(c);
/** One character at a time: a pattern for the end would look at every run of spaces within. */
function trim(s: string): string {
  let start = 0;
  let end = s.length;
  while (start < end && isSpace(s[start])) start++;
  while (end > start && isSpace(s[end - 1])) end--;
  return s.slice(start, end);
}
const whole: Cost = (n = 0) => n;
const growth: Cost = (n = 0, what = 0, by = 0) => Math.ceil(grown(n, what, by) * 0.1);
const grown: Cost = (n = 0, what = 0, by = 0) => n + (n / Math.max(1, what)) * by;

export const strings: Library = {
  functions: [
    fn('string::charAt(int) string', charAt, { cost: scan, size: () => 1 }),
    fn('string::indexOf(string) int', indexOf, { cost: search }),
    fn('string::indexOf(string, int) int', indexOf, { cost: search }),
    fn('string::lastIndexOf(string) int', lastIndexOf, { cost: search }),
    fn('string::lastIndexOf(string, int) int', lastIndexOf, { cost: search }),
    fn('string::lowerAscii() string', (s: string) => s.replace(/[A-Z]+/g, (x) => x.toLowerCase()), {
      cost: traversal,
      size: whole,
    }),
    fn('string::upperAscii() string', (s: string) => s.replace(/[a-z]+/g, (x) => x.toUpperCase()), {
      cost: traversal,
      size: whole,
    }),
    fn('string::replace(string, string) string', replace, { cost: growth, size: grown }),
    fn('string::replace(string, string, int) string', replace, { cost: growth, size: grown }),
    fn('string::split(string) list<string>', split, { cost: traversal, size: whole }),
    fn('string::split(string, int) list<string>', split, { cost: traversal, size: whole }),
    fn('string::substring(int) string', substring, { cost: traversal, size: whole }),
    fn('string::substring(int, int) string', substring, { cost: traversal, size: whole }),
    fn('string::trim() string', trim, { cost: traversal, size: whole }),
    fn('list<string>::join() string', join, { cost: (n = 0) => n }),
    fn('list<string>::join(string) string', join, { cost: (n = 0) => n }),
    fn('strings.quote(string) string', quote, { cost: traversal, size: (n = 0) => 2 * n + 2 }),
    fn('string::format(list<dyn>) string', formatted, { cost: (n = 0, args = 0) => Math.ceil(n * 0.1) + args }),
  ],
};
