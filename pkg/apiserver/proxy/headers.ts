import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Headers that speak of one connection only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers that are for the apiserver alone. */
const NOT_FORWARDED = new Set(['host', 'authorization', 'cookie', 'content-length', 'expect']);
/** Identity claims: the agent trusts the apiserver's certificate and must not be told otherwise by a client. */
const CLAIMS = ['impersonate-', 'x-remote-'];
/** How browsers pass a token: as one more WebSocket sub-protocol. */
const TOKEN_SUBPROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The client's headers as the agent gets them: no credentials, no identity claims, nothing hop-by-hop. */
export function requestHeaders(incoming: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of endToEnd(incoming)) {
    if (NOT_FORWARDED.has(name) || CLAIMS.some((prefix) => name.startsWith(prefix))) continue;
    headers[name] = name === 'sec-websocket-protocol' ? withoutToken(values) : values;
  }
  return headers;
}

/** The agent's headers as the client gets them. */
export const responseHeaders = (response: IncomingMessage): Record<string, string[]> =>
  Object.fromEntries(endToEnd(response));

function* endToEnd(message: IncomingMessage): Generator<[string, string[]]> {
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    if (values && !HOP_BY_HOP.has(name)) yield [name, values];
  }
}

const withoutToken = (values: readonly string[]): string =>
  values
    .flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL))
    .join(', ');
