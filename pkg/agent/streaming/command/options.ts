import { errors } from '#api/meta/errors.ts';
import { isSet } from '#api/meta/query.ts';
import type { ExecRequest } from '../backend.ts';

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
