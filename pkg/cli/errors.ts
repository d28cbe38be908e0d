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
    if (e.reason === 'Invalid') return invalid(e);
    return e.reason ? `Error from server (${e.reason}): ${e.message}` : e.message;
  }
  if (e instanceof CliError) return `error: ${e.message}`;
  const code = (e as NodeJS.ErrnoException).code ?? ((e as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED')
    return `error: the server refused the connection; is the cluster up? (${(e as Error).message})`;
  if (code === 'ENOTFOUND') return `error: the server's name cannot be resolved (${(e as Error).message})`;
  if (code === 'ETIMEDOUT') return 'error: the server did not answer in time';
  return `error: ${(e as Error).message ?? String(e)}`;
}

/** An object that is refused, with one line for each thing that is wrong with it. */
function invalid(e: StatusError): string {
  const { kind, name, causes = [] } = e.status.details ?? {};
  if (!kind && !name) return `The request is invalid: ${e.message}`;
  const title = `The ${kind ?? ''} "${name ?? ''}" is invalid`;
  const problems = [...new Set(causes.map((c) => `${c.field}: ${c.message}`))];
  if (problems.length === 0) return `${title}: ${e.message}`;
  return problems.length === 1 ? `${title}: ${problems[0]}` : `${title}: \n* ${problems.join('\n* ')}`;
}
