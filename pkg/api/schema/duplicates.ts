/** Above this many keys a set is faster than looking through the list. */
const LINEAR_LIMIT = 12;

/** An object or list the scan is inside of. */
interface Level {
  /** Keys seen so far; undefined in a list. */
  readonly keys: string[] | undefined;
  seen: Set<string> | undefined;
  index: number;
}

function isRepeated(level: Level & { keys: string[] }, key: string): boolean {
  const { keys } = level;
  if (keys.length <= LINEAR_LIMIT) return keys.includes(key);
  level.seen ??= new Set(keys);
  const repeated = level.seen.has(key);
  level.seen.add(key);
  return repeated;
}

function pathOf(stack: readonly Level[]): string {
  let path = '';
  for (const level of stack) {
    if (!level.keys) path += `[${level.index}]`;
    else path += path ? `.${level.keys.at(-1)}` : level.keys.at(-1);
  }
  return path;
}

/** Position of the quote that ends the string starting at `from`. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

function addKey(stack: readonly Level[], level: Level & { keys: string[] }, raw: string, found: string[]): void {
  const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
  const repeated = isRepeated(level, key);
  level.keys.push(key);
  if (repeated) found.push(`duplicate field "${pathOf(stack)}"`);
}

/** Keys that valid JSON text gives, repeated ones as often as they are there. */
function keysGiven(text: string): number {
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) i = endOfString(text, i);
    else if (c === COLON) keys++;
  }
  return keys;
}

/** Levels that are looked through by recursion: nobody nests deeper, except to break something. */
const MAX_DEPTH = 64;

/** Keys in a parsed value; NaN when it is too deep to tell. */
function keysKept(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH) return Number.NaN;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) keys += keysKept(item, depth + 1);
    return keys;
  }
  for (const k in value) keys += 1 + keysKept((value as Record<string, unknown>)[k], depth + 1);
  return keys;
}

/**
 * `duplicate field "spec.replicas"` for every key a JSON document gives twice, which JSON.parse does not tell. To count the keys
 * costs a fraction of looking at each of them, so that is done first.
 * @param text valid JSON @param parsed what JSON.parse makes of it
 */
export const findDuplicateKeys = (text: string, parsed: unknown): string[] =>
  keysGiven(text) === keysKept(parsed) ? [] : duplicatesIn(text);

function duplicatesIn(text: string): string[] {
  const found: string[] = [];
  const stack: Level[] = [];
  let level: Level | undefined;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i);
        if (expectKey && level?.keys) addKey(stack, level as Level & { keys: string[] }, text.slice(i + 1, end), found);
        expectKey = false;
        i = end;
        break;
      }
      case COMMA:
        if (level?.keys) expectKey = true;
        else if (level) level.index++;
        break;
      case OPEN_OBJECT:
      case OPEN_LIST:
        expectKey = text.charCodeAt(i) === OPEN_OBJECT;
        level = { keys: expectKey ? [] : undefined, seen: undefined, index: 0 };
        stack.push(level);
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        stack.pop();
        level = stack.at(-1);
        expectKey = false;
        break;
    }
  }
  return found;
}
