import { StatusError } from '#api/meta/errors.ts';

/** The namespace is going away: whatever could not be created there need not be tried again. */
export const isNamespaceTerminating = (e: unknown): boolean =>
  e instanceof StatusError &&
  e.reason === 'Forbidden' &&
  (e.status.details?.causes ?? []).some((c) => c.reason === 'NamespaceTerminating');
