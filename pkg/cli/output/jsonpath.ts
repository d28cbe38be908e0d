import { CliError } from '../errors.ts';
import { goJson } from './ordered.ts';

/** kubectl's JSONPath dialect: a template of text and {expressions}, with range/end ("JSONPath Support"). */

type Step =
  /** `path`: of a name in quotes, which may be a path, too. */
  | { readonly do: 'field'; readonly name: string; readonly path?: Step[] }
  | { readonly do: 'union'; readonly steps: Step[] }
  | { readonly do: 'all' }
  | { readonly do: 'deep' }
  | {
      readonly do: 'slice';
      readonly from?: number;
      readonly to?: number;
      readonly step: number;
      readonly single: boolean;
    }
  | { readonly do: 'filter'; readonly path: Step[]; readonly op?: string; readonly value?: unknown };

function parsePath(text: string): Step[] {
  const steps: Step[] = [];
  let rest = text.replace(/^[$@]/, '');
  while (rest) {
    if (rest.startsWith('..')) {
      steps.push({ do: 'deep' });
      rest = rest.slice(1);
      if (rest.startsWith('.[')) rest = rest.slice(1);
    } else if (rest.startsWith('[')) {
      const end = closing(rest);
      steps.push(parseBracket(rest.slice(1, end)));
      rest = rest.slice(end + 1);
    } else {
      const name = /^\.?((?:\\.|[^.[\]{}()'"\s\\])+)/.exec(rest);
      if (!name) {
        if (rest === '.') break;
        throw new CliError(`error parsing jsonpath ${text}: unexpected "${rest}"`);
      }
      const plain = (name[1] ?? '').replace(/\\(.)/g, '$1');
      steps.push(plain === '*' ? { do: 'all' } : { do: 'field', name: plain });
      rest = rest.slice(name[0].length);
    }
  }
  return steps;
}

function closing(text: string): number {
  let depth = 0;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (quote) {
      if (c === quote) quote = '';
    } else if (c === "'" || c === '"') quote = c;
    else if (c === '[') depth++;
    else if (c === ']' && --depth === 0) return i;
  }
  throw new CliError(`error parsing jsonpath: unterminated array in "${text}"`);
}

function parseBracket(inside: string): Step {
  const text = inside.trim();
  if (text === '*') return { do: 'all' };
  const several = itemsOf(text);
  if (several.length > 1 && !text.startsWith('?')) return { do: 'union', steps: several.map(parseBracket) };
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) {
    const name = quoted[2] ?? '';
    return /\w\.\w/.test(name) ? { do: 'field', name, path: parsePath(`.${name}`) } : { do: 'field', name };
  }
  const filter = /^\?\((.*)\)$/s.exec(text);
  if (filter) return parseFilter((filter[1] ?? '').trim());
  const slice = /^(-?\d*)(?::(-?\d*))?(?::(-?\d*))?$/.exec(text);
  if (!slice) throw new CliError(`error parsing jsonpath: "[${text}]" is not an index, a slice or a filter`);
  const number = (s: string | undefined): number | undefined => (s ? Number(s) : undefined);
  const from = number(slice[1]);
  const to = number(slice[2]);
  return {
    do: 'slice',
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    step: number(slice[3]) ?? 1,
    single: !text.includes(':'),
  };
}

/** What stands between commas, those in quotes apart. */
const itemsOf = (text: string): string[] => text.match(/(?:'[^']*'|"[^"]*"|[^,'"])+/g) ?? [];

function parseFilter(text: string): Step {
  const m = /^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$/s.exec(text);
  if (!m) return { do: 'filter', path: parsePath(text) };
  const raw = (m[3] ?? '').trim();
  const quoted = /^(['"])(.*)\1$/s.exec(raw);
  const value = quoted ? quoted[2] : raw === 'true' ? true : raw === 'false' ? false : Number(raw);
  return { do: 'filter', path: parsePath((m[1] ?? '').trim()), op: m[2] ?? '', value };
}

function compares(left: unknown, op: string, right: unknown): boolean {
  const a = typeof right === 'string' ? String(left) : (left as number);
  const b = right as typeof a;
  switch (op) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    default:
      return a >= b;
  }
}

const children = (v: unknown): unknown[] =>
  Array.isArray(v) ? v : typeof v === 'object' && v !== null ? Object.values(v) : [];

const descendants = (v: unknown): unknown[] => [v, ...children(v).flatMap(descendants)];

/** @param strict what is not there is an error */
function walk(values: unknown[], step: Step, strict = false): unknown[] {
  switch (step.do) {
    case 'field':
      return values.flatMap((v) => {
        const found = typeof v === 'object' && v !== null ? (v as Record<string, unknown>)[step.name] : undefined;
        if (found === undefined && step.path) return step.path.reduce((at, s) => walk(at, s, strict), [v] as unknown[]);
        if (found === undefined && strict) throw new CliError(`${step.name} is not found`);
        return found === undefined ? [] : [found];
      });
    case 'union':
      return step.steps.flatMap((s) => walk(values, s, strict));
    case 'all':
      return values.flatMap(children);
    case 'deep':
      return values.flatMap(descendants);
    case 'slice':
      return values.flatMap((v) => sliceOf(v, step));
    case 'filter':
      return values.flatMap(children).filter((v) => {
        const found = step.path.reduce((at, s) => walk(at, s), [v] as unknown[]);
        return step.op ? found.some((f) => compares(f, step.op ?? '', step.value)) : found.length > 0;
      });
  }
}

function sliceOf(v: unknown, step: Step & { do: 'slice' }): unknown[] {
  if (!Array.isArray(v)) return [];
  const at = (n: number): number => (n < 0 ? v.length + n : n);
  if (step.single) {
    const i = at(step.from ?? 0);
    if (i < 0 || i >= v.length)
      throw new CliError(`array index out of bounds: index ${step.from ?? 0}, length ${v.length}`);
    return [v[i]];
  }
  return v
    .slice(at(step.from ?? 0), step.to === undefined ? undefined : at(step.to))
    .filter((_, i) => i % step.step === 0);
}

/** A value as templates print it: objects and lists as JSON. */
export const valueText = (v: unknown): string => (typeof v === 'object' ? goJson(v) : String(v));

type Part = { readonly text: string } | { readonly expression: string };

function split(template: string): Part[] {
  const parts: Part[] = [];
  const pattern = /\{((?:"[^"]*"|'[^']*'|[^{}])*)\}/g;
  let last = 0;
  for (const m of template.matchAll(pattern)) {
    if (m.index > last) parts.push({ text: template.slice(last, m.index) });
    parts.push({ expression: (m[1] ?? '').trim() });
    last = m.index + m[0].length;
  }
  if (last < template.length) parts.push({ text: template.slice(last) });
  const open = parts.find((p) => 'text' in p && p.text.includes('{'));
  if (open && 'text' in open) {
    const what = open.text.includes('[') ? 'array' : 'action';
    throw new CliError(`error parsing jsonpath ${template}, ${what === 'array' ? 'unterminated' : 'unclosed'} ${what}`);
  }
  return parts;
}

const unquote = (s: string): string =>
  s.slice(1, -1).replace(/\\([nrt"'\\])/g, (_m, c: string) => ({ n: '\n', r: '\r', t: '\t' })[c] ?? c);

/** What a template is evaluated for. */
interface Scope {
  readonly root: unknown;
  readonly strict: boolean;
}

/** Evaluates parts from `i` until the matching {end}; returns the text and where it stopped. */
function evaluate(
  parts: readonly Part[],
  start: number,
  scope: Scope,
  current: unknown,
): { text: string; next: number } {
  let text = '';
  let i = start;
  for (; i < parts.length; i++) {
    const part = parts[i] as Part;
    if ('text' in part) {
      text += part.text;
      continue;
    }
    const e = part.expression;
    if (e === 'end') return { text, next: i };
    if (e.startsWith('range')) {
      const values = valuesOf(e.slice(5).trim(), scope, current);
      let next = skip(parts, i + 1);
      for (const v of values) ({ text: text, next } = append(text, evaluate(parts, i + 1, scope, v)));
      i = next;
    } else if (/^["']/.test(e)) text += unquote(e);
    else text += valuesOf(e, scope, current).map(valueText).join(' ');
  }
  return { text, next: i };
}

const append = (before: string, r: { text: string; next: number }): { text: string; next: number } => ({
  text: before + r.text,
  next: r.next,
});

function skip(parts: readonly Part[], from: number): number {
  let depth = 1;
  for (let i = from; i < parts.length; i++) {
    const p = parts[i] as Part;
    if (!('expression' in p)) continue;
    if (p.expression.startsWith('range')) depth++;
    else if (p.expression === 'end' && --depth === 0) return i;
  }
  throw new CliError('error parsing jsonpath: {range} without {end}');
}

const valuesOf = (expression: string, { root, strict }: Scope, current: unknown): unknown[] =>
  parsePath(expression).reduce(
    (at: unknown[], step) => walk(at, step, strict),
    [expression.startsWith('$') ? root : current],
  );

/** `x.y`, `.x.y`, `{x.y}` and `{.x.y}` all mean `.x.y`. @throws CliError for anything with text around */
export function relaxed(text: string): string {
  const m = /^(?:\{\.?([^{}]+)\}|\.?([^{}]+))$/.exec(text.trim());
  if (!m)
    throw new CliError(
      `unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'`,
    );
  const path = m[1] ?? m[2] ?? '';
  return path.startsWith('[') ? path : `.${path}`;
}

/** All values a path leads to; an index out of bounds leads nowhere. */
export function evaluateValues(expression: string, value: unknown): unknown[] {
  try {
    return valuesOf(expression, { root: value, strict: false }, value);
  } catch (e) {
    if (e instanceof CliError && e.message.startsWith('array index')) return [];
    throw e;
  }
}

/**
 * Text of a template such as `{.items[*].metadata.name}` or `{range .items[*]}…{end}` for a value. A path alone needs no braces.
 * @param strict fields that are not there are an error. @throws CliError
 */
export function evaluateJsonPath(template: string, value: unknown, strict = false): string {
  const wrapped = /^[.[]/.test(template) && !template.includes('{') ? `{${template}}` : template;
  const parts = split(wrapped);
  try {
    const { text, next } = evaluate(parts, 0, { root: value, strict }, value);
    if (next < parts.length) throw new CliError(`error parsing jsonpath ${template}: not in range, nothing to end`);
    return text;
  } catch (e) {
    if (!strict || !(e instanceof CliError)) throw e;
    throw new CliError(`error executing jsonpath "${template}": ${e.message}`);
  }
}
