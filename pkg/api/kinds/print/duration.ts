const SECOND = 1;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

interface Step {
  /** The step holds below this many seconds. */
  readonly below: number;
  readonly unit: number;
  readonly name: string;
  /** A second, smaller unit, left out when it is zero. */
  readonly rest?: { readonly unit: number; readonly name: string };
}

/** Two units while the first is small, one when it is large enough to be precise by itself. */
const STEPS: readonly Step[] = [
  { below: 2 * MINUTE, unit: SECOND, name: 's' },
  { below: 10 * MINUTE, unit: MINUTE, name: 'm', rest: { unit: SECOND, name: 's' } },
  { below: 3 * HOUR, unit: MINUTE, name: 'm' },
  { below: 8 * HOUR, unit: HOUR, name: 'h', rest: { unit: MINUTE, name: 'm' } },
  { below: 2 * DAY, unit: HOUR, name: 'h' },
  { below: 8 * DAY, unit: DAY, name: 'd', rest: { unit: HOUR, name: 'h' } },
  { below: 2 * YEAR, unit: DAY, name: 'd' },
  { below: 8 * YEAR, unit: YEAR, name: 'y', rest: { unit: DAY, name: 'd' } },
  { below: Number.POSITIVE_INFINITY, unit: YEAR, name: 'y' },
];

/** A duration the way `kubectl get` shows ages: "45s", "5m30s", "3h", "2d4h". */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  const step = STEPS.find((s) => seconds < s.below) as Step;
  const whole = `${Math.floor(seconds / step.unit)}${step.name}`;
  const left = step.rest ? Math.floor((seconds % step.unit) / step.rest.unit) : 0;
  return step.rest && left > 0 ? `${whole}${left}${step.rest.name}` : whole;
}

/** Age of an RFC 3339 time, "<unknown>" when there is none. `now` is epoch milliseconds. */
export const ageSince = (time: string | undefined, now: number): string =>
  time === undefined || time === '' ? '<unknown>' : humanDuration(now - Date.parse(time));
