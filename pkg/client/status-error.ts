import { type Status, StatusError } from '#api/meta/errors.ts';

/**
 * The error of a non-2xx answer.
 * @param retryAfter the Retry-After header in seconds; it goes to `details.retryAfterSeconds` if the body has none.
 */
export function statusErrorOf(code: number, text: string, retryAfter?: string): StatusError {
  const status = statusIn(text) ?? plainStatus(code, text);
  const seconds = status.details?.retryAfterSeconds ?? Number(retryAfter || Number.NaN);
  const details = Number.isFinite(seconds) ? { ...status.details, retryAfterSeconds: seconds } : status.details;
  return new StatusError({ ...status, code, ...(details ? { details } : {}) });
}

function statusIn(text: string): Status | undefined {
  try {
    const body = JSON.parse(text) as Status;
    return body?.kind === 'Status' ? body : undefined;
  } catch {
    // A balancer or proxy answered in its own words.
    return undefined;
  }
}

function plainStatus(code: number, text: string): Status {
  const message = text.trim().slice(0, 500) || `the server answered with code ${code} and no text`;
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code };
}
