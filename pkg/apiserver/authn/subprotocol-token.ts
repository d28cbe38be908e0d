import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { errors } from '#api/meta/errors.ts';
import { isWebSocket, namesIn, TOKEN_SUBPROTOCOL } from '#websocket/acceptor.ts';

/** Base64 for URLs, without padding. */
const ENCODED = /^[\w-]*$/;

/**
 * The bearer token that a browser offers as a sub-protocol of its WebSocket ("Authenticating": it can set no header). It needs
 * another sub-protocol beside it, which the answer can name.
 * @returns undefined: it offers none, or no WebSocket is asked for
 * @throws StatusError 401 when there are several, or it cannot be read
 */
export function subprotocolToken(request: IncomingMessage): string | undefined {
  const upgrading = namesIn(request.headers.connection).some((name) => name.toLowerCase() === 'upgrade');
  if (!upgrading || !isWebSocket({ request })) return undefined;
  const offered = namesIn(request.headers['sec-websocket-protocol']);
  const tokens = offered.filter((name) => name.startsWith(TOKEN_SUBPROTOCOL));
  const encoded = tokens[0]?.slice(TOKEN_SUBPROTOCOL.length);
  if (!encoded) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  const readable = ENCODED.test(encoded) && encoded.length % 4 !== 1 && isUtf8(bytes);
  if (!readable || tokens.length > 1 || offered.length === tokens.length) throw errors.unauthorized();
  return bytes.toString();
}
