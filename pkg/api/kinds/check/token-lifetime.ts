import { type FieldError, invalid } from '../../meta/fielderrors.ts';

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/** Problems of how long a service account's token is wanted for, in seconds; nothing wanted is none. */
export function validateTokenLifetime(path: string, seconds: number | undefined): FieldError[] {
  if (seconds === undefined) return [];
  if (seconds < MIN_SECONDS) return [invalid(path, seconds, 'may not specify a duration less than 10 minutes')];
  return seconds > MAX_SECONDS ? [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')] : [];
}
