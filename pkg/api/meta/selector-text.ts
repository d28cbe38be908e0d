import { labelValue, qualifiedName } from './names.ts';
import { type Requirement, type Selector, selectorOf } from './selector.ts';

/** Words, and the characters and pairs that mean something. */
const TOKEN = /[^\s,()=!<>]+|==|!=|[,()=!<>]/g;
const SPECIAL = /^[,()=!<>]/;

const isWord = (t: string | undefined): t is string => t !== undefined && !SPECIAL.test(t);

/** A reader of tokens; the end of the text reads as an empty one. */
class Tokens {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(TOKEN) ?? [];
  }
  get done(): boolean {
    return this.#at >= this.#tokens.length;
  }
  get next(): string | undefined {
    return this.#tokens[this.#at];
  }
  take(): string {
    return this.#tokens[this.#at++] ?? '';
  }
  /** Takes a word, or nothing: values may be empty. */
  value(): string {
    return isWord(this.next) ? this.take() : '';
  }
}

function parseKey(t: Tokens, after: string): string {
  const found = t.take();
  if (!isWord(found) || found === '') throw new Error(`found '${found}', expected: ${after}`);
  return found;
}

/** `(a,b,)`: an empty element is the empty value; `()` alone is an empty list. */
function parseList(t: Tokens): string[] {
  const open = t.take();
  if (open !== '(') throw new Error(`found '${open}', expected: '('`);
  if (t.next === ')') {
    t.take();
    return [];
  }
  const values: string[] = [];
  for (;;) {
    values.push(t.value());
    const end = t.take();
    if (end === ')') return values;
    if (end !== ',') throw new Error(`found '${end}', expected: ',' or ')'`);
  }
}

function parseRequirement(t: Tokens, expected: string): Requirement {
  if (t.next === '!') {
    t.take();
    return { key: parseKey(t, 'identifier'), operator: 'DoesNotExist', values: [] };
  }
  const key = parseKey(t, expected);
  if (t.done || t.next === ',') return { key, operator: 'Exists', values: [] };
  const op = t.take();
  switch (op) {
    case '=':
    case '==':
      return { key, operator: 'Equals', values: [t.value()] };
    case '!=':
      return { key, operator: 'NotEquals', values: [t.value()] };
    case '>':
    case '<':
      return { key, operator: op === '>' ? 'Gt' : 'Lt', values: [t.value()] };
    case 'in':
    case 'notin':
      return { key, operator: op === 'in' ? 'In' : 'NotIn', values: parseList(t) };
    default:
      throw new Error(`found '${op}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

function check(r: Requirement): void {
  const problem = qualifiedName(r.key)[0];
  if (problem) throw new Error(`key: Invalid value: "${r.key}": ${problem}`);
  if ((r.operator === 'In' || r.operator === 'NotIn') && r.values.length === 0) {
    throw new Error("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
  }
  for (const [i, v] of r.values.entries()) {
    if ((r.operator === 'Gt' || r.operator === 'Lt') && !/^[+-]?\d+$/.test(v)) {
      throw new Error(`values[${i}]: Invalid value: "${v}": for 'Gt', 'Lt' operators, the value must be an integer`);
    }
    const bad = labelValue(v)[0];
    if (bad) throw new Error(`values[${i}][${r.key}]: Invalid value: "${v}": ${bad}`);
  }
}

/**
 * Parses `a=b,c!=d,e in (x,y),!f,g,h>5` ("Labels and Selectors", API).
 * @throws Error saying where it went wrong, in the words of Kubernetes
 */
export function parseLabelSelector(text: string): Selector {
  const t = new Tokens(text);
  const requirements: Requirement[] = [];
  let expected = "!, identifier, or 'end of string'";
  while (!t.done) {
    const r = parseRequirement(t, expected);
    check(r);
    requirements.push(r);
    if (t.done) break;
    const comma = t.take();
    if (comma !== ',') throw new Error(`found '${comma}', expected: ',' or 'end of string'`);
    expected = "identifier after ','";
    if (t.done) throw new Error(`found '', expected: ${expected}`);
  }
  return selectorOf(requirements);
}
