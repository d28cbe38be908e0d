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

const STRANGER = "the server's certificate is not signed by the authority of the kubeconfig: is it another cluster?";

/** What keeps a connection from being made, by Node's code of it. */
const CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the server refused the connection; is the cluster up?',
  ECONNRESET: 'the server closed the connection; does it speak https?',
  EHOSTUNREACH: 'the server cannot be reached',
  ENETUNREACH: 'the server cannot be reached',
  ENOTFOUND: "the server's name cannot be resolved",
  EAI_AGAIN: "the server's name cannot be resolved",
  ETIMEDOUT: 'the server did not answer in time',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: STRANGER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: STRANGER,
  SELF_SIGNED_CERT_IN_CHAIN: STRANGER,
  DEPTH_ZERO_SELF_SIGNED_CERT: STRANGER,
  CERT_SIGNATURE_FAILURE: STRANGER,
  CERT_HAS_EXPIRED: 'the server\'s certificate has ended; renew it with "cox cluster certs renew"',
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: do the clocks agree?",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for other names than the one it was reached by",
};

/** What is wrong with a file, by Node's code of it. */
const FILE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of it is no folder',
  EACCES: 'permission denied',
};

/** What the user reads for any error. */
export function sentence(e: unknown): string {
  if (e instanceof StatusError) {
    if (e.reason === 'Invalid') return invalid(e);
    if (e.reason === 'Unauthorized') return 'error: You must be logged in to the server (Unauthorized)';
    return e.reason ? `Error from server (${e.reason}): ${e.message}` : e.message;
  }
  if (e instanceof CliError) return `error: ${e.message}`;
  // As kubectl has it, several at once are lines of their own, with no word before them.
  if (e instanceof AggregateError && e.errors.length > 0) {
    const [only, ...others] = e.errors as Error[];
    return others.length === 0 ? sentence(only) : (e.errors as Error[]).map((one) => one.message).join('\n');
  }
  const code = (e as NodeJS.ErrnoException).code ?? ((e as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  const said = (e as Error).message ?? String(e);
  const { path } = e as NodeJS.ErrnoException;
  const file = code === undefined ? undefined : FILE[code];
  if (path && file) return `error: ${path}: ${file}`;
  const known = code === undefined ? undefined : CONNECTION[code];
  return known === undefined ? `error: ${said}` : `error: ${known} (${said})`;
}

/** An object that is refused, with one line for each thing that is wrong with it. */
function invalid(e: StatusError): string {
  const { kind, name, causes = [] } = e.status.details ?? {};
  const what = kind || name ? `${kind ?? ''} "${name ?? ''}"` : 'request';
  const title = `The ${what} is invalid`;
  const problems = [...new Set(causes.map((c) => `${c.field}: ${c.message}`))];
  if (problems.length === 0) return `${title}: ${e.message}`;
  return problems.length === 1 ? `${title}: ${problems[0]}` : `${title}: \n* ${problems.join('\n* ')}`;
}
