import { CliError } from '../../errors.ts';

const truthy = (v: unknown): boolean => {
  if (v === null || v === undefined || v === false || v === 0 || v === '') return false;
  if (Array.isArray(v)) return v.length > 0;
  return typeof v !== 'object' || Object.keys(v).length > 0;
};

/** A value as Go's fmt prints it: maps as `map[a:1 b:2]`, lists as `[a b]`. */
export function goText(v: unknown): string {
  if (v === undefined) return '<no value>';
  if (v === null) return '<nil>';
  if (Array.isArray(v)) return `[${v.map(goText).join(' ')}]`;
  if (typeof v !== 'object') return String(v);
  const entries = Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([k, x]) => `${k}:${goText(x)}`).join(' ')}]`;
}

function verb(letter: string, flags: string, v: unknown): string {
  const n = Number(v);
  const digits = /\.(\d+)/.exec(flags)?.[1];
  const precision = digits === undefined ? undefined : Number(digits);
  const text =
    letter === 'q'
      ? JSON.stringify(goText(v))
      : letter === 'x'
        ? typeof v === 'string'
          ? Buffer.from(v).toString('hex')
          : n.toString(16)
        : letter === 'f'
          ? n.toFixed(precision ?? 6)
          : goText(v).slice(0, letter === 's' ? precision : undefined);
  const width = Number(/^[-0]?(\d+)/.exec(flags)?.[1] ?? 0);
  return flags.startsWith('-') ? text.padEnd(width) : text.padStart(width, flags.startsWith('0') ? '0' : ' ');
}

/** Go's Printf for the verbs templates use; a missing or wrong argument is shown as Go shows it. */
function sprintf(format: unknown, ...args: unknown[]): string {
  let i = 0;
  const text = String(format).replace(/%([-+0-9.]*)([a-zA-Z%])/g, (_m, flags: string, letter: string) => {
    if (letter === '%') return '%';
    if (i >= args.length) return `%!${letter}(MISSING)`;
    const v = args[i++];
    if (letter === 'd' && typeof v !== 'number') return `%!d(${typeof v}=${goText(v)})`;
    return verb(letter, flags, v);
  });
  const extra = args.slice(i).map((a) => `${typeof a}=${goText(a)}`);
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(', ')})` : text;
}

function index(v: unknown, ...keys: unknown[]): unknown {
  return keys.reduce((at, k) => {
    if (at === null || at === undefined) return undefined;
    if (Array.isArray(at) && (Number(k) < 0 || Number(k) >= at.length))
      throw new CliError(`error executing template: index out of range: ${String(k)}`);
    return (at as Record<string, unknown>)[String(k)];
  }, v);
}

function length(v: unknown): number {
  if (typeof v === 'string') return Buffer.byteLength(v);
  if (Array.isArray(v)) return v.length;
  if (typeof v === 'object' && v !== null) return Object.keys(v).length;
  throw new CliError(`error executing template: len of type ${v === undefined ? 'nil' : typeof v}`);
}

const order = (a: unknown, b: unknown): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : a === b ? 0 : 1;

const exists = (v: unknown, ...keys: unknown[]): boolean => {
  let at = v;
  for (const k of keys) {
    if (typeof at !== 'object' || at === null || !(String(k) in at)) return false;
    at = (at as Record<string, unknown>)[String(k)];
  }
  return true;
};

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

/** A character as Go writes it in JavaScript that stands in HTML. */
const inScript = (c: string): string =>
  /[\\'"]/.test(c) ? `\\${c}` : `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** Go's predefined functions, and kubectl's `exists` and `base64decode`. `and` and `or` are evaluated lazily elsewhere. */
export const FUNCTIONS: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
  not: (v) => !truthy(v),
  eq: (a, ...others) => others.some((o) => o === a),
  ne: (a, b) => a !== b,
  lt: (a, b) => order(a, b) < 0,
  le: (a, b) => order(a, b) <= 0,
  gt: (a, b) => order(a, b) > 0,
  ge: (a, b) => order(a, b) >= 0,
  len: length,
  index,
  slice: (v, from, to) => (v as string | unknown[]).slice(Number(from ?? 0), to === undefined ? undefined : Number(to)),
  print: (...args) => args.map(goText).join(''),
  println: (...args) => `${args.map(goText).join(' ')}\n`,
  printf: (format, ...args) => sprintf(format, ...args),
  html: (v) => goText(v).replace(/[&<>"']/g, (c) => HTML[c] ?? c),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is meant
  js: (v) => goText(v).replace(/[\\'"<>&=\u0000-\u001f]/g, inScript),
  urlquery: (v) =>
    new URLSearchParams([['', goText(v)]]).toString().slice(1).replaceAll('*', '%2A').replaceAll('%7E', '~'),
  base64decode: (v) => Buffer.from(String(v), 'base64').toString('utf8'),
  exists,
};

export { truthy };
