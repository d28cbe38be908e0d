import { errors, type StatusError } from '#api/meta/errors.ts';

/** Where a chunked list goes on: at which revision, after which key below the resource's prefix. */
export interface ContinueToken {
  /** NOW: at whatever is current; the list is then inconsistent with the pages before. */
  readonly revision: number;
  readonly after: string;
}

export const NOW = -1;

export const encodeContinue = (t: ContinueToken): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: t.revision, start: t.after })).toString('base64url');

/** @throws StatusError 400 on a token we did not make. */
export function decodeContinue(text: string): ContinueToken {
  try {
    const t = JSON.parse(Buffer.from(text, 'base64url').toString()) as { v?: string; rv?: number; start?: string };
    if (t.v === 'meta.k8s.io/v1' && Number.isInteger(t.rv) && typeof t.start === 'string') {
      return { revision: t.rv as number, after: t.start };
    }
  } catch {
    // Falls through to the one error for all malformed tokens.
  }
  throw errors.badRequest('continue key is not valid');
}

/** The answer to a token whose revision is gone: it brings another one, which goes on with the present state. */
export function expiredContinue(token: ContinueToken): StatusError {
  const e = errors.expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  );
  e.status.metadata = { continue: encodeContinue({ revision: NOW, after: token.after }) };
  return e;
}
