/**
 * Times as the API writes them. metav1.Time has whole seconds and metav1.MicroTime six digits, both in UTC; other
 * offsets and precisions are accepted and rewritten, as Go does when it decodes and encodes again.
 */
const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/;
const CANONICAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const CANONICAL_MICRO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** A point in time. */
export interface Instant {
  /** Unix time; negative before 1970. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

/** Date.parse rolls 30 February over to March; the date read back tells. */
const isDay = (date: string): boolean =>
  date.slice(8) <= '28' || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) === date;

/** @returns undefined when the text is no RFC 3339 time. */
export function parseTime(text: string): Instant | undefined {
  const m = RFC3339.exec(text);
  if (!m) return undefined;
  const [, date, clock, fraction = '', offset = 'Z'] = m;
  const ms = Date.parse(`${date}T${clock}${offset.toUpperCase()}`);
  if (Number.isNaN(ms) || !isDay(date ?? '')) return undefined;
  return { seconds: ms / 1000, nanos: Number(fraction.slice(0, 9).padEnd(9, '0')) };
}

/** "2006-01-02T15:04:05Z", or with six digits when `micro`. */
export function formatTime(t: Instant, micro = false): string {
  const text = new Date(t.seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${text}.${String(Math.floor(t.nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

/** The time that was found canonical last: most objects have the same one several times. */
let found = { text: '', micro: false };

/** The canonical text of a time, or undefined when it is none. */
export function canonicalTime(text: string, micro = false): string | undefined {
  if (text === found.text && micro === found.micro) return text;
  const t = parseTime(text);
  if (!t) return undefined;
  if (!(micro ? CANONICAL_MICRO : CANONICAL).test(text)) return formatTime(t, micro);
  found = { text, micro };
  return text;
}

/** The second that was written last: a write needs it several times. */
let written = { second: Number.NaN, text: '' };

/** Epoch milliseconds as the API writes metav1.Time. */
export function apiTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== written.second) written = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` };
  return written.text;
}

/** Epoch milliseconds as the API writes metav1.MicroTime. */
export const apiMicroTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;
