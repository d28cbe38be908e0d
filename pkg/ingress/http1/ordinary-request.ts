import type { Arrived, Body } from '../proxy/types.ts';
import { trimmed } from './grammar.ts';

/**
 * A head without its last line break, of which nothing needs a second look: a path of plain characters, headers in one line
 * each and without control characters (RFC 9112, 5). Of each character only one part of the pattern may follow, so that
 * its time is linear.
 */
const HEAD =
  /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1((?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)+)$/;
/** What may become one. */
const BEGINNING =
  /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/[\x21\x22\x24-\x7e]* HTTP\/1\.1(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*(?:\r(?:\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|\r)?)?)?$/;
/** The same within its first line. */
const FIRST_LINE = /^[A-Z]{1,7}(?: (?:\/[\x21\x22\x24-\x7e]*(?: [HTP/1.]{0,8})?)?)?\r?$/;
const HOST = /^(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** A request of HTTP/1.1 that can be understood in one way only, and without a body. */
export class OrdinaryRequest implements Arrived {
  readonly method: string;
  readonly target: string;
  readonly peer: string;
  readonly secure: boolean;
  readonly rawHeaders: readonly string[];
  readonly body: Body | null = null;
  readonly host: string;
  readonly announced: number | undefined;
  /** It is the last one on its connection. */
  readonly last: boolean;

  constructor(head: Head, from: { readonly peer: string; readonly secure: boolean }) {
    this.method = head.method;
    this.target = head.target;
    this.rawHeaders = head.headers;
    this.host = head.host;
    this.announced = head.length;
    this.last = head.last;
    this.peer = from.peer;
    this.secure = from.secure;
  }

  header(name: string): string | undefined {
    // Says nothing that is not known already.
    if (name === 'connection') return undefined;
    let found: string | undefined;
    for (let i = 0; i < this.rawHeaders.length; i += 2) {
      if (this.rawHeaders[i]?.toLowerCase() !== name) continue;
      const value = this.rawHeaders[i + 1] ?? '';
      found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
    return found;
  }
}

/** What an ordinary head says. */
export interface Head {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Names as they came and values in turn, without those that are told here. */
  readonly headers: readonly string[];
  /** Content-Length. */
  readonly length: number | undefined;
  readonly last: boolean;
}

/** Whether what there is of a head may become an ordinary one. */
export const mayBecomeOrdinary = (text: string): boolean =>
  text.includes('\n') ? BEGINNING.test(text) : FIRST_LINE.test(text);

/** @param text as latin1, without the empty line that ends it @returns undefined for any request that is not ordinary */
export function ordinaryHead(text: string): Head | undefined {
  const found = HEAD.exec(text);
  if (!found) return undefined;
  const [, method = '', target = '', lines = ''] = found;
  const headers: string[] = [];
  let host: string | undefined;
  let length: number | undefined;
  let last = false;
  for (let at = 2; at < lines.length; ) {
    const colon = lines.indexOf(':', at);
    const next = lines.indexOf('\r\n', colon);
    const end = next < 0 ? lines.length : next;
    const name = lines.slice(at, colon);
    const value = trimmed(lines, colon + 1, end);
    at = end + 2;
    switch (name.toLowerCase()) {
      case 'host':
        if (host !== undefined || !HOST.test(value)) return undefined;
        host = value;
        break;
      case 'content-length':
        if (length !== undefined || value !== '0') return undefined;
        length = 0;
        break;
      case 'connection':
        if (!/^(?:close|keep-alive)$/i.test(value)) return undefined;
        last ||= value.length === 5;
        break;
      case 'transfer-encoding':
      case 'upgrade':
      case 'http2-settings':
      case 'expect':
      case 'te':
      case 'trailer':
      case 'keep-alive':
      case 'proxy-connection':
        return undefined;
      default:
        headers.push(name, value);
    }
  }
  return host === undefined ? undefined : { method, target, host, headers, length, last };
}
