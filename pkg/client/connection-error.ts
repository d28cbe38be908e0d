/** The server did not answer: refused, reset, timed out. */
export class ConnectionError extends Error {
  /** True when the request surely never reached the server, so that repeating a write is safe. */
  readonly neverSent: boolean;
  constructor(message: string, options: ErrorOptions & { neverSent: boolean }) {
    super(message, options);
    this.name = 'ConnectionError';
    this.neverSent = options.neverSent;
  }
}

const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Wraps what undici throws. */
export function connectionError(e: unknown, what: string): ConnectionError {
  const err = e as NodeJS.ErrnoException;
  const code = err.code ?? (err.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  return new ConnectionError(`${what}: ${err.message || code}`, { cause: e, neverSent: NEVER_SENT.has(code) });
}
