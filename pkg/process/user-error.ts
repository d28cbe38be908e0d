/** A failure the user can mend: printed as one sentence, exit code 1, no stack trace. */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UserError';
  }
}

/** The sentence for errors that are the user's to mend; undefined for the rest, which are ours. */
export function userSentence(e: unknown): string | undefined {
  if (e instanceof UserError) return e.message;
  if (!(e instanceof Error)) return undefined;
  const { code, address, port, syscall } = e as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall !== 'listen' && syscall !== 'bind') return undefined;
  const where = port === undefined ? (address ?? 'the address') : `port ${port} on ${address ?? 'this machine'}`;
  switch (code ?? '') {
    case 'EADDRINUSE':
      return `${where} is in use by another program; stop it or choose another port`;
    case 'EACCES':
      return `${where} may not be opened by this user; choose a port above 1023 or run as root`;
    case 'EADDRNOTAVAIL':
      return `${address ?? 'the address'} is not an address of this machine`;
    case 'ENOTFOUND':
      return `${address ?? 'the host'} is not a known host name`;
    default:
      return undefined;
  }
}
