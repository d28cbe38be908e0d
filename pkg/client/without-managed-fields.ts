const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** How many objects and arrays are open around an object's members: in a watch event, and in a list. */
export const IN_EVENT = 2;
export const IN_LIST = 3;

/** Position after the string that begins at `at`. */
function afterString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    i = text.indexOf('"', i);
    if (i < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(i - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return i + 1;
  }
}

/** Position after the object or array that begins at `at`. */
function afterValue(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = afterString(text, i);
      continue;
    }
    i++;
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) depth++;
    else if ((c === CLOSE_OBJECT || c === CLOSE_ARRAY) && --depth === 0) return i;
  }
  return text.length;
}

const KEY = '"managedFields":[';

/**
 * Cuts `metadata.managedFields` out of the JSON text of objects, as the server writes it (without spaces), before it is
 * parsed: it is half of most objects, its keys are like no others, and of those who keep objects nobody reads it. Fields
 * of the same name elsewhere stay.
 * @param members how many brackets are open around the members of each object
 */
export function withoutManagedFields(text: string, members: number): string {
  // Where it is not at all, nothing is looked through.
  if (!text.includes(KEY)) return text;
  const parts: string[] = [];
  let from = 0;
  let depth = 0;
  /** Where the last string among the members of an object began: its key, once a bracket opens. */
  let member = 0;
  let inMetadata = false;
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      if (depth === members) member = i;
      else if (inMetadata && depth === members + 1 && text.startsWith(KEY, i)) {
        const end = afterValue(text, i + KEY.length - 1);
        // One of the commas around it goes along.
        const hasNext = text.charCodeAt(end) === COMMA;
        parts.push(text.slice(from, !hasNext && text.charCodeAt(i - 1) === COMMA ? i - 1 : i));
        from = hasNext ? end + 1 : end;
        i = from;
        continue;
      }
      i = afterString(text, i);
      continue;
    }
    i++;
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      if (depth === members) inMetadata = text.startsWith('"metadata"', member);
      depth++;
    } else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      depth--;
      if (depth === members && inMetadata) {
        inMetadata = false;
        // An event holds one object: what follows need not be looked at.
        if (members === IN_EVENT) break;
      }
    }
  }
  if (from === 0) return text;
  parts.push(text.slice(from));
  return parts.join('');
}
