import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';

interface Part {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const PARTS: readonly Part[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];
const MACROS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

function numberOf(text: string, part: Part): number {
  const named = part.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + part.min;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** What is wrong with one item such as "1-5/2", if anything. */
function problemOf(item: string, part: Part): string | undefined {
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0) return `too many slashes: ${item}`;
  if (step !== undefined && !(Number(step) > 0)) return `step of range should be a positive number: ${item}`;
  if (range === '*' || range === '?') return undefined;
  const [from = '', to, ...rest] = range.split('-');
  if (rest.length > 0) return `too many hyphens: ${item}`;
  const start = numberOf(from, part);
  const end = to === undefined ? start : numberOf(to, part);
  for (const [text, n] of [
    [from, start],
    [to ?? from, end],
  ] as const) {
    if (Number.isNaN(n)) return `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
  }
  if (start < part.min) return `beginning of range (${start}) below minimum (${part.min}): ${item}`;
  if (end > part.max) return `end of range (${end}) above maximum (${part.max}): ${item}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${item}`;
  return undefined;
}

function problemOfSchedule(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (MACROS.includes(schedule) || /^@every (\d+(\.\d+)?(ns|us|ms|s|m|h))+$/.test(schedule)) return undefined;
    return `unrecognized descriptor: ${schedule}`;
  }
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== PARTS.length) {
    return `expected exactly ${PARTS.length} fields, found ${fields.length}: [${fields.join(' ')}]`;
  }
  for (const [i, field] of fields.entries()) {
    for (const item of field.split(',')) {
      const problem = problemOf(item, PARTS[i] as Part);
      if (problem) return problem;
    }
  }
  return undefined;
}

/** The schedule of a cron job. */
export function validateSchedule(path: string, schedule: string | undefined): FieldError[] {
  if (!schedule) return [required(path)];
  if (schedule.includes('TZ')) {
    return [invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  }
  const problem = problemOfSchedule(schedule);
  return problem ? [invalid(path, schedule, problem)] : [];
}

/** An IANA time zone, such as "Europe/Berlin". */
export function validateTimeZone(path: string, zone: string | undefined): FieldError[] {
  if (zone === undefined) return [];
  if (zone === '') return [invalid(path, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ];
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return [];
  } catch {
    return [invalid(path, zone, `unknown time zone ${zone}`)];
  }
}
