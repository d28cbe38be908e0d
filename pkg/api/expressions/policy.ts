import { BOOL, type ObjectType, type Program, STRING, type Type } from '#cel/index.ts';
import type { MatchCondition } from '../kinds/admissionregistration/rules.ts';
import {
  admissionEnvironment,
  conditionVariables,
  type KnownTypes,
  messageVariables,
  policyVariables,
} from './admission.ts';
import { compileProblem } from './rules.ts';

/** An expression that does not compile. */
export interface Problem {
  readonly field: string;
  readonly expression: string;
  /** "compilation failed: …" */
  readonly why: string;
}

export interface NamedProgram {
  readonly name: string;
  readonly program: Program;
}

/** What is compiled of a policy's spec (the kinds' own types would be a circle of imports). */
export interface PolicySource {
  readonly paramKind?: unknown;
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly { readonly name: string; readonly expression: string }[];
  readonly validations?: readonly {
    readonly expression: string;
    readonly message?: string;
    readonly messageExpression?: string;
    readonly reason?: string;
  }[];
  readonly auditAnnotations?: readonly { readonly key: string; readonly valueExpression: string }[];
}

export interface CompiledValidation {
  readonly source: NonNullable<PolicySource['validations']>[number];
  readonly program: Program;
  readonly messageProgram?: Program;
}

export interface CompiledPolicy {
  readonly conditions: readonly NamedProgram[];
  readonly variables: ReadonlyMap<string, Program>;
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly NamedProgram[];
  readonly problems: readonly Problem[];
}

type Variables = Readonly<Record<string, Type>>;

class PolicyCompiler {
  readonly problems: Problem[] = [];

  /** @returns undefined when it does not compile: a problem is noted */
  one(
    field: string,
    expression: string | undefined,
    variables: Variables,
    wanted: readonly Type[] = [],
  ): Program | undefined {
    if (!expression?.trim()) return undefined;
    try {
      return admissionEnvironment.compile(expression, variables, wanted);
    } catch (e) {
      this.problems.push({ field, expression, why: compileProblem(e) });
      return undefined;
    }
  }

  conditions(path: string, list: readonly MatchCondition[] | undefined, variables: Variables): NamedProgram[] {
    return (list ?? []).flatMap(({ name, expression }, i) => {
      const program = this.one(`${path}[${i}].expression`, expression, variables, [BOOL]);
      return program ? [{ name, program }] : [];
    });
  }
}

/** The match conditions of a webhook, compiled. */
export function compileConditions(
  path: string,
  list: readonly MatchCondition[] | undefined,
): Pick<CompiledPolicy, 'conditions' | 'problems'> {
  const compiler = new PolicyCompiler();
  const conditions = compiler.conditions(path, list, conditionVariables());
  return { conditions, problems: compiler.problems };
}

const NULL: Type = { kind: 'null' };

/** All expressions of a policy, compiled; each variable knows those before it. */
export function compilePolicy(spec: PolicySource, known: KnownTypes = {}): CompiledPolicy {
  const compiler = new PolicyCompiler();
  const types = new Map<string, Type>();
  const scope: ObjectType = { kind: 'object', name: 'kubernetes.variables', field: (name) => types.get(name) };
  const all = policyVariables(known, spec.paramKind !== undefined, scope);
  const { variables: _v, ...early } = all;
  const variables = new Map<string, Program>();
  for (const [i, v] of (spec.variables ?? []).entries()) {
    const program = compiler.one(`spec.variables[${i}].expression`, v.expression, all);
    if (program) variables.set(v.name, program);
    types.set(v.name, program?.type ?? { kind: 'dyn' });
  }
  const conditions = compiler.conditions('spec.matchConditions', spec.matchConditions, early);
  const messages = messageVariables(all);
  const validations = (spec.validations ?? []).flatMap((source, i): CompiledValidation[] => {
    const at = `spec.validations[${i}]`;
    const program = compiler.one(`${at}.expression`, source.expression, all, [BOOL]);
    const messageProgram = compiler.one(`${at}.messageExpression`, source.messageExpression, messages, [STRING]);
    return program ? [{ source, program, ...(messageProgram ? { messageProgram } : {}) }] : [];
  });
  const annotations = (spec.auditAnnotations ?? []).flatMap(({ key, valueExpression }, i): NamedProgram[] => {
    const program = compiler.one(`spec.auditAnnotations[${i}].valueExpression`, valueExpression, all, [STRING, NULL]);
    return program ? [{ name: key, program }] : [];
  });
  return { conditions, variables, validations, annotations, problems: compiler.problems };
}
