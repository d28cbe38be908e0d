import { type FieldError, invalid, required } from './fielderrors.ts';
import { labelValue, qualifiedName } from './names.ts';

export type Labels = Readonly<Record<string, string>>;
export type SelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** A compiled label selector. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  matches(labels: Labels): boolean;
}

/** metav1.LabelSelector. */
export interface LabelSelectorLike {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

function holds(r: Requirement, labels: Labels): boolean {
  const value = labels[r.key];
  switch (r.operator) {
    case 'In':
      return value !== undefined && r.values.includes(value);
    case 'NotIn':
      return value === undefined || !r.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(r.values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(r.values[0]);
  }
}

const selectorOf = (requirements: readonly Requirement[]): Selector => ({
  requirements,
  matches: (labels) => requirements.every((r) => holds(r, labels)),
});

/** Matches nothing: what an absent selector means. */
export const NOTHING: Selector = { requirements: [], matches: () => false };

/** Compiles `matchLabels` and `matchExpressions`; an empty selector matches everything, an absent one nothing. */
export function compileLabelSelector(s: LabelSelectorLike | undefined): Selector {
  if (!s) return NOTHING;
  const requirements: Requirement[] = Object.entries(s.matchLabels ?? {}).map(([key, v]) => ({
    key,
    operator: 'In',
    values: [v],
  }));
  for (const e of s.matchExpressions ?? []) {
    requirements.push({ key: e.key, operator: e.operator as SelectorOperator, values: e.values ?? [] });
  }
  return selectorOf(requirements);
}

/** Text of a LabelSelector as `kubectl -l` takes it. */
export function formatLabelSelector(s: LabelSelectorLike): string {
  return compileLabelSelector(s).requirements.map(formatRequirement).sort().join(',');
}

function formatRequirement(r: Requirement): string {
  const list = [...r.values].sort().join(',');
  switch (r.operator) {
    case 'In':
      return r.values.length === 1 ? `${r.key}=${list}` : `${r.key} in (${list})`;
    case 'NotIn':
      return `${r.key} notin (${list})`;
    case 'Exists':
      return r.key;
    case 'DoesNotExist':
      return `!${r.key}`;
    case 'Gt':
      return `${r.key}>${list}`;
    case 'Lt':
      return `${r.key}<${list}`;
  }
}

/** Text → tokens: words and the characters that mean something. */
function tokenize(text: string): string[] {
  const tokens = text.match(/[^\s,()=!<>]+|==|!=|[,()=!<>]/g) ?? [];
  if (tokens.join('').length !== text.replace(/\s+/g, '').length) throw new Error(`unexpected character in "${text}"`);
  return tokens;
}

/** Parses `a=b,c!=d,e in (x,y),!f,g` ("Labels and Selectors", API). @throws Error saying where it went wrong */
export function parseLabelSelector(text: string): Selector {
  const tokens = tokenize(text);
  const requirements: Requirement[] = [];
  let i = 0;
  const next = (): string => tokens[i++] ?? '';
  const isWord = (t: string | undefined): t is string => t !== undefined && !/^[,()=!<>]|^==|^!=/.test(t);
  const word = (what: string): string => {
    const t = next();
    if (!isWord(t)) throw new Error(`found '${t}', expected: ${what}`);
    return t;
  };
  const value = (): string => (isWord(tokens[i]) ? next() : '');
  const list = (): string[] => {
    if (next() !== '(') throw new Error(`found '${tokens[i - 1] ?? ''}' expected: '('`);
    const values: string[] = [];
    while (i < tokens.length && tokens[i] !== ')') {
      values.push(value());
      if (tokens[i] === ',') {
        i++;
        if (tokens[i] === ')') values.push('');
      }
    }
    if (next() !== ')') throw new Error(`found '', expected: ',' or ')'`);
    return values;
  };
  const requirement = (): Requirement => {
    if (tokens[i] === '!') {
      i++;
      return { key: word('identifier'), operator: 'DoesNotExist', values: [] };
    }
    const key = word('identifier');
    const op = tokens[i];
    if (op === undefined || op === ',') return { key, operator: 'Exists', values: [] };
    i++;
    if (op === '=' || op === '==') return { key, operator: 'In', values: [value()] };
    if (op === '!=') return { key, operator: 'NotIn', values: [value()] };
    if (op === '>' || op === '<') return { key, operator: op === '>' ? 'Gt' : 'Lt', values: [word('value')] };
    if (op === 'in' || op === 'notin') return { key, operator: op === 'in' ? 'In' : 'NotIn', values: list() };
    throw new Error(`found '${op}', expected: in, notin, =, ==, !=, gt, lt`);
  };
  while (i < tokens.length) {
    const r = requirement();
    checkRequirement(r);
    requirements.push(r);
    if (i < tokens.length && next() !== ',')
      throw new Error(`found '${tokens[i - 1]}', expected: ',' or 'end of string'`);
  }
  return selectorOf(requirements);
}

function checkRequirement(r: Requirement): void {
  const problem = qualifiedName(r.key)[0];
  if (problem) throw new Error(`key: Invalid value: "${r.key}": ${problem}`);
  for (const v of r.values) {
    const bad = labelValue(v)[0];
    if (bad) throw new Error(`values[0][${r.key}]: Invalid value: "${v}": ${bad}`);
  }
}

/** Problems of a labels map at `field`. */
export function validateLabels(labels: Labels | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([k, v]) => [
    ...qualifiedName(k).map((m) => invalid(field, k, m)),
    ...labelValue(v).map((m) => invalid(field, v, m)),
  ]);
}

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** Problems of a LabelSelector at `field`. */
export function validateLabelSelector(s: LabelSelectorLike | undefined, field: string): FieldError[] {
  const found = validateLabels(s?.matchLabels, `${field}.matchLabels`);
  for (const [i, e] of (s?.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${i}]`;
    const count = (e.values ?? []).length;
    if (!OPERATORS.includes(e.operator))
      found.push(invalid(`${at}.operator`, e.operator, 'not a valid selector operator'));
    else if (e.operator.endsWith('In') && count === 0) {
      found.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (!e.operator.endsWith('In') && count > 0) {
      found.push({
        type: 'FieldValueForbidden',
        field: `${at}.values`,
        message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      });
    }
    found.push(...qualifiedName(e.key).map((m) => invalid(`${at}.key`, e.key, m)));
  }
  return found;
}
