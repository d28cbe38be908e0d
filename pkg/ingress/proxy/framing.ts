import type { IncomingMessage } from 'node:http';

/** Why a request is refused, and with what status. */
export interface Fault {
  readonly status: number;
  readonly message: string;
}

/**
 * What the parser of HTTP/1.1 lets pass although others may read it in another way (RFC 9112, 3.2 and 6.1): a proxy before us
 * or the backend might see another request than the one that was looked up.
 */
export function faultOf({ httpVersionMinor, rawHeaders, headers }: IncomingMessage): Fault | undefined {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return { status: 400, message: 'the request names several hosts' };
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  if (httpVersionMinor === 0) return { status: 400, message: 'HTTP/1.0 has no Transfer-Encoding' };
  // The header is not passed on: the backend would take what is packed for the body itself.
  if (coding.toLowerCase() !== 'chunked') return { status: 501, message: 'Transfer-Encoding may only be chunked' };
  return undefined;
}

/** HTTP/2 on a connection that began with HTTP/1.1: its requests would reach the backend past all rules. */
const ANOTHER_HTTP = /\bh2c?\b|\bhttp\//i;

/**
 * Whether the connection of a request is given over to another protocol. A server may pass over such a wish (RFC 9110, 7.8):
 * then it is a request like any other, as one with a body always is.
 */
export function mayUpgrade({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'] ?? '0';
  return length === '0' && headers['transfer-encoding'] === undefined && !ANOTHER_HTTP.test(headers.upgrade ?? '');
}
