import { CostLimitError } from '../errors.ts';
import { isWord, parseRegex, RegexError, type Tree } from './syntax.ts';

/** Steps of the matching machine. */
type Step =
  | { readonly op: 'char'; readonly matches: (code: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'assert'; readonly what: Tree['op'] }
  | { readonly op: 'match' };

/** Most steps of threads one search may take: some tenths of a second. */
const MAX_WORK = 10_000_000;
/** Longest program: counted repetitions are unrolled. */
const MAX_STEPS = 10_000;

class Assembler {
  readonly steps: Step[] = [];

  #emit<S extends Step>(step: S): S {
    if (this.steps.length >= MAX_STEPS) throw new RegexError('error parsing regexp: expression too large');
    this.steps.push(step);
    return step;
  }

  tree(t: Tree): void {
    switch (t.op) {
      case 'char':
        this.#emit({ op: 'char', matches: t.matches });
        break;
      case 'sequence':
        for (const p of t.parts) this.tree(p);
        break;
      case 'choice':
        this.#choice(t.parts);
        break;
      case 'repeat':
        this.#repeat(t);
        break;
      case 'empty':
        break;
      default:
        this.#emit({ op: 'assert', what: t.op });
    }
  }

  match(): readonly Step[] {
    this.#emit({ op: 'match' });
    return this.steps;
  }

  #choice(parts: readonly Tree[]): void {
    const jumps: { to: number }[] = [];
    for (const [i, part] of parts.entries()) {
      if (i === parts.length - 1) {
        this.tree(part);
        break;
      }
      const split = this.#emit({ op: 'split', first: this.steps.length + 1, second: 0 });
      this.tree(part);
      jumps.push(this.#emit({ op: 'jump', to: 0 }));
      split.second = this.steps.length;
    }
    for (const j of jumps) j.to = this.steps.length;
  }

  #repeat({ part, min, max, lazy }: Extract<Tree, { op: 'repeat' }>): void {
    for (let i = 0; i < min; i++) this.tree(part);
    if (max === Number.POSITIVE_INFINITY) {
      const start = this.steps.length;
      const skip = this.#optional(lazy, part);
      this.#emit({ op: 'jump', to: start });
      skip(this.steps.length);
      return;
    }
    const skips: ((to: number) => void)[] = [];
    for (let i = min; i < max; i++) skips.push(this.#optional(lazy, part));
    for (const skip of skips) skip(this.steps.length);
  }

  /** The part or nothing. @returns how to say where nothing leads */
  #optional(lazy: boolean, part: Tree): (to: number) => void {
    const split = this.#emit({ op: 'split', first: 0, second: 0 });
    const into = this.steps.length;
    if (lazy) split.second = into;
    else split.first = into;
    this.tree(part);
    return (to) => {
      if (lazy) split.first = to;
      else split.second = to;
    };
  }
}

/** Threads at one place of the text, the preferred ones first; each knows where its match began. */
class Threads {
  readonly steps: Int32Array;
  readonly starts: Int32Array;
  readonly #mark: Int32Array;
  #generation = 0;
  count = 0;

  constructor(size: number) {
    this.steps = new Int32Array(size);
    this.starts = new Int32Array(size);
    this.#mark = new Int32Array(size);
  }

  clear(): void {
    this.count = 0;
    this.#generation++;
  }

  /** False when the step has a thread already. */
  enter(step: number): boolean {
    if (this.#mark[step] === this.#generation) return false;
    this.#mark[step] = this.#generation;
    return true;
  }

  add(step: number, start: number): void {
    this.steps[this.count] = step;
    this.starts[this.count++] = start;
  }
}

const wordAt = (text: string, i: number): boolean => i >= 0 && i < text.length && isWord(text.charCodeAt(i));

function holds(what: Tree['op'], text: string, at: number): boolean {
  switch (what) {
    case 'start':
      return at === 0;
    case 'end':
      return at === text.length;
    case 'line-start':
      return at === 0 || text[at - 1] === '\n';
    case 'line-end':
      return at === text.length || text[at] === '\n';
    case 'word':
      return wordAt(text, at - 1) !== wordAt(text, at);
    case 'not-word':
      return wordAt(text, at - 1) === wordAt(text, at);
    default:
      return false;
  }
}

/** A regular expression whose matching takes time linear in the text, whatever it is ("RE2"). */
export class Regex {
  readonly #steps: readonly Step[];
  #now: Threads;
  #next: Threads;

  /** @throws RegexError */
  constructor(pattern: string) {
    const assembler = new Assembler();
    assembler.tree(parseRegex(pattern));
    this.#steps = assembler.match();
    this.#now = new Threads(this.#steps.length);
    this.#next = new Threads(this.#steps.length);
  }

  /** Does it match anywhere in the text? */
  test(text: string): boolean {
    return this.find(text, 0, true) !== undefined;
  }

  /**
   * The leftmost match from an offset on: start and end.
   * @throws CostLimitError when the search takes too long
   * @param any the first match found will do, wherever it ends
   */
  find(text: string, from = 0, any = false): readonly [number, number] | undefined {
    let found: [number, number] | undefined;
    let work = 0;
    this.#now.clear();
    for (let at = from; ; ) {
      if (!found) this.#follow(this.#now, 0, at, text, at);
      if (this.#now.count === 0 && found) return found;
      work += this.#now.count;
      if (work > MAX_WORK) throw new CostLimitError();
      const code = at < text.length ? (text.codePointAt(at) ?? 0) : -1;
      const after = at + (code > 0xffff ? 2 : 1);
      this.#next.clear();
      for (let i = 0; i < this.#now.count; i++) {
        const index = this.#now.steps[i] ?? 0;
        const step = this.#steps[index];
        const start = this.#now.starts[i] ?? 0;
        if (step?.op === 'match') {
          found = [start, at];
          if (any) return found;
          // Threads behind this one are less preferred.
          break;
        }
        if (step?.op === 'char' && code >= 0 && step.matches(code))
          this.#follow(this.#next, index + 1, start, text, after);
      }
      [this.#now, this.#next] = [this.#next, this.#now];
      if (code < 0) return found;
      at = after;
    }
  }

  /** Adds a thread and all that it leads to without taking a character. */
  #follow(threads: Threads, first: number, start: number, text: string, at: number): void {
    const pending = [first];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (!threads.enter(index)) continue;
      const step = this.#steps[index];
      if (step?.op === 'jump') pending.push(step.to);
      else if (step?.op === 'split') pending.push(step.second, step.first);
      else if (step?.op === 'assert') {
        if (holds(step.what, text, at)) pending.push(index + 1);
      } else threads.add(index, start);
    }
  }
}

const known = new Map<string, Regex>();
const MAX_KNOWN = 512;

/** The compiled expression, from a cache. @throws RegexError */
export function regexOf(pattern: string): Regex {
  const before = known.get(pattern);
  if (before) return before;
  const made = new Regex(pattern);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(pattern, made);
  return made;
}
