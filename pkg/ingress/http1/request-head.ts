import { TOKEN, VALUE } from './grammar.ts';
import type { Outgoing } from './types.ts';

const PATH = /^[\x21-\x7e\x80-\xff]+$/;
/** Methods whose lack of a body has to be said (RFC 9110, 8.6). */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/**
 * A request up to its body, to be sent as latin1. How long the body is only we say, whatever is among the headers: a
 * backend that heard of no length, or of two, would take the body for the next request.
 * @throws Error for what would be read as something else than was meant: a line break in a value, a space in the path
 */
export function requestHead({ method, path, headers, body, length }: Outgoing): string {
  if (!TOKEN.test(method)) throw new Error('the method is malformed');
  if (!PATH.test(path)) throw new Error('the path is malformed');
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (!TOKEN.test(name) || !VALUE.test(value)) throw new Error(`header "${name}" is malformed`);
    if (name.length === 14 && name.toLowerCase() === 'content-length') continue;
    head += `${name}: ${value}\r\n`;
  }
  if (body) head += length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`;
  else if (length !== undefined || WITH_BODY.has(method)) head += 'content-length: 0\r\n';
  return `${head}connection: keep-alive\r\n\r\n`;
}
