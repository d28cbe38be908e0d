import type { Literal } from './ast.ts';
import { CompileError } from './errors.ts';

/** The tokens of CEL ("Language Definition", Syntax). */
export interface Token {
  readonly kind: 'ident' | 'literal' | 'punctuation' | 'end';
  readonly text: string;
  readonly at: number;
  readonly value?: Literal;
}

const SPACE = /(?:[\t\n\f\r ]|\/\/[^\n]*)+/y;
const IDENT = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const NUMBER = /0x[0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?|\d+[uU]?/y;
const STRING =
  /([rRbB]{0,2})("""[\s\S]*?(?<!\\)(?:\\\\)*"""|'''[\s\S]*?(?<!\\)(?:\\\\)*'''|"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')/y;
const RAW = /([bB]?[rR][bB]?)("""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')/y;
const PUNCTUATION = /&&|\|\||<=|>=|==|!=|[-+*/%!<>?:.,()[\]{}]/y;
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

function numberValue(source: string, text: string, at: number): Literal {
  if (/^0x/.test(text) ? false : /[.eE]/.test(text)) return { double: Number(text) };
  const unsigned = /[uU]$/.test(text);
  const big = BigInt(unsigned ? text.slice(0, -1) : text);
  if (unsigned) {
    if (big > MAX_UINT) throw new CompileError(source, [{ at, message: 'Syntax error: invalid uint literal' }]);
    return { uint: big };
  }
  // The smallest int is written as the negation of a number that is none.
  if (big > MAX_INT + 1n) throw new CompileError(source, [{ at, message: 'Syntax error: invalid int literal' }]);
  return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : big;
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
  '`': '`',
  '?': '?',
};
const ESCAPE =
  /\\(?:([abfnrtv\\"'`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g;

/** @returns the text with its escapes resolved; of bytes literals, \x and octal escapes are single bytes. */
function unescaped(text: string, asBytes: boolean, fail: () => never): string | Uint8Array {
  const parts: (string | number)[] = [];
  let last = 0;
  for (const m of text.matchAll(ESCAPE)) {
    parts.push(text.slice(last, m.index));
    last = m.index + m[0].length;
    const [, simple, hex, short, long, octal] = m;
    const code = hex ?? short ?? long;
    if (simple !== undefined) parts.push(SIMPLE[simple] ?? '');
    else if (asBytes && (hex !== undefined || octal !== undefined)) {
      parts.push(hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16));
    } else if (code !== undefined || octal !== undefined) {
      const point = code === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(code, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000) || (asBytes && hex === undefined)) fail();
      parts.push(String.fromCodePoint(point));
    } else fail();
  }
  parts.push(text.slice(last));
  if (!asBytes) return parts.join('');
  return Buffer.concat(parts.map((p) => (typeof p === 'number' ? Buffer.of(p) : Buffer.from(p))));
}

function stringValue(source: string, prefix: string, quoted: string, at: number): Literal {
  const marks = /^("""|''')/.test(quoted) ? 3 : 1;
  const body = quoted.slice(marks, -marks);
  const asBytes = /b/i.test(prefix);
  const fail = (): never => {
    throw new CompileError(source, [{ at, message: 'Syntax error: invalid escape sequence in string literal' }]);
  };
  const value = /r/i.test(prefix) ? (asBytes ? Buffer.from(body) : body) : unescaped(body, asBytes, fail);
  return typeof value === 'string' ? value : { bytes: value };
}

/** @throws CompileError at what is no token */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  for (;;) {
    at += take(SPACE)?.[0].length ?? 0;
    if (at >= source.length) break;
    const string = take(RAW) ?? take(STRING);
    if (string) {
      const value = stringValue(source, string[1] ?? '', string[2] ?? '', at);
      tokens.push({ kind: 'literal', text: string[0], at, value });
      at += string[0].length;
      continue;
    }
    const number = take(NUMBER);
    // "x.1" is no number after a dot; the grammar knows no such select either.
    const found = number ?? take(IDENT) ?? take(PUNCTUATION);
    if (!found) {
      const bad = source.slice(at, at + 1);
      throw new CompileError(source, [{ at, message: `Syntax error: token recognition error at: '${bad}'` }]);
    }
    const text = found[0];
    if (number) tokens.push({ kind: 'literal', text, at, value: numberValue(source, text, at) });
    else tokens.push({ kind: /^[_a-zA-Z]/.test(text) ? 'ident' : 'punctuation', text, at });
    at += text.length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length });
  return tokens;
}
