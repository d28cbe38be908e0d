import { CALL_LIMIT, REQUEST_LIMIT } from '#api/expressions/environment.ts';
import type { CompiledPolicy, CompiledValidation } from '#api/expressions/policy.ts';
import { Budget, CelMap, type Program, type Value } from '#cel/index.ts';
import { conditionsHold, evaluated } from '../expressions.ts';

/** A validation that does not hold, or cannot be evaluated. */
export interface Violation {
  readonly message: string;
  /** Reason of the status; default: Invalid. */
  readonly reason?: string;
  /** Which of the policy's validations; undefined: none in particular. */
  readonly index?: number;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  /** Entries for the audit log. */
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
}

const NOTHING: Judgement = { violations: [], annotations: [] };
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** The variables of a policy, each evaluated when it is first asked for. */
class LazyVariables extends CelMap {
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #evaluate: (program: Program) => Value;
  readonly #known = new Map<string, Value>();

  constructor(programs: ReadonlyMap<string, Program>, evaluate: (program: Program) => Value) {
    super();
    this.#programs = programs;
    this.#evaluate = evaluate;
  }
  get size(): number {
    return this.#programs.size;
  }
  keys(): readonly Value[] {
    return [...this.#programs.keys()];
  }
  get(name: Value): Value | undefined {
    if (typeof name !== 'string') return undefined;
    const program = this.#programs.get(name);
    if (!program) return undefined;
    let value = this.#known.get(name);
    if (value === undefined) {
      value = this.#evaluate(program);
      this.#known.set(name, value);
    }
    return value;
  }
}

interface Failing {
  /** What fails is let pass instead of refused. */
  readonly ignoresFailures: boolean;
}

function messageOf(v: CompiledValidation, evaluate: (p: Program) => Value): string {
  const plain = v.source.message?.trim() || `failed expression: ${v.source.expression.trim()}`;
  const { messageProgram } = v;
  if (!messageProgram) return plain;
  const said = evaluated(() => evaluate(messageProgram));
  const text = 'value' in said && typeof said.value === 'string' ? said.value.trim() : '';
  return text === '' || text.includes('\n') ? plain : text;
}

/** Holds a policy against one request (and one object of parameters). */
export function judge(
  policy: CompiledPolicy,
  request: Readonly<Record<string, Value>>,
  { ignoresFailures }: Failing,
): Judgement {
  const { holds, errors } = conditionsHold(policy.conditions, request);
  if (errors.length > 0 && !ignoresFailures) return { ...NOTHING, violations: [{ message: errors.join(', ') }] };
  if (!holds) return NOTHING;
  const budget = new Budget(REQUEST_LIMIT);
  const evaluate = (p: Program): Value => p.evaluate(globals, budget, CALL_LIMIT);
  const globals: Record<string, Value> = { ...request, variables: new LazyVariables(policy.variables, evaluate) };
  const violations: Violation[] = [];
  for (const [index, v] of policy.validations.entries()) {
    const outcome = evaluated(() => evaluate(v.program));
    const { reason, expression } = v.source;
    if ('error' in outcome) {
      if (ignoresFailures) continue;
      const message =
        budget.left <= 0 ? OUT_OF_BUDGET : `expression '${expression}' resulted in error: ${outcome.error}`;
      violations.push({ message, index });
      if (budget.left <= 0) break;
    } else if (outcome.value !== true) {
      violations.push({ message: messageOf(v, evaluate), index, ...(reason ? { reason } : {}) });
    }
  }
  const annotations: { key: string; value: string }[] = [];
  for (const { name, program } of policy.annotations) {
    const outcome = evaluated(() => evaluate(program));
    if ('value' in outcome) {
      if (typeof outcome.value === 'string' && outcome.value.trim() !== '')
        annotations.push({ key: name, value: outcome.value.trim() });
    } else if (!ignoresFailures) {
      violations.push({ message: `failed to evaluate audit annotation ${JSON.stringify(name)}: ${outcome.error}` });
    }
  }
  return { violations, annotations };
}
