/** A name of a header, or a method (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a header may say, as latin1: no line break, no other control character (RFC 9110, 5.5). */
export const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** A length that is a safe integer. */
export const DIGITS = /^\d{1,15}$/;

/** Without spaces and tabs around it: others, such as the one of 0xa0, belong to a value. */
export function trimmed(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
