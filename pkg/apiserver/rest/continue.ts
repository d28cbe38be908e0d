import { errors } from '#api/meta/errors.ts';

/** Where a chunked list goes on: at which revision, after which key. */
export interface ContinueToken {
  readonly revision: number;
  readonly after: string;
}

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
