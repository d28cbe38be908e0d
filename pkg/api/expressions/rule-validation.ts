import { itemsOf } from '../custom/structural.ts';
import type { JSONSchemaProps, ValidationRule } from '../kinds/apiextensions/jsonschema.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../meta/fielderrors.ts';
import { relativePath } from './enforce.ts';
import { compileProblem, compileRule, type Rule } from './rules.ts';
import { typed } from './schema-types.ts';

/** Estimated cost one rule, and all rules of a definition, may have: the figures of kube-apiserver. */
const RULE_LIMIT = 10_000_000;
const TOTAL_LIMIT = 100_000_000;
const MAX_MESSAGE = 2048;
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const MAX_BYTES = 3 << 20;

const quoted = (s: string | undefined): string => JSON.stringify(s ?? '');
const pointer = (type: string, value: unknown): string =>
  value === undefined ? `(${type})(nil)` : `(${type})(${String(value)})`;

/** A rule as Go prints it: what Kubernetes shows as the invalid value. */
const ruleText = (r: ValidationRule): string =>
  `apiextensions.ValidationRule{Rule:${quoted(r.rule)}, Message:${quoted(r.message)}, MessageExpression:${quoted(r.messageExpression)}, Reason:${pointer('*apiextensions.FieldValueErrorReason', r.reason)}, FieldPath:${quoted(r.fieldPath)}, OptionalOldSelf:${pointer('*bool', r.optionalOldSelf)}}`;
