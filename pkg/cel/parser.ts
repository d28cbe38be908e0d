import type { Entry, Item, Node } from './ast.ts';
import { CompileError } from './errors.ts';
import { type Token, tokenize } from './lexer.ts';
import { expandMacro } from './macros.ts';

/** Longest expression, characters, and deepest nesting: those of cel-go. */
const MAX_LENGTH = 100_000;
const MAX_DEPTH = 250;

const RESERVED = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const RELATIONS = new Set(['<', '<=', '>=', '>', '==', '!=', 'in']);
const FACTORS = new Set(['*', '/', '%']);
const TERMS = new Set(['+', '-']);

/** Parses the text of an expression, macros expanded. @throws CompileError */
export function parse(source: string): Node {
  if (source.length > MAX_LENGTH) {
    throw new CompileError('', [{ at: 0, message: `expression code point size exceeds limit: ${MAX_LENGTH}` }]);
  }
  return new Parser(source).whole();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  whole(): Node {
    const node = this.#expression();
    if (this.#peek.kind !== 'end') this.#unexpected();
    return node;
  }

  get #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '<EOF>', at: this.#source.length };
  }

  #fail(at: number, message: string): never {
    throw new CompileError(this.#source, [{ at, message }]);
  }

  #unexpected(): never {
    const { text, kind, at } = this.#peek;
    if (kind === 'end') this.#fail(at, "Syntax error: mismatched input '<EOF>' expecting an expression");
    this.#fail(at, `Syntax error: mismatched input '${text}'`);
  }

  /** Takes the punctuation (or `in`) if it is next. */
  #accept(text: string): Token | undefined {
    const token = this.#peek;
    if (token.text !== text || token.kind === 'literal') return undefined;
    this.#next++;
    return token;
  }

  #expect(text: string): Token {
    const { at, text: found } = this.#peek;
    return this.#accept(text) ?? this.#fail(at, `Syntax error: mismatched input '${found}' expecting '${text}'`);
  }

  #expression(): Node {
    if (++this.#depth > MAX_DEPTH) this.#fail(this.#peek.at, `expression recursion limit exceeded: ${MAX_DEPTH}`);
    const test = this.#binary(0);
    const mark = this.#accept('?');
    let node = test;
    if (mark) {
      const yes = this.#binary(0);
      this.#expect(':');
      node = { op: 'conditional', at: mark.at, test, yes, no: this.#expression() };
    }
    this.#depth--;
    return node;
  }

  /** Levels, loosest first: || , && , relations, sums, products. All of them bind to the left. */
  #binary(level: number): Node {
    if (level === 5) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#peek;
      if (token.kind === 'literal' || !isOperator(level, token.text)) return left;
      this.#next++;
      const right = this.#binary(level + 1);
      const { at, text } = token;
      if (level < 2) left = { op: level === 0 ? 'or' : 'and', at, left, right };
      else left = { op: 'call', at, name: text === 'in' ? '@in' : `_${text}_`, args: [left, right] };
    }
  }

  #unary(): Node {
    const first = this.#peek;
    if (first.kind !== 'punctuation' || (first.text !== '!' && first.text !== '-')) return this.#member();
    let count = 0;
    while (this.#accept(first.text))
      if (++count > MAX_DEPTH) this.#fail(first.at, 'expression recursion limit exceeded');
    const operand = this.#member();
    if (count % 2 === 0) return operand;
    return { op: 'call', at: first.at, name: first.text === '!' ? '!_' : '-_', args: [operand] };
  }

  #member(): Node {
    let node = this.#primary();
    for (;;) {
      const dot = this.#accept('.');
      if (dot) {
        node = this.#dotted(node, dot);
        continue;
      }
      const bracket = this.#accept('[');
      if (!bracket) return node;
      const optional = this.#accept('?') !== undefined;
      const key = this.#expression();
      this.#expect(']');
      node = { op: 'index', at: bracket.at, of: node, key, optional };
    }
  }

  #dotted(of: Node, dot: Token): Node {
    const optional = this.#accept('?') !== undefined;
    const field = this.#peek;
    if (field.kind !== 'ident') this.#unexpected();
    this.#next++;
    const open = optional ? undefined : this.#accept('(');
    if (!open) return { op: 'select', at: dot.at, of, field: field.text, optional };
    return this.#call(field.text, open, of);
  }

  #call(name: string, open: Token, target?: Node): Node {
    const args = this.#list(')', () => this.#expression());
    const call = { op: 'call' as const, at: open.at, name, args, ...(target ? { target } : {}) };
    return expandMacro(call, (at, message) => this.#fail(at, message));
  }

  #list<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.#accept(end)) {
      items.push(item());
      if (!this.#accept(',') && this.#peek.text !== end) this.#unexpected();
    }
    return items;
  }

  #primary(): Node {
    const token = this.#peek;
    const { at, kind, text } = token;
    if (kind === 'end') this.#unexpected();
    this.#next++;
    if (kind === 'literal') return { op: 'literal', at, value: token.value ?? null };
    if (kind === 'ident') return this.#identifier(token, '');
    if (text === '.' && this.#peek.kind === 'ident') return this.#identifier(this.#tokens[this.#next++] ?? token, '.');
    if (text === '(') {
      const node = this.#expression();
      this.#expect(')');
      return node;
    }
    if (text === '[') return { op: 'list', at, items: this.#list(']', () => this.#item()) };
    if (text === '{') return { op: 'map', at, entries: this.#list('}', () => this.#entry()) };
    this.#next--;
    return this.#unexpected();
  }

  #identifier({ at, text }: Token, dot: string): Node {
    if (text === 'true' || text === 'false') return { op: 'literal', at, value: text === 'true' };
    if (text === 'null') return { op: 'literal', at, value: null };
    if (text === 'in') {
      this.#next--;
      this.#unexpected();
    }
    const open = this.#accept('(');
    if (open) return this.#call(text, open);
    if (!dot && RESERVED.has(text)) this.#fail(at, `Syntax error: reserved identifier: ${text}`);
    return { op: 'ident', at, name: text };
  }

  #item(): Item {
    const optional = this.#accept('?') !== undefined;
    return { optional, value: this.#expression() };
  }

  #entry(): Entry {
    const optional = this.#accept('?') !== undefined;
    const key = this.#expression();
    const { at } = this.#expect(':');
    return { at, optional, key, value: this.#expression() };
  }
}

function isOperator(level: number, text: string): boolean {
  if (level === 0) return text === '||';
  if (level === 1) return text === '&&';
  return (level === 2 ? RELATIONS : level === 3 ? TERMS : FACTORS).has(text);
}
