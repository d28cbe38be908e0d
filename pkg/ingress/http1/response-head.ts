import { DIGITS, trimmed } from './grammar.ts';

/** An answer that is none, or that could be understood in two ways. */
export class BadResponse extends Error {}

export interface ResponseHead {
  readonly status: number;
  readonly message: string;
  /** Names, in lower case, and values in turn. */
  readonly headers: string[];
  /** How the body ends: after so many bytes, as its chunks say, or with the connection. */
  readonly body: number | 'chunked' | 'close';
  /** The connection may be used again. */
  readonly persistent: boolean;
  /** For so long, milliseconds, if the backend says so. */
  readonly keepMs: number | undefined;
}

/**
 * A head without its last line break. Headers that go on in the next line are refused, as are control characters (RFC 9112,
 * 5.2). Of each character only one part of the pattern may follow, so that its time is linear.
 */
const HEAD =
  /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?((?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*)$/;
const FIELDS = /^(?:(?:^|\r\n)[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)+$/;

/** Trailers, as headers are given. @throws BadResponse */
export function trailerFields(text: string): string[] {
  if (!FIELDS.test(text)) throw new BadResponse('a trailer of the answer is malformed');
  return fields(text, 0);
}

/** Of text that is well-formed. */
function fields(text: string, from: number): string[] {
  const found: string[] = [];
  for (let at = from; at < text.length; ) {
    const colon = text.indexOf(':', at);
    const end = text.indexOf('\r\n', colon);
    const last = end < 0 ? text.length : end;
    found.push(text.slice(at, colon).toLowerCase(), trimmed(text, colon + 1, last));
    at = last + 2;
  }
  return found;
}

/** What the headers say of the body and the connection. */
interface Framing {
  encoding: string | undefined;
  length: string | undefined;
  connection: string;
  keepAlive: string;
}

function framingOf(headers: readonly string[]): Framing {
  const f: Framing = { encoding: undefined, length: undefined, connection: '', keepAlive: '' };
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    switch (headers[i] ?? '') {
      case 'transfer-encoding':
        f.encoding = f.encoding === undefined ? value : `${f.encoding},${value}`;
        break;
      case 'content-length':
        f.length = f.length === undefined ? value : `${f.length},${value}`;
        break;
      case 'connection':
        f.connection += ` ${value}`;
        break;
      case 'keep-alive':
        f.keepAlive = value;
        break;
    }
  }
  return f;
}

/** Reads an answer up to its body (RFC 9112). @param text without the empty line that ends it @throws BadResponse */
export function responseHead(text: string, method: string): ResponseHead {
  const found = HEAD.exec(text);
  if (!found) throw new BadResponse('the answer does not begin like one of HTTP/1.1');
  const [, minor, code = '', message = '', rest = ''] = found;
  const headers = fields(rest, 2);
  const framing = framingOf(headers);
  const status = Number(code);
  // A proxy of that time might have passed it on without knowing what it says (RFC 9112, 6.1).
  if (minor === '0' && framing.encoding !== undefined) throw new BadResponse('HTTP/1.0 has no Transfer-Encoding');
  const body = bodyOf(framing, status, method);
  const kept = minor === '1' ? !/\bclose\b/i.test(framing.connection) : /\bkeep-alive\b/i.test(framing.connection);
  const seconds = framing.keepAlive && /\btimeout=(\d{1,6})\b/i.exec(framing.keepAlive)?.[1];
  const keepMs = seconds ? Number(seconds) * 1000 : undefined;
  return { status, message, headers, body, persistent: kept && body !== 'close', keepMs };
}

function bodyOf({ encoding, length }: Framing, status: number, method: string): ResponseHead['body'] {
  // Of two lengths nobody can say which one others go by.
  if (encoding !== undefined && length !== undefined) throw new BadResponse('the answer tells two lengths');
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    throw new BadResponse('the answer has a transfer encoding other than chunked');
  }
  if (length !== undefined && !DIGITS.test(length)) throw new BadResponse('the length of the answer is malformed');
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0;
  if (encoding !== undefined) return 'chunked';
  return length === undefined ? 'close' : Number(length);
}