const invalidRule = (field: string, r: ValidationRule, why: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${ruleText(r)}: ${why}`,
});

function checkTexts(path: string, r: ValidationRule): FieldError[] {
  const found: FieldError[] = [];
  const { message, rule, reason, messageExpression } = r;
  if (message !== undefined && message !== '') {
    if (message.trim() === '')
      found.push(invalid(`${path}.message`, message, 'message must be non-empty if specified'));
    else if (message.includes('\n'))
      found.push(invalid(`${path}.message`, message, 'message must not contain line breaks'));
    else if (message.length > MAX_MESSAGE) {
      found.push(
        invalid(
          `${path}.message`,
          message.slice(0, 30),
          `message must have a maximum length of ${MAX_MESSAGE} characters`,
        ),
      );
    }
  } else if (rule.trim().includes('\n')) {
    found.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== undefined && messageExpression !== '' && messageExpression.trim() === '') {
    found.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  if (reason !== undefined && !REASONS.includes(reason)) found.push(notSupported(`${path}.reason`, reason, REASONS));
  return found;
}

/** The field a refusal names must be one that the schema has. */
function checkFieldPath(path: string, r: ValidationRule, s: JSONSchemaProps): FieldError[] {
  const { fieldPath } = r;
  if (fieldPath === undefined || fieldPath === '') return [];
  const at = `${path}.fieldPath`;
  if (!/^(?:\.[^.[\]\s]+|\['[^']+'\])+$/.test(fieldPath)) {
    return [invalid(at, fieldPath, `fieldPath must be a valid path: expected [ or . but got: ${fieldPath}`)];
  }
  let here: JSONSchemaProps | undefined = s;
  for (const name of relativePath(fieldPath)) {
    const others: JSONSchemaProps | undefined =
      typeof here?.additionalProperties === 'object' ? here.additionalProperties : undefined;
    here = here?.properties?.[name] ?? others;
    if (!here)
      return [invalid(at, fieldPath, `fieldPath must be a valid path: does not refer to a valid field: ${name}`)];
  }
  return [];
}

const factor = (cost: number, limit: number): string => {
  const times = cost / limit;
  return times > 100 ? 'more than 100x' : `${times.toFixed(1)}x`;
};

interface Place {
  /** How many values of the schema an object can have. */
  readonly count: number;
  /** The old value that belongs to a value can be told. */
  readonly correlatable: boolean;
}

class RuleChecks {
  readonly found: FieldError[] = [];
  total = 0;

  schema(path: string, s: JSONSchemaProps, place: Place, root = false): void {
    const rules = s['x-kubernetes-validations'] ?? [];
    const view = rules.length > 0 ? typed(s, root) : undefined;
    for (const [i, r] of rules.entries())
      this.#rule(`${path}.x-kubernetes-validations[${i}]`, r, s, { ...place, view });
    for (const [name, p] of Object.entries(s.properties ?? {})) this.schema(`${path}.properties[${name}]`, p, place);
    if (typeof s.additionalProperties === 'object') {
      const inner = { ...place, count: place.count * (s.maxProperties ?? sizeLimit(s.additionalProperties, 6)) };
      this.schema(`${path}.additionalProperties`, s.additionalProperties, inner);
    }
    const items = itemsOf(s);
    if (!items) return;
    const correlatable = place.correlatable && s['x-kubernetes-list-type'] === 'map';
    this.schema(`${path}.items`, items, { count: place.count * (s.maxItems ?? sizeLimit(items, 1)), correlatable });
  }

  #rule(path: string, r: ValidationRule, s: JSONSchemaProps, place: Place & { view: ReturnType<typeof typed> }): void {
    if (!r.rule?.trim()) {
      this.found.push(required(`${path}.rule`, 'rule is not specified'));
      return;
    }
    this.found.push(...checkTexts(path, r), ...checkFieldPath(path, r, s));
    if (!place.view) {
      this.found.push(invalidRule(`${path}.rule`, r, 'the schema tells nothing of the value: rules need a type'));
      return;
    }
    const rule = this.#compiled(path, r, place.view.type);
    if (!rule) return;
    if (rule.isTransition && !place.correlatable && !r.optionalOldSelf) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${path.replace(/\.x-kubernetes-validations\[\d+\]$/, '')}`;
      this.found.push(invalid(`${path}.rule`, r.rule, why));
    }
    if (r.optionalOldSelf !== undefined && !rule.isTransition) {
      this.found.push(
        invalid(`${path}.optionalOldSelf`, r.optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
      );
    }
    this.#weigh(path, rule, place.count);
  }

  /** Rule and message are compiled apart, so that an error is told at the right field. */
  #compiled(path: string, r: ValidationRule, type: Parameters<typeof compileRule>[1]): Rule | undefined {
    const { messageExpression, ...alone } = r;
    let rule: Rule | undefined;
    try {
      rule = compileRule(alone, type);
    } catch (e) {
      this.found.push(invalidRule(`${path}.rule`, r, compileProblem(e)));
      return undefined;
    }
    if (!messageExpression?.trim()) return rule;
    try {
      return compileRule(r, type);
    } catch (e) {
      this.found.push(invalidRule(`${path}.messageExpression`, r, `messageExpression ${compileProblem(e)}`));
      return rule;
    }
  }

  #weigh(path: string, { program, messageProgram }: Rule, count: number): void {
    const parts = [
      ['rule', program],
      ['messageExpression', messageProgram],
    ] as const;
    for (const [field, p] of parts) {
      if (!p) continue;
      const cost = p.estimate * count;
      this.total += cost;
      if (cost <= RULE_LIMIT) continue;
      const why = `estimated ${field} cost exceeds budget by factor of ${factor(cost, RULE_LIMIT)} (try simplifying the ${field}, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
      this.found.push(forbidden(`${path}.${field}`, why));
    }
  }
}

/** How many values of a schema a request can hold at most. */
const sizeLimit = (s: JSONSchemaProps, overhead: number): number =>
  Math.floor((MAX_BYTES - 2) / ((typed(s)?.least ?? 1) + overhead));

/** Checks the rules of a definition's schema: that they compile, fit their place and do not cost too much. */
export function validateRules(path: string, s: JSONSchemaProps): FieldError[] {
  const checks = new RuleChecks();
  checks.schema(path, s, { count: 1, correlatable: true }, true);
  if (checks.total > TOTAL_LIMIT) {
    const why = `x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor(checks.total, TOTAL_LIMIT)} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
    checks.found.push(forbidden(path, why));
  }
  return checks.found;
}
