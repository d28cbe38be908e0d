import { StatusError } from '#api/meta/errors.ts';

/** A failure with a sentence for the user; never a stack trace. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** What the user reads for any error. */
export function sentence(e: unknown): string {
  if (e instanceof StatusError) {
    const reason = e.reason || 'Unknown';
    return e.reason === 'Invalid' || !e.reason ? e.message : `Error from server (${reason}): ${e.message}`;
  }
  if (e instanceof CliError) return `error: ${e.message}`;
  const code = (e as NodeJS.ErrnoException).code ?? ((e as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED')
    return `error: the server refused the connection; is the cluster up? (${(e as Error).message})`;
  if (code === 'ENOTFOUND') return `error: the server's name cannot be resolved (${(e as Error).message})`;
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'error: the server did not answer in time';
  return `error: ${(e as Error).message ?? String(e)}`;
}
