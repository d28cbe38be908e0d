import {
  BOOL,
  type Budget,
  CompileError,
  NONE,
  Optional,
  optionalOf,
  type Program,
  STRING,
  type Type,
  type Value,
  WrongTypeError,
} from '#cel/index.ts';
import { itemsOf } from '../custom/structural.ts';
import type { JSONSchemaProps, ValidationRule } from '../kinds/apiextensions/jsonschema.ts';
import { CALL_LIMIT, kubernetes } from './environment.ts';
import { type Typed, typed } from './schema-types.ts';

/** A rule of x-kubernetes-validations, compiled. */
export interface Rule {
  readonly source: ValidationRule;
  readonly program: Program;
  /** Gives the message; undefined: the rule's plain one. */
  readonly messageProgram?: Program;
  /** It speaks of the old value. */
  readonly isTransition: boolean;
}

/** The rules of a schema, arranged as the schema is; parts without rules are left out. */
export interface RuleTree {
  readonly schema: JSONSchemaProps;
  readonly view: Typed;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, RuleTree>;
  readonly items?: RuleTree;
  readonly others?: RuleTree;
}

const variables = (self: Type, optionalOld: boolean): Record<string, Type> => ({
  self,
  oldSelf: optionalOld ? optionalOf(self) : self,
});

/** @throws CompileError, WrongTypeError */
export function compileRule(source: ValidationRule, self: Type): Rule {
  const known = variables(self, source.optionalOldSelf === true);
  const program = kubernetes.compile(source.rule, known, [BOOL]);
  const messageProgram = source.messageExpression
    ? kubernetes.compile(source.messageExpression, known, [STRING])
    : undefined;
  return {
    source,
    program,
    isTransition: program.references.has('oldSelf'),
    ...(messageProgram ? { messageProgram } : {}),
  };
}

/** What compiling says of an expression that does not. */
export const compileProblem = (e: unknown): string => {
  if (e instanceof CompileError) return `compilation failed: ${e.message}`;
  if (e instanceof WrongTypeError) return e.message;
  throw e;
};

function rulesOf(s: JSONSchemaProps, view: Typed): Rule[] {
  return (s['x-kubernetes-validations'] ?? []).flatMap((source) => {
    try {
      return [compileRule(source, view.type)];
    } catch (e) {
      // Checked when the definition was made. What an older server let pass refuses nothing.
      compileProblem(e);
      return [];
    }
  });
}

const hasRules = (s: JSONSchemaProps): boolean =>
  (s['x-kubernetes-validations'] ?? []).length > 0 || partsOf(s).some(hasRules);

/** Schemas of what a value consists of. */
function partsOf(s: JSONSchemaProps): JSONSchemaProps[] {
  const items = itemsOf(s);
  const others = typeof s.additionalProperties === 'object' ? [s.additionalProperties] : [];
  return [...Object.values(s.properties ?? {}), ...(items ? [items] : []), ...others];
}

/** Compiles all rules of a schema. @returns undefined when it has none */
export function compileRules(s: JSONSchemaProps, root = true): RuleTree | undefined {
  const view = hasRules(s) ? typed(s, root) : undefined;
  if (!view) return undefined;
  const properties = new Map<string, RuleTree>();
  for (const [name, p] of Object.entries(s.properties ?? {})) {
    const tree = compileRules(p, false);
    if (tree) properties.set(name, tree);
  }
  const itemSchema = itemsOf(s);
  const items = itemSchema && compileRules(itemSchema, false);
  const others = typeof s.additionalProperties === 'object' ? compileRules(s.additionalProperties, false) : undefined;
  return {
    schema: s,
    view,
    rules: rulesOf(s, view),
    properties,
    ...(items ? { items } : {}),
    ...(others ? { others } : {}),
  };
}

/** Values that rules are evaluated with. `old` is undefined when there is none, or none that belongs to it. */
export interface Subject {
  readonly value: unknown;
  readonly old: unknown;
}

/** The variables of a rule. */
export function globalsOf({ view }: RuleTree, { source }: Rule, { value, old }: Subject): Record<string, Value> {
  const self = view.adapt(value);
  if (source.optionalOldSelf) return { self, oldSelf: old === undefined ? NONE : new Optional(view.adapt(old)) };
  return old === undefined ? { self } : { self, oldSelf: view.adapt(old) };
}

/** The message of a rule that does not hold. */
export function messageOf(rule: Rule, globals: Record<string, Value>, budget: Budget): string {
  const { message = '', rule: text } = rule.source;
  const plain = message === '' ? `failed rule: ${text.trim()}` : message.trim();
  if (!rule.messageProgram) return plain;
  try {
    const said = rule.messageProgram.evaluate(globals, budget, CALL_LIMIT);
    return typeof said === 'string' && said.trim() !== '' && !said.includes('\n') ? said.trim() : plain;
  } catch {
    return plain;
  }
}
