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

/** Wraps what the HTTP library throws, with a message that says what was tried and what went wrong. */
export function connectionError(e: unknown, what: string, neverSent: boolean): ConnectionError {
  return e instanceof ConnectionError ? e : new ConnectionError(`${what}: ${reasonOf(e)}`, { cause: e, neverSent });
}

function reasonOf(e: unknown): string {
  // A name with several addresses fails with the failures of each.
  if (e instanceof AggregateError && e.errors.length > 0) return [...new Set(e.errors.map(reasonOf))].join('; ');
  if (!(e instanceof Error)) return String(e);
  const { code, address, port } = e as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'ECONNREFUSED' && address) return `nothing listens on ${address}:${port} (ECONNREFUSED)`;
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || e.name === 'HTTPParserError') {
    return `the connection broke (${code && !code.startsWith('HPE') ? `${code}: ` : ''}${e.message})`;
  }
  return e.message || code || e.name;
}
