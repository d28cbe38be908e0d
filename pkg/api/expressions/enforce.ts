import { Budget, CostLimitError, EvaluationError } from '#cel/index.ts';
import { correlated, isMap } from '../custom/structural.ts';
import { sameJson } from '../meta/equal.ts';
import { duplicate, type FieldError, forbidden, invalid, required } from '../meta/fielderrors.ts';
import { CALL_LIMIT, REQUEST_LIMIT } from './environment.ts';
import { globalsOf, messageOf, type Rule, type RuleTree, type Subject } from './rules.ts';

/** The path of the whole object, as Go prints one that is not there. */
export const NO_PATH = '<nil>';
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

/** How errors with a reason of their own are worded. */
const REASONS: Readonly<Record<string, (path: string, type: string, message: string) => FieldError>> = {
  FieldValueRequired: (path, _type, message) => required(path, message),
  FieldValueForbidden: (path, _type, message) => forbidden(path, message),
  FieldValueDuplicate: (path, type) => duplicate(path, type),
};

/** ".a['b.c'].d" → "a", "b.c", "d". */
export const relativePath = (text: string): string[] =>
  [...text.matchAll(/\.([^.[\]]+)|\['([^']+)'\]/g)].map((m) => m[1] ?? m[2] ?? '');

const joined = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

class Enforcement {
  readonly #budget: Budget;
  readonly found: FieldError[] = [];
  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** @returns false when the budget is spent: nothing more is evaluated */
  walk(tree: RuleTree, path: string, subject: Subject): boolean {
    const { value, old } = subject;
    if (value === null || value === undefined) return true;
    const same = old !== undefined && tree.rules.length > 0 && sameJson(value, old);
    for (const rule of tree.rules) {
      if (!this.#isAsked(rule, subject, same)) continue;
      if (!this.#ask(tree, rule, path, subject)) return false;
    }
    if (Array.isArray(value)) {
      const { items, schema } = tree;
      return (
        !items ||
        value.every((v, i) => this.walk(items, `${path}[${i}]`, { value: v, old: correlated(schema, v, old) }))
      );
    }
    if (!isMap(value)) return true;
    const before = isMap(old) ? old : {};
    return Object.entries(value).every(([k, v]) => {
      const own = tree.properties.get(k);
      const child = own ?? (tree.schema.properties?.[k] ? undefined : tree.others);
      return !child || this.walk(child, own ? joined(path, k) : `${path}[${k}]`, { value: v, old: before[k] });
    });
  }

  /** Transition rules need an old value; others hold already for what did not change ("ratcheting"). */
  #isAsked(rule: Rule, { old }: Subject, same: boolean): boolean {
    if (rule.source.optionalOldSelf) return true;
    return rule.isTransition ? old !== undefined : !same;
  }

  #ask(tree: RuleTree, rule: Rule, path: string, subject: Subject): boolean {
    const { type = '' } = tree.schema;
    const at = path || NO_PATH;
    const say = (message: string): void => void this.found.push(invalid(at, type, message));
    const shown = (rule.source.message ?? '').trim() || rule.source.rule.trim();
    try {
      const globals = globalsOf(tree, rule, subject);
      if (rule.program.evaluate(globals, this.#budget, CALL_LIMIT) !== true)
        this.#refuse(tree, rule, path, messageOf(rule, globals, this.#budget));
    } catch (e) {
      if (e instanceof CostLimitError) {
        const spent = this.#budget.left <= 0;
        say(
          spent
            ? OUT_OF_BUDGET
            : `'${shown}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`,
        );
        return false;
      }
      if (!(e instanceof EvaluationError)) throw e;
      const overload = e.message === 'no such overload';
      say(
        overload
          ? `'${shown}': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`
          : `${e.message} evaluating rule: ${shown}`,
      );
    }
    return this.#budget.left > 0;
  }

  #refuse(tree: RuleTree, rule: Rule, path: string, message: string): void {
    const { fieldPath, reason } = rule.source;
    const at = relativePath(fieldPath ?? '').reduce(joined, path) || NO_PATH;
    const { type = '' } = tree.schema;
    const own = reason && Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
    this.found.push((own ?? invalid)(at, type, message));
  }
}

/** All rules that an object breaks. @param old the object before; undefined: it is new */
export function brokenRules(tree: RuleTree, value: unknown, old: unknown): FieldError[] {
  const enforcement = new Enforcement(new Budget(REQUEST_LIMIT));
  enforcement.walk(tree, '', { value, old });
  return enforcement.found;
}
