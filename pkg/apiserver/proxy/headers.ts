import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { withoutToken } from '#websocket/acceptor.ts';

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

/** The client's headers as the agent gets them: no credentials, no identity claims, nothing hop-by-hop. */
export function requestHeaders(incoming: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of endToEnd(incoming)) {
    if (NOT_FORWARDED.has(name) || CLAIMS.some((prefix) => name.startsWith(prefix))) continue;
    headers[name] = name === 'sec-websocket-protocol' ? withoutToken(values).join(', ') : values;
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
