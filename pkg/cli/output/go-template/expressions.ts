import { CliError } from '../../errors.ts';
import { type Token, tokens } from './tokens.ts';

/** What a word or pipeline stands for. */
export type Expression =
  | { readonly is: 'literal'; readonly value: unknown }
  | { readonly is: 'dot' }
  | { readonly is: 'variable'; readonly name: string }
  | { readonly is: 'field'; readonly of: Expression; readonly name: string }
  | { readonly is: 'call'; readonly name: string; readonly args: readonly Expression[] };

/** A pipeline, and the variables it is stored in. */
export interface Pipeline {
  readonly declares: readonly string[];
  readonly assigns: boolean;
  readonly value: Expression;
}

const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, nil: null };

/** Reads the words of one action. */
class Reader {
  readonly #tokens: readonly Token[];
  readonly #action: string;
  #at = 0;

  constructor(action: string) {
    this.#action = action;
    this.#tokens = tokens(action);
  }

  get #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #take(mark: string): boolean {
    if (this.#next?.kind !== 'mark' || this.#next.text !== mark) return false;
    this.#at++;
    return true;
  }

  fail(): never {
    const t = this.#next;
    throw new CliError(`error parsing template: unexpected ${t ? `"${t.text}"` : 'end'} in action "${this.#action}"`);
  }

  pipeline(): Pipeline {
    const declares = this.#declarations();
    const value = this.piped();
    if (this.#next) this.fail();
    return { ...declares, value };
  }

  /** `$x :=`, `$i, $x :=`, `$x =` */
  #declarations(): { declares: string[]; assigns: boolean } {
    const start = this.#at;
    const declares: string[] = [];
    while (this.#next?.kind === 'variable') {
      declares.push(this.#next.text);
      this.#at++;
      if (this.#take(':=')) return { declares, assigns: false };
      if (this.#take('=')) return { declares, assigns: true };
      if (!this.#take(',')) break;
    }
    this.#at = start;
    return { declares: [], assigns: false };
  }

  /** Commands joined by "|": the value of one is the last argument of the next. */
  piped(): Expression {
    let value = this.#command(undefined);
    while (this.#take('|')) value = this.#command(value);
    return value;
  }

  #command(piped: Expression | undefined): Expression {
    const t = this.#next;
    if (t?.kind !== 'name' || t.text in WORDS) {
      const only = this.#operand();
      if (piped) throw new CliError(`error parsing template: non-function in pipeline of action "${this.#action}"`);
      return only;
    }
    this.#at++;
    const args: Expression[] = [];
    while (this.#next && !(this.#next.kind === 'mark' && /^[|)]$/.test(this.#next.text))) args.push(this.#operand());
    return { is: 'call', name: t.text, args: piped ? [...args, piped] : args };
  }

  #operand(): Expression {
    const t = this.#next ?? this.fail();
    this.#at++;
    let value = this.#first(t);
    while (this.#next?.kind === 'field' && !this.#next.spaced && this.#next.text !== '.') {
      value = { is: 'field', of: value, name: this.#next.text.slice(1) };
      this.#at++;
    }
    return value;
  }

  #first(t: Token): Expression {
    if (t.kind === 'text') return { is: 'literal', value: t.text };
    if (t.kind === 'number') return { is: 'literal', value: Number(t.text) };
    if (t.kind === 'variable') return { is: 'variable', name: t.text };
    if (t.kind === 'field')
      return t.text === '.' ? { is: 'dot' } : { is: 'field', of: { is: 'dot' }, name: t.text.slice(1) };
    if (t.kind === 'name')
      return t.text in WORDS ? { is: 'literal', value: WORDS[t.text] } : { is: 'call', name: t.text, args: [] };
    if (t.text !== '(') {
      this.#at--;
      return this.fail();
    }
    const inner = this.piped();
    if (!this.#take(')')) this.fail();
    return inner;
  }
}

/** @throws CliError quoting the action */
export const parsePipeline = (action: string): Pipeline => new Reader(action).pipeline();
