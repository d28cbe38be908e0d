import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { scheduleProblem } from './schedule.ts';

/** The schedule of a cron job. */
export function validateSchedule(path: string, schedule: string | undefined): FieldError[] {
  if (!schedule) return [required(path)];
  if (schedule.includes('TZ')) {
    return [invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  }
  const problem = scheduleProblem(schedule);
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
