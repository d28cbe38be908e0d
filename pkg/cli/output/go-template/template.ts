import { CliError } from '../../errors.ts';
import { type Expression, type Pipeline, parsePipeline } from './expressions.ts';
import { FUNCTIONS, goText, truthy } from './functions.ts';
import { type Piece, pieces } from './tokens.ts';

interface Block<Word> {
  readonly do: Word;
  readonly of: Pipeline;
  readonly body: Node[];
  readonly otherwise: Node[];
}

type Node =
  | { readonly do: 'text'; readonly text: string }
  | { readonly do: 'print'; readonly of: Pipeline }
  | Block<'if'>
  | Block<'with'>
  | Block<'range'>
  | { readonly do: 'template'; readonly name: string; readonly of?: Pipeline }
  | { readonly do: 'break' }
  | { readonly do: 'continue' };

/** Builds the tree of a template's blocks. */
class Parser {
  readonly #pieces: readonly Piece[];
  readonly defined = new Map<string, Node[]>();
  #at = 0;

  constructor(template: string) {
    this.#pieces = pieces(template);
  }

  whole(): Node[] {
    const { nodes, end } = this.#until();
    if (end !== undefined) throw new CliError(`error parsing template: unexpected {{${end}}}`);
    return nodes;
  }

  /** Nodes up to the `end` or `else` that closes the block. */
  #until(): { nodes: Node[]; end: string | undefined } {
    const nodes: Node[] = [];
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++] as Piece;
      if ('text' in piece) {
        nodes.push({ do: 'text', text: piece.text });
        continue;
      }
      if (/^(end|else)\b/.test(piece.action)) return { nodes, end: piece.action };
      const node = this.#action(piece.action);
      if (node) nodes.push(node);
    }
    return { nodes, end: undefined };
  }

  #action(action: string): Node | undefined {
    const [word = ''] = action.split(/\s/, 1);
    const rest = action.slice(word.length).trim();
    if (word === 'if' || word === 'with' || word === 'range') return this.#block(word, rest);
    if (word === 'break' || word === 'continue') return { do: word };
    if (word !== 'define' && word !== 'template' && word !== 'block') return { do: 'print', of: parsePipeline(action) };
    const m = /^"([^"]*)"\s*(.*)$/s.exec(rest);
    if (!m) throw new CliError(`error parsing template: {{${action}}} needs a quoted name`);
    if (word !== 'template') this.defined.set(m[1] ?? '', this.#closed(action));
    if (word === 'define') return undefined;
    return { do: 'template', name: m[1] ?? '', ...(m[2] ? { of: parsePipeline(m[2]) } : {}) };
  }

  #closed(action: string): Node[] {
    const { nodes, end } = this.#until();
    if (end !== 'end') throw new CliError(`error parsing template: {{${action}}} is not closed by {{end}}`);
    return nodes;
  }

  #block(word: 'if' | 'with' | 'range', condition: string): Node {
    const of = parsePipeline(condition);
    const { nodes: body, end } = this.#until();
    if (end === undefined) throw new CliError(`error parsing template: {{${word}}} is not closed by {{end}}`);
    if (end === 'end') return { do: word, of, body, otherwise: [] };
    const chained = /^else\s+(if|with)\s+(.*)$/s.exec(end);
    if (chained) return { do: word, of, body, otherwise: [this.#block(chained[1] as 'if', chained[2] ?? '')] };
    return { do: word, of, body, otherwise: this.#closed(word) };
  }
}

class Jump extends Error {
  readonly how: 'break' | 'continue';
  constructor(how: 'break' | 'continue') {
    super(how);
    this.how = how;
  }
}

type Variables = ReadonlyMap<string, { value: unknown }>;

/** Templates may call themselves; Go stops at a depth too. */
const MAX_DEPTH = 200;

/** Prints a tree for one value. */
class Run {
  readonly #defined: ReadonlyMap<string, Node[]>;
  readonly #strict: boolean;
  #out = '';

  constructor(defined: ReadonlyMap<string, Node[]>, strict: boolean) {
    this.#defined = defined;
    this.#strict = strict;
  }

  text(nodes: readonly Node[], value: unknown): string {
    this.#all(nodes, value, new Map([['$', { value }]]), 0);
    return this.#out;
  }

  #all(nodes: readonly Node[], dot: unknown, outer: Variables, depth: number): void {
    const variables = new Map(outer);
    for (const n of nodes) this.#one(n, dot, variables, depth);
  }

  #one(n: Node, dot: unknown, variables: Map<string, { value: unknown }>, depth: number): void {
    if (n.do === 'text') this.#out += n.text;
    else if (n.do === 'break' || n.do === 'continue') throw new Jump(n.do);
    else if (n.do === 'template') this.#template(n, dot, variables, depth);
    else if (n.do === 'range') this.#range(n, dot, variables, depth);
    else {
      const value = this.#value(n.of.value, dot, variables);
      const inner = n.do === 'print' ? variables : new Map(variables);
      const [name] = n.of.declares;
      if (name) store(inner, name, value, n.of.assigns);
      if (n.do === 'print') this.#out += name ? '' : goText(value);
      else
        this.#all(truthy(value) ? n.body : n.otherwise, n.do === 'with' && truthy(value) ? value : dot, inner, depth);
    }
  }

  #template(n: Node & { do: 'template' }, dot: unknown, variables: Variables, depth: number): void {
    const body = this.#defined.get(n.name);
    if (!body) throw new CliError(`error executing template: template "${n.name}" not defined`);
    if (depth >= MAX_DEPTH) throw new CliError(`error executing template: "${n.name}" calls itself too often`);
    const value = n.of ? this.#value(n.of.value, dot, variables) : undefined;
    this.#all(body, value, new Map([['$', { value }]]), depth + 1);
  }

  #range(n: Node & { do: 'range' }, dot: unknown, variables: Variables, depth: number): void {
    const entries = entriesOf(this.#value(n.of.value, dot, variables));
    if (entries.length === 0) this.#all(n.otherwise, dot, variables, depth);
    const [first, second] = n.of.declares;
    for (const [key, value] of entries) {
      const inner = new Map(variables);
      if (first) inner.set(first, { value: second ? key : value });
      if (second) inner.set(second, { value });
      try {
        this.#all(n.body, value, inner, depth);
      } catch (e) {
        if (!(e instanceof Jump)) throw e;
        if (e.how === 'break') break;
      }
    }
  }

  #value(e: Expression, dot: unknown, variables: Variables): unknown {
    if (e.is === 'literal') return e.value;
    if (e.is === 'dot') return dot;
    if (e.is === 'variable') {
      const found = variables.get(e.name);
      if (!found) throw new CliError(`error parsing template: undefined variable "${e.name}"`);
      return found.value;
    }
    if (e.is === 'field') {
      const found = fieldOf(this.#value(e.of, dot, variables), e.name);
      if (found !== undefined || !this.#strict) return found;
      throw new CliError(`error executing template: map has no entry for key "${e.name}"`);
    }
    if (e.name === 'and' || e.name === 'or') return this.#logic(e.name, e.args, dot, variables);
    const call = FUNCTIONS[e.name];
    if (!call) throw new CliError(`error parsing template: function "${e.name}" not defined`);
    return call(...e.args.map((a) => this.#value(a, dot, variables)));
  }

  /** `and` ends at the first empty value, `or` at the first that is not. */
  #logic(name: 'and' | 'or', args: readonly Expression[], dot: unknown, variables: Variables): unknown {
    let value: unknown;
    for (const a of args) {
      value = this.#value(a, dot, variables);
      if (truthy(value) === (name === 'or')) break;
    }
    return value;
  }
}

function store(variables: Map<string, { value: unknown }>, name: string, value: unknown, assigns: boolean): void {
  const known = variables.get(name);
  if (assigns && known) known.value = value;
  else variables.set(name, { value });
}

function fieldOf(v: unknown, name: string): unknown {
  if (v === null || v === undefined) return undefined;
  if (typeof v !== 'object' || Array.isArray(v))
    throw new CliError(`error executing template: can't evaluate field ${name} in ${goText(v)}`);
  return (v as Record<string, unknown>)[name];
}

/** What `range` walks over: items with their place, entries in the order of their keys. */
function entriesOf(v: unknown): [unknown, unknown][] {
  if (v === null || v === undefined) return [];
  if (Array.isArray(v)) return v.map((x, i) => [i, x]);
  if (typeof v === 'number') return Array.from({ length: v }, (_, i) => [i, i]);
  if (typeof v === 'object') return Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1));
  throw new CliError(`error executing template: range can't iterate over ${goText(v)}`);
}

/**
 * Text of a Go template (pkg.go.dev/text/template) for a value.
 * @param strict fields that are not there are an error. @throws CliError
 */
export function executeTemplate(template: string, value: unknown, strict = false): string {
  const parser = new Parser(template);
  const nodes = parser.whole();
  return new Run(parser.defined, strict).text(nodes, value);
}
