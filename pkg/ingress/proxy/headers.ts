import type { CookieAffinity } from '../rules/types.ts';

/** Headers that concern one connection, not the request (RFC 9110, 7.6.1), and those that are written anew for it. */
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

const NONE: readonly string[] = [];

const listed = (connection: string | undefined): readonly string[] =>
  connection && !/^(close|keep-alive|upgrade)$/i.test(connection)
    ? connection.split(',').map((name) => name.trim().toLowerCase())
    : NONE;

/** Headers for the backend, as a flat list of names and values. @param raw as received, pseudo headers included */
export function requestHeaders(raw: readonly string[], connection: string | undefined, origin: Origin): string[] {
  const dropped = listed(connection);
  const headers = ['host', origin.host];
  let cookies = -1;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host' || lower === 'expect' || lower.startsWith(':')) continue;
    if (HOP_BY_HOP.has(lower) || FORWARDED.has(lower) || dropped.includes(lower)) continue;
    if (lower === 'cookie') {
      // Over HTTP/2 each may come by itself; others must be told all in one (RFC 9113, 8.2.3).
      if (cookies >= 0) {
        headers[cookies] += `; ${raw[i + 1] ?? ''}`;
        continue;
      }
      cookies = headers.length + 1;
    }
    headers.push(name, raw[i + 1] ?? '');
  }
  const { client, host, proto, port, before } = origin;
  headers.push('x-forwarded-for', before ? `${before}, ${client}` : client, 'x-real-ip', client);
  headers.push('x-forwarded-host', host, 'x-forwarded-proto', proto, 'x-forwarded-port', String(port));
  return headers;
}

/** An answer's headers for the client. */
export interface Passed {
  /** Names and values in turn. */
  readonly headers: string[];
  /** Content-Length; -1: not told. */
  readonly length: number;
  /** It has a gRPC status before any message: there is none. */
  readonly grpcStatus: boolean;
}

/** @param raw names, in lower case, and values in turn */
export function responseHeaders(raw: readonly string[], status: number): Passed {
  const headers: string[] = [];
  let [length, grpcStatus, dropped] = [-1, false, NONE];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name === 'connection') dropped = [...dropped, ...listed(value)];
    if (HOP_BY_HOP.has(name)) continue;
    if (name === 'content-length') {
      // There it means nothing, and may not be said (RFC 9110, 8.6).
      if (status === 204) continue;
      length = Number(value);
    }
    if (name === 'grpc-status') grpcStatus = true;
    headers.push(name, value);
  }
  return { headers: dropped.length > 0 ? without(headers, dropped) : headers, length, grpcStatus };
}

const without = (headers: readonly string[], names: readonly string[]): string[] =>
  headers.filter((_, i) => !names.includes(headers[i & ~1] ?? ''));

/** Value of a header; "" without it. @param headers names, in lower case, and values in turn */
export function headerValue(headers: readonly string[], name: string): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1] ?? '';
  return '';
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
