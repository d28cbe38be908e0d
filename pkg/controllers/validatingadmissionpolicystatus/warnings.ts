import { typeOfCustom, typeOfKind } from '#api/expressions/kind-types.ts';
import { compilePolicy } from '#api/expressions/policy.ts';
import { apiVersionOf } from '#api/kind.ts';
import { builtinKinds, type CustomResourceDefinition, type ValidatingAdmissionPolicy } from '#api/kinds/index.ts';
import type { Type } from '#cel/index.ts';

/** One type that a policy may be held against. */
export interface CheckedType {
  /** "apps/v1, Kind=Deployment". */
  readonly name: string;
  readonly type: Type;
}

interface Served {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  type(): Type | undefined;
}

/** More types than these are not checked: the policy is a general one. */
const MAX_TYPES = 10;

function served(definitions: readonly CustomResourceDefinition[]): Served[] {
  const custom = definitions.flatMap(({ spec }): Served[] =>
    (spec?.versions ?? []).map((v) => ({
      group: spec?.group ?? '',
      version: v.name,
      plural: spec?.names?.plural ?? '',
      kind: spec?.names?.kind ?? '',
      type: () => v.schema?.openAPIV3Schema && typeOfCustom(spec?.names?.kind ?? '', v.schema.openAPIV3Schema),
    })),
  );
  return [
    ...builtinKinds.map((k) => ({
      group: k.group,
      version: k.version,
      plural: k.plural,
      kind: k.kind,
      type: () => typeOfKind(k),
    })),
    ...custom,
  ];
}

const nameOf = (s: Served): string => `${apiVersionOf(s)}, Kind=${s.kind}`;

/** Types that the rules of a policy name; rules with "*" name none ("Validating Admission Policy", type checking). */
export function checkedTypes(
  { spec }: ValidatingAdmissionPolicy,
  definitions: readonly CustomResourceDefinition[],
): CheckedType[] {
  const all = served(definitions);
  const found = new Map<string, CheckedType>();
  for (const rule of spec?.matchConstraints?.resourceRules ?? []) {
    for (const s of all) {
      const named =
        rule.apiGroups?.includes(s.group) &&
        rule.apiVersions?.includes(s.version) &&
        rule.resources?.includes(s.plural);
      const type = named ? s.type() : undefined;
      if (type && found.size < MAX_TYPES) found.set(nameOf(s), { name: nameOf(s), type });
    }
  }
  return [...found.values()];
}

function paramType(
  { spec }: ValidatingAdmissionPolicy,
  definitions: readonly CustomResourceDefinition[],
): Type | undefined {
  const { apiVersion, kind } = spec?.paramKind ?? {};
  return served(definitions)
    .find((s) => s.kind === kind && apiVersionOf(s) === apiVersion)
    ?.type();
}

/** What type checking finds: for each expression, what is wrong with it for which type. Pure. */
export function expressionWarnings(
  policy: ValidatingAdmissionPolicy,
  definitions: readonly CustomResourceDefinition[],
): { fieldRef: string; warning: string }[] {
  const params = paramType(policy, definitions);
  const warnings = new Map<string, string[]>();
  for (const { name, type } of checkedTypes(policy, definitions)) {
    const { problems } = compilePolicy(policy.spec ?? {}, { object: type, ...(params ? { params } : {}) });
    for (const { field, why } of problems) {
      const text = `${name}: ${why.replace(/^compilation failed: /, '')}`;
      warnings.set(field, [...(warnings.get(field) ?? []), text]);
    }
  }
  return [...warnings].map(([fieldRef, texts]) => ({ fieldRef, warning: texts.join('\n') }));
}
