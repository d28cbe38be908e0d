import { errors } from '#api/meta/errors.ts';
import type { ExecRequest } from '../backend.ts';

/** Present and not "0" or "false": how Kubernetes reads a boolean query parameter. */
export function isSet(query: URLSearchParams, ...names: string[]): boolean {
  return names.some((name) => {
    const value = query.get(name);
    return value !== null && value !== '0' && value.toLowerCase() !== 'false';
  });
}

/**
 * What the query of an exec or attach asks for, in the agent's own words (input, output, error) or the API's (stdin,
 * stdout, stderr).
 * @throws StatusError 400 when no stream is wanted
 */
export function parseCommandOptions(query: URLSearchParams): ExecRequest {
  const tty = isSet(query, 'tty');
  const request: ExecRequest = {
    command: query.getAll('command'),
    tty,
    stdin: isSet(query, 'input', 'stdin'),
    stdout: isSet(query, 'output', 'stdout'),
    // A terminal has one output.
    stderr: !tty && isSet(query, 'error', 'stderr'),
  };
  if (!request.stdin && !request.stdout && !request.stderr) {
    throw errors.badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  return request;
}
