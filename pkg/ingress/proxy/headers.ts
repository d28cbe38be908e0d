import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { CookieAffinity } from '../rules/types.ts';

/** Headers that concern one connection, not the request (RFC 9110, 7.6.1), and those that undici writes itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** Who the client is and what it asked for: only we say that, unless the peer is trusted. */
const FORWARDED = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

/** What a backend is told of the request besides its own headers. */
export interface Origin {
  readonly client: string;
  readonly host: string;
  readonly proto: string;
  readonly port: number;
  /** X-Forwarded-For of a trusted peer. */
  readonly before?: string | undefined;
}

const listed = (connection: string | undefined): readonly string[] =>
  connection && !/^(close|keep-alive|upgrade)$/i.test(connection)
    ? connection.split(',').map((name) => name.trim().toLowerCase())
    : [];

/** Headers for the backend, as a flat list of names and values. @param raw as received, pseudo headers included */
export function requestHeaders(raw: readonly string[], connection: string | undefined, origin: Origin): string[] {
  const dropped = listed(connection);
  const headers = ['host', origin.host];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host' || lower === 'expect' || lower.startsWith(':')) continue;
    if (HOP_BY_HOP.has(lower) || FORWARDED.has(lower) || dropped.includes(lower)) continue;
    headers.push(name, raw[i + 1] ?? '');
  }
  const { client, host, proto, port, before } = origin;
  headers.push('x-forwarded-for', before ? `${before}, ${client}` : client, 'x-real-ip', client);
  headers.push('x-forwarded-host', host, 'x-forwarded-proto', proto, 'x-forwarded-port', String(port));
  return headers;
}

/** Headers for the client. */
export function responseHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const dropped = listed(headers.connection);
  const kept: OutgoingHttpHeaders = {};
  for (const name in headers) {
    if (!HOP_BY_HOP.has(name) && !dropped.includes(name)) kept[name] = headers[name];
  }
  return kept;
}

/** Value of a cookie; undefined when the client sent none of that name. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** The header that makes a client come back to the same endpoint. */
export function affinityCookie(a: CookieAffinity, id: string, secure: boolean): string {
  const age = a.maxAgeSeconds === undefined ? '' : `; Max-Age=${a.maxAgeSeconds}`;
  const sameSite = a.sameSite ? `; SameSite=${a.sameSite}` : '';
  return `${a.name}=${id}; Path=/${age}; HttpOnly${secure ? '; Secure' : ''}${sameSite}`;
}
