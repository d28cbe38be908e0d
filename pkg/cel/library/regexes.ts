import { EvaluationError } from '../errors.ts';
import { type Cost, fn, type Library } from '../functions.ts';
import { type Regex, regexOf } from '../regex/regex.ts';
import { ArrayList, type CelList, type Int } from '../values.ts';

function compiled(pattern: string): Regex {
  try {
    return regexOf(pattern);
  } catch (e) {
    throw new EvaluationError(`Illegal regex: ${(e as Error).message}`);
  }
}

function find(text: string, pattern: string): string {
  const found = compiled(pattern).find(text);
  return found ? text.slice(...found) : '';
}

function findAll(text: string, pattern: string, limit: Int = -1): CelList {
  const regex = compiled(pattern);
  const found: string[] = [];
  for (let at = 0, last = -1; at <= text.length && (limit < 0 || found.length < limit); ) {
    const match = regex.find(text, at);
    if (!match) break;
    const [start, end] = match;
    // An empty match right behind another one is none.
    if (end > start || start !== last) found.push(text.slice(start, end));
    last = end;
    at = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  return new ArrayList(found);
}

const cost: Cost = (text = 0, pattern = 0) => Math.ceil((text + 1) * 0.1) * Math.ceil(pattern * 0.25);
const whole: Cost = (n = 0) => n;

/** Kubernetes' regex library. */
export const regexes: Library = {
  functions: [
    fn('string::find(string) string', find, { cost, size: whole }),
    fn('string::findAll(string) list<string>', findAll, { cost, size: whole }),
    fn('string::findAll(string, int) list<string>', findAll, { cost, size: whole }),
  ],
};
