/**
 * The syntax of RE2 ("re2 syntax", as Go's regexp takes it), parsed into a tree. No look-around and no back-references:
 * that is what lets the matcher run in time linear in the text.
 */
export type Tree =
  | { readonly op: 'empty' | 'start' | 'end' | 'line-start' | 'line-end' | 'word' | 'not-word' | 'never' }
  | { readonly op: 'char'; readonly matches: (code: number) => boolean }
  | { readonly op: 'sequence' | 'choice'; readonly parts: readonly Tree[] }
  | { readonly op: 'repeat'; readonly part: Tree; readonly min: number; readonly max: number; readonly lazy: boolean };

/** Largest count of a repetition: that of RE2. */
const MAX_REPEAT = 1000;
const MAX_DEPTH = 200;

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

export class RegexError extends Error {
  override readonly name = 'RegexError';
}
const fail = (what: string): never => {
  throw new RegexError(`error parsing regexp: ${what}`);
};

type Test = (code: number) => boolean;
const range =
  (from: number, to: number): Test =>
  (c) =>
    c >= from && c <= to;
const anyOf =
  (tests: readonly Test[]): Test =>
  (c) =>
    tests.some((t) => t(c));
const not =
  (test: Test): Test =>
  (c) =>
    !test(c);
const between = (text: string): Test =>
  anyOf(
    [...text.matchAll(/(.)-(.)|(.)/gsu)].map(([, a, b, one]) =>
      one === undefined
        ? range(a?.codePointAt(0) ?? 0, b?.codePointAt(0) ?? 0)
        : range(one.codePointAt(0) ?? 0, one.codePointAt(0) ?? 0),
    ),
  );

const isDigit = between('0-9');
const isSpace = between('\t\n\f\r ');
/** ASCII, as \w and \b of RE2. */
export const isWord: Test = between('0-9A-Za-z_');
const PERL: Readonly<Record<string, Test>> = {
  d: isDigit,
  s: isSpace,
  w: isWord,
  D: not(isDigit),
  S: not(isSpace),
  W: not(isWord),
};
const POSIX: Readonly<Record<string, Test>> = {
  alnum: between('0-9A-Za-z'),
  alpha: between('A-Za-z'),
  ascii: range(0, 0x7f),
  blank: between('\t '),
  cntrl: anyOf([range(0, 0x1f), range(0x7f, 0x7f)]),
  digit: isDigit,
  graph: range(0x21, 0x7e),
  lower: between('a-z'),
  print: range(0x20, 0x7e),
  punct: anyOf([range(0x21, 0x2f), range(0x3a, 0x40), range(0x5b, 0x60), range(0x7b, 0x7e)]),
  space: anyOf([isSpace, range(0x0b, 0x0b)]),
  upper: between('A-Z'),
  word: isWord,
  xdigit: between('0-9A-Fa-f'),
};
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
const ASSERTIONS: Readonly<Record<string, Tree['op']>> = { A: 'start', z: 'end', b: 'word', B: 'not-word' };

const folded =
  (test: Test): Test =>
  (c) => {
    if (test(c)) return true;
    const text = String.fromCodePoint(c);
    return test(text.toLowerCase().codePointAt(0) ?? c) || test(text.toUpperCase().codePointAt(0) ?? c);
  };

/** A Unicode class: general category or script. One character at a time, the platform's own tables may be asked. */
function unicodeClass(name: string, negated: boolean): Test {
  let pattern: RegExp | undefined;
  for (const property of [name, `Script=${name}`]) {
    try {
      pattern ??= new RegExp(`\\p{${property}}`, 'u');
    } catch {}
  }
  const found = name === 'Any' ? () => true : pattern && ((c: number) => pattern.test(String.fromCodePoint(c)));
  if (!found) return fail(`invalid character class range: \`\\p{${name}}\``);
  return negated ? not(found) : found;
}

/** @throws RegexError in the words of Go's regexp */
export const parseRegex = (text: string): Tree => new RegexParser(text).whole();

class RegexParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Tree {
    const tree = this.#choice({ i: false, m: false, s: false, U: false });
    if (this.#at < this.#text.length) fail(`unexpected ): \`${this.#text}\``);
    return tree;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const m = pattern.exec(this.#text);
    if (m) this.#at += m[0].length;
    return m ?? undefined;
  }

  #choice(start: Flags): Tree {
    if (++this.#depth > MAX_DEPTH) fail('expression nests too deeply');
    let flags = start;
    const choices: Tree[] = [];
    let parts: Tree[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== ')') {
      if (this.#take(/\|/y)) {
        choices.push({ op: 'sequence', parts });
        parts = [];
        continue;
      }
      const set = this.#take(/\(\?([imsU]*)(?:-([imsU]+))?\)/y);
      if (set) flags = withFlags(flags, set);
      else parts.push(this.#repeated(this.#atom(flags), flags));
    }
    choices.push({ op: 'sequence', parts });
    this.#depth--;
    return choices.length === 1 && choices[0] ? choices[0] : { op: 'choice', parts: choices };
  }

  #repeated(atom: Tree, flags: Flags): Tree {
    let tree = atom;
    for (let count = 0; ; count++) {
      const m = this.#take(/([*+?])(\?)?|\{(\d{1,5})(?:(,)(\d{1,5})?)?\}(\?)?/y);
      if (!m) return tree;
      const [text, sign, lazySign, from, comma, to, lazyCount] = m;
      if (count > 0) fail(`invalid nested repetition operator: \`${text}\``);
      const lazy = (lazySign ?? lazyCount) !== undefined;
      const min = sign ? (sign === '+' ? 1 : 0) : Number(from);
      const open = sign ? sign !== '?' : comma !== undefined && to === undefined;
      const max = open ? Number.POSITIVE_INFINITY : sign ? 1 : Number(to ?? from);
      if (min > MAX_REPEAT || (max > MAX_REPEAT && !open) || max < min) fail(`invalid repeat count: \`${text}\``);
      tree = { op: 'repeat', part: tree, min, max, lazy: lazy !== flags.U };
    }
  }

  #atom(flags: Flags): Tree {
    const group = this.#take(/\((?:\?([imsU]*)(?:-([imsU]+))?:|\?P?<\w+>|(?!\?))/y);
    if (group) {
      const tree = this.#choice(group[0].endsWith(':') ? withFlags(flags, group) : flags);
      if (!this.#take(/\)/y)) fail(`missing closing ): \`${this.#text}\``);
      return tree;
    }
    const c = this.#take(/[\s\S]/uy)?.[0] ?? '';
    if (c === '(') fail(`invalid or unsupported Perl syntax: \`${this.#text.slice(this.#at - 1, this.#at + 2)}\``);
    if (/[*+?]/.test(c)) fail(`missing argument to repetition operator: \`${c}\``);
    if (c === '.') return { op: 'char', matches: flags.s ? () => true : (x) => x !== 10 };
    if (c === '^') return { op: flags.m ? 'line-start' : 'start' };
    if (c === '$') return { op: flags.m ? 'line-end' : 'end' };
    if (c === '[') return this.#class(flags);
    if (c === '\\') return this.#escape(flags);
    return this.#char(range(c.codePointAt(0) ?? 0, c.codePointAt(0) ?? 0), flags);
  }

  #char(test: Test, { i }: Flags): Tree {
    const matches = i ? folded(test) : test;
    // Nearly all text is ASCII: the answers for it are kept.
    const known = Uint8Array.from({ length: 128 }, (_, c) => (matches(c) ? 1 : 0));
    return { op: 'char', matches: (c) => (c < 128 ? known[c] === 1 : matches(c)) };
  }

  #escape(flags: Flags): Tree {
    const literal = this.#take(/Q([\s\S]*?)(?:\\E|$)/y);
    if (literal) {
      const parts = [...(literal[1] ?? '')].map((c) =>
        this.#char(range(c.codePointAt(0) ?? 0, c.codePointAt(0) ?? 0), flags),
      );
      return { op: 'sequence', parts };
    }
    const assertion = this.#take(/[AzbB]/y);
    if (assertion) return { op: ASSERTIONS[assertion[0]] ?? 'empty' } as Tree;
    const test = this.#namedClass();
    if (test) return this.#char(test, flags);
    const code = this.#escapedCode();
    return this.#char(range(code, code), flags);
  }

  /** \d, \pL, \p{Greek} after the backslash. */
  #namedClass(): Test | undefined {
    const perl = this.#take(/[dswDSW]/y);
    if (perl) return PERL[perl[0]];
    const unicode = this.#take(/([pP])(?:\{(\^)?(\w+)\}|(\w))/y);
    return unicode && unicodeClass(unicode[3] ?? unicode[4] ?? '', (unicode[1] === 'P') !== (unicode[2] !== undefined));
  }

  #escapedCode(): number {
    const hex = this.#take(/x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/y);
    if (hex) return Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
    const octal = this.#take(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y);
    if (octal) return Number.parseInt(octal[0], 8);
    const control = this.#take(/[aftnrv]/y);
    if (control) return CONTROLS[control[0]] ?? 0;
    const plain = this.#take(/[^\w\s]|\P{ASCII}/uy);
    if (plain) return plain[0].codePointAt(0) ?? 0;
    if (this.#at >= this.#text.length) return fail('trailing backslash at end of expression: ``');
    return fail(`invalid escape sequence: \`\\${this.#text[this.#at]}\``);
  }

  #class(flags: Flags): Tree {
    const negated = this.#take(/\^/y) !== undefined;
    const tests: Test[] = [];
    for (let first = true; first || this.#text[this.#at] !== ']'; first = false) {
      if (this.#at >= this.#text.length) fail(`missing closing ]: \`${this.#text}\``);
      tests.push(this.#classPart());
    }
    this.#at++;
    const test = flags.i ? folded(anyOf(tests)) : anyOf(tests);
    const { i: _, ...rest } = flags;
    return this.#char(negated ? not(test) : test, { ...rest, i: false });
  }

  #classPart(): Test {
    const posix = this.#take(/\[:(\^?)(\w+):\]/y);
    if (posix) {
      const test = POSIX[posix[2] ?? ''] ?? fail(`invalid character class range: \`${posix[0]}\``);
      return posix[1] ? not(test) : test;
    }
    const from = this.#classCode();
    if (typeof from !== 'number') return from;
    if (!this.#take(/-(?!\])/y)) return range(from, from);
    const to = this.#classCode();
    if (typeof to !== 'number' || to < from) return fail('invalid character class range');
    return range(from, to);
  }

  #classCode(): number | Test {
    if (!this.#take(/\\/y)) return this.#take(/[\s\S]/uy)?.[0].codePointAt(0) ?? 0;
    return this.#namedClass() ?? this.#escapedCode();
  }
}

function withFlags(flags: Flags, m: RegExpExecArray): Flags {
  const next: Record<string, boolean> = { ...flags };
  for (const c of m[1] ?? '') next[c] = true;
  for (const c of m[2] ?? '') next[c] = false;
  return next as unknown as Flags;
}
