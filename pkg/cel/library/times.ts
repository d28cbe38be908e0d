import { EvaluationError } from '../errors.ts';
import { fn, type Library, type Overload } from '../functions.ts';
import { doubleText, duration, timestamp } from '../numbers.ts';
import { Duration, type Timestamp } from '../values.ts';

/** Timestamps and durations ("List of Standard Definitions", Date and time). */
/** Longest text of a duration. */
const MAX_TEXT = 200;
const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const MILLI = 1_000_000n;

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** @throws EvaluationError when the text is no RFC 3339 time */
export function parseTimestamp(text: string): Timestamp {
  const m = RFC3339.exec(text);
  const [, date = '', clock = '', fraction = '', offset = 'Z'] = m ?? [];
  const ms = m ? Date.parse(`${date}T${clock}${offset.toUpperCase()}`) : Number.NaN;
  // Date.parse takes 30 February for a day in March.
  const day = m ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms) || Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) {
    throw new EvaluationError(`type conversion error from 'string' to 'google.protobuf.Timestamp'`);
  }
  return timestamp(BigInt(ms) * MILLI + BigInt(fraction.padEnd(9, '0')));
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: MILLI,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
};

/** @throws EvaluationError when the text is no duration of Go's */
export function parseDuration(text: string): Duration {
  const bad = (): never => {
    throw new EvaluationError(`type conversion error from 'string' to 'google.protobuf.Duration'`);
  };
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return new Duration(0n);
  if (body.length > MAX_TEXT || !/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) bad();
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of body.matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = UNITS[unit] ?? 0n;
    total += BigInt(whole || '0') * size + (fraction ? (BigInt(fraction) * size) / 10n ** BigInt(fraction.length) : 0n);
  }
  return duration(text.startsWith('-') ? -total : total);
}

/** RFC 3339, with as many digits as it takes. */
export function timestampText({ nanos }: Timestamp): string {
  const fraction = ((nanos % SECOND) + SECOND) % SECOND;
  const date = new Date(Number((nanos - fraction) / MILLI)).toISOString().slice(0, 19);
  const digits = fraction === 0n ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
  return `${date}${digits}Z`;
}

/** Seconds: "90s". */
export const durationText = ({ nanos }: Duration): string => `${doubleText(Number(nanos) / 1e9)}s`;

/** Milliseconds by which a zone is ahead of UTC at a time. @throws EvaluationError for no zone */
function offsetOf(zone: string, ms: number): number {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000;
  if (zone === '' || zone === 'UTC') return 0;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const part = Object.fromEntries(format.formatToParts(ms).map((p) => [p.type, Number(p.value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  } catch {
    throw new EvaluationError(`unknown time zone ${zone}`);
  }
}

function local(t: Timestamp, zone = ''): Date {
  const ms = Number((t.nanos - (((t.nanos % MILLI) + MILLI) % MILLI)) / MILLI);
  return new Date(ms + offsetOf(zone, ms));
}

const dayOfYear = (d: Date): number => Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000);

const FIELDS: Readonly<Record<string, (d: Date) => number>> = {
  getFullYear: (d) => d.getUTCFullYear(),
  getMonth: (d) => d.getUTCMonth(),
  getDate: (d) => d.getUTCDate(),
  getDayOfMonth: (d) => d.getUTCDate() - 1,
  getDayOfWeek: (d) => d.getUTCDay(),
  getDayOfYear: dayOfYear,
  getHours: (d) => d.getUTCHours(),
  getMinutes: (d) => d.getUTCMinutes(),
  getSeconds: (d) => d.getUTCSeconds(),
  getMilliseconds: (d) => d.getUTCMilliseconds(),
};
const fields: Overload[] = Object.entries(FIELDS).flatMap(([name, read]) => [
  fn(`timestamp::${name}() int`, (t: Timestamp) => read(local(t))),
  fn(`timestamp::${name}(string) int`, (t: Timestamp, zone: string) => read(local(t, zone))),
]);

const PARTS: Readonly<Record<string, (nanos: bigint) => bigint>> = {
  getHours: (n) => n / HOUR,
  getMinutes: (n) => n / MINUTE,
  getSeconds: (n) => n / SECOND,
  getMilliseconds: (n) => (n / MILLI) % 1000n,
};

export const times: Library = {
  functions: [
    ...fields,
    ...Object.entries(PARTS).map(([name, read]) =>
      fn(`duration::${name}() int`, (d: Duration) => Number(read(d.nanos))),
    ),
    fn('timestamp(string) timestamp', parseTimestamp),
    fn('timestamp(int) timestamp', (s: number | bigint) => timestamp(BigInt(s) * SECOND)),
    fn('duration(string) duration', parseDuration),
    fn('duration(int) duration', (n: number | bigint) => duration(BigInt(n))),
    fn('string(timestamp) string', timestampText, { size: () => 30 }),
    fn('string(duration) string', durationText, { size: () => 30 }),
    fn('_+_(timestamp, duration) timestamp', (t: Timestamp, d: Duration) => timestamp(t.nanos + d.nanos)),
    fn('_+_(duration, timestamp) timestamp', (d: Duration, t: Timestamp) => timestamp(t.nanos + d.nanos)),
    fn('_+_(duration, duration) duration', (a: Duration, b: Duration) => duration(a.nanos + b.nanos)),
    fn('_-_(timestamp, timestamp) duration', (a: Timestamp, b: Timestamp) => duration(a.nanos - b.nanos)),
    fn('_-_(timestamp, duration) timestamp', (t: Timestamp, d: Duration) => timestamp(t.nanos - d.nanos)),
    fn('_-_(duration, duration) duration', (a: Duration, b: Duration) => duration(a.nanos - b.nanos)),
  ],
};
