import type { Schedule } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A schedule such as "February 30" is given up after this time. */
const HORIZON_MS = 5 * 366 * 24 * HOUR;

interface Wall {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock on the wall shows in a time zone. @throws RangeError if there is no such zone */
function wallAt(ms: number, zone: string): Wall {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      minute: 'numeric',
      hour: 'numeric',
      day: 'numeric',
      month: 'numeric',
      weekday: 'short',
    });
    formats.set(zone, format);
  }
  const parts: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(ms)) parts[type] = value;
  return {
    minute: Number(parts.minute),
    hour: Number(parts.hour),
    day: Number(parts.day),
    month: Number(parts.month),
    weekday: WEEKDAYS.indexOf(parts.weekday ?? ''),
  };
}

/**
 * RFC 3339, as a clock in the zone shows it: "2026-01-01T05:30:00+05:30"; "Z" where it is that of UTC.
 * @throws RangeError if there is no such zone
 */
export function zonedTime(ms: number, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(ms);
  const [, sign = '+', hours = '00', minutes = '00'] =
    /^GMT(?:([+-])(\d\d):(\d\d))?/.exec(parts.find((p) => p.type === 'timeZoneName')?.value ?? '') ?? [];
  const offset = (Number(hours) * HOUR + Number(minutes) * MINUTE) * (sign === '-' ? -1 : 1);
  return offset === 0 ? apiTime(ms) : apiTime(ms + offset).replace('Z', `${sign}${hours}:${minutes}`);
}

type TimeTable = Exclude<Schedule, { readonly everyMs: number }>;

/** With both day fields given one suffices, as in every cron. */
function dayFits(s: TimeTable, w: Wall): boolean {
  if (!s.months.values.has(w.month)) return false;
  const day = s.days.values.has(w.day);
  const weekday = s.weekdays.values.has(w.weekday);
  return s.days.any || s.weekdays.any ? day && weekday : day || weekday;
}

/**
 * Pure: the first time after `ms` at which the schedule is due, epoch milliseconds; undefined if there is none within
 * years. Hours that a change of the clocks leaves out are left out, those that it repeats are repeated.
 */
export function nextAfter(s: Schedule, zone: string, ms: number): number | undefined {
  if ('everyMs' in s) return Math.floor(ms / 1000) * 1000 + s.everyMs;
  let t = Math.floor(ms / MINUTE) * MINUTE + MINUTE;
  const end = t + HORIZON_MS;
  while (t < end) {
    const w = wallAt(t, zone);
    if (!dayFits(s, w)) {
      // Up to two hours before midnight at a stride: the clocks may be changed in the rest of the day.
      const toNextHour = HOUR - w.minute * MINUTE;
      t += Math.max(toNextHour, toNextHour + (21 - w.hour) * HOUR);
    } else if (!s.hours.values.has(w.hour)) t += HOUR - w.minute * MINUTE;
    else if (!s.minutes.values.has(w.minute)) t += MINUTE;
    else return t;
  }
  return undefined;
}

/** Starts missed beyond this number are worth a warning. */
const MANY = 100;

export interface Due {
  /** The latest start that is due, epoch milliseconds; undefined: none is. */
  readonly at?: number;
  /** When the next one is, epoch milliseconds. */
  readonly next: number | undefined;
  readonly tooManyMissed: boolean;
}

/** Pure: what is due at `now`, if nothing has been started since `earliest`. Of several missed starts only the latest is. */
export function dueAt(s: Schedule, zone: string, { earliest, now }: { earliest: number; now: number }): Due {
  const first = nextAfter(s, zone, earliest);
  if (first === undefined) return { next: nextAfter(s, zone, now), tooManyMissed: false };
  if (first > now) return { next: first, tooManyMissed: false };
  const second = nextAfter(s, zone, first) ?? Number.POSITIVE_INFINITY;
  const between = second - first;
  const at = second > now ? first : latest(s, zone, { first, between, now });
  // An interval counts from the start before, whenever it is asked for: a look must not put the next one off.
  const next = nextAfter(s, zone, 'everyMs' in s ? at : now);
  return { at, next, tooManyMissed: Math.floor((now - first) / between) + 1 > MANY };
}

/** The last start that is not after `now`, given the first one. */
function latest(
  s: Schedule,
  zone: string,
  { first, between, now }: { first: number; between: number; now: number },
): number {
  if ('everyMs' in s) return now - ((now - first) % s.everyMs);
  let at = first;
  // Look back further and further: most schedules are regular, and then the first look finds it.
  for (let back = between; ; back *= 2) {
    const from = Math.max(first - 1, now - back);
    const found = nextAfter(s, zone, from);
    if (found !== undefined && found <= now) {
      for (let t: number | undefined = found; t !== undefined && t <= now; t = nextAfter(s, zone, t)) at = t;
      break;
    }
    if (from < first) break;
  }
  return at;
}
