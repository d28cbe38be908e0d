import { parseDuration } from '../../meta/duration.ts';

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
const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const EVERY = /^@every ((\d+(\.\d+)?(ns|us|ms|s|m|h))+)$/;

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

/** What is wrong with a schedule, if anything. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (MACROS[schedule] || EVERY.test(schedule)) return undefined;
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

/** The values one field of a schedule allows. `any`: it was a plain "*", which leaves the day to the other day field. */
export interface ScheduleField {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

/** A time table, in wall clock time, or an interval in milliseconds. */
export type Schedule =
  | { readonly everyMs: number }
  | Readonly<Record<'minutes' | 'hours' | 'days' | 'months' | 'weekdays', ScheduleField>>;

function fieldOf(text: string, part: Part): ScheduleField {
  const values = new Set<number>();
  let any = false;
  for (const item of text.split(',')) {
    const [range = '', step] = item.split('/');
    const every = step === undefined ? 1 : Number(step);
    const star = range === '*' || range === '?';
    any ||= star && every === 1;
    const [from = '', to] = range.split('-');
    const start = star ? part.min : numberOf(from, part);
    const lone = to === undefined && step === undefined;
    const end = star || (to === undefined && !lone) ? part.max : lone ? start : numberOf(to ?? '', part);
    for (let n = start; n <= end; n += every) values.add(n);
  }
  return { values, any };
}

/** Reads a valid schedule. @throws RangeError telling what is wrong with another */
export function parseSchedule(text: string): Schedule {
  const problem = scheduleProblem(text);
  if (problem) throw new RangeError(problem);
  const every = EVERY.exec(text)?.[1];
  if (every) return { everyMs: Math.max(1000, Math.floor((parseDuration(every) ?? 0) / 1e9) * 1000) };
  const fields = (MACROS[text] ?? text).trim().split(/\s+/);
  const [minutes, hours, days, months, weekdays] = fields.map((f, i) => fieldOf(f, PARTS[i] as Part)) as [
    ScheduleField,
    ScheduleField,
    ScheduleField,
    ScheduleField,
    ScheduleField,
  ];
  return { minutes, hours, days, months, weekdays };
}
