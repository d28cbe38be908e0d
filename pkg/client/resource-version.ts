import { StatusError } from '#api/meta/errors.ts';

/**
 * Whether version `a` is later than `b`. Versions of one kind are growing numbers (the storage's revision); what is no
 * number is never held to be later, so that it is accepted rather than ignored.
 */
export const isNewer = (a: string, b: string): boolean => Number(a) > Number(b);

/** The server does not know a version yet that we have seen: it lags behind another one, or storage was restored. */
export function isTooLargeVersion(e: unknown): boolean {
  if (!(e instanceof StatusError)) return false;
  const { causes = [] } = e.status.details ?? {};
  return causes.some((c) => c.reason === 'ResourceVersionTooLarge') || /too large resource version/i.test(e.message);
}
