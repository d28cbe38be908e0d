import { Compiler } from './compiler.ts';
import { CompileError, CostLimitError } from './errors.ts';
import type { Budget, Frame } from './frame.ts';
import type { Library, Overload } from './functions.ts';
import { parse } from './parser.ts';
import { assignable, type Type, typeText } from './types.ts';
import type { Value } from './values.ts';

/** An expression ready to be evaluated. */
export interface Program {
  readonly source: string;
  readonly type: Type;
  /** Most it can cost, by the bounds that types declare. */
  readonly estimate: number;
  /** Variables that it speaks of. */
  readonly references: ReadonlySet<string>;
  /**
   * @param globals values of the declared variables
   * @param budget what this and other evaluations may cost together; at most `limit` is taken from it
   * @throws EvaluationError, CostLimitError
   */
  evaluate(globals: Readonly<Record<string, Value>>, budget: Budget, limit?: number): Value;
}

/** The functions and types that expressions know. */
export class Environment {
  readonly #functions = new Map<string, Overload[]>();
  readonly #types: Record<string, string> = {};

  constructor(libraries: readonly Library[]) {
    for (const { functions, types } of libraries) {
      for (const f of functions) this.#functions.set(f.name, [...(this.#functions.get(f.name) ?? []), f]);
      Object.assign(this.#types, types);
    }
  }

  /**
   * Compiles an expression.
   * @param variables what it may speak of
   * @param wanted the types its value may have; default: any
   * @throws CompileError
   */
  compile(source: string, variables: Readonly<Record<string, Type>>, wanted: readonly Type[] = []): Program {
    const node = parse(source);
    const compiler = new Compiler({ functions: this.#functions, types: this.#types, variables });
    const { type, run, cost } = compiler.compile(node);
    if (compiler.issues.length > 0) throw new CompileError(source, compiler.issues);
    if (wanted.length > 0 && !wanted.some((w) => assignable(type, w, new Map())))
      throw new WrongTypeError(type, wanted);
    const { references } = compiler;
    return {
      source,
      type,
      estimate: cost,
      references,
      evaluate(globals, budget, limit = Number.POSITIVE_INFINITY) {
        const frame: Frame = { globals, slots: [], spent: 0, limit: Math.min(limit, budget.left) };
        try {
          return run(frame);
        } catch (e) {
          // A stack or a text that grows beyond what there can be is a cost, too.
          if (e instanceof RangeError) throw new CostLimitError();
          throw e;
        } finally {
          budget.left -= frame.spent;
        }
      },
    };
  }
}

/** An expression whose value is of a type that is of no use where it stands. */
export class WrongTypeError extends Error {
  override readonly name = 'WrongTypeError';
  constructor(found: Type, wanted: readonly Type[]) {
    const [first] = wanted;
    super(
      wanted.length === 1 && first
        ? `must evaluate to ${typeText(first)}`
        : `must evaluate to one of ${wanted.map(typeText).join(', ')} but got ${typeText(found)}`,
    );
  }
}
