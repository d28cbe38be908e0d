import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Socket } from 'node:net';
import { peerOf } from './peer.ts';
import type { Arrived, Body } from './types.ts';

/** What both versions of HTTP have in common. */
export type Request = IncomingMessage | Http2ServerRequest;

/** A request that Node has read. */
export class NodeRequest implements Arrived {
  readonly method: string;
  readonly host: string | undefined;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly peer: string;
  readonly secure: boolean;
  readonly body: Body | null;
  readonly announced: number | undefined;
  readonly #headers: Request['headers'];

  /** @param bodiless what follows its head, if anything, is no body */
  constructor(request: Request, bodiless: boolean) {
    const { host, target } = address(request);
    const socket = request.socket as Socket & { encrypted?: boolean };
    const length = request.headers['content-length'];
    this.#headers = request.headers;
    this.method = request.method ?? '';
    this.host = host;
    this.target = target;
    this.rawHeaders = request.rawHeaders;
    this.peer = peerOf(socket);
    this.secure = socket.encrypted === true;
    this.announced = length === undefined ? undefined : Number(length);
    const hasBody = this.announced === undefined ? streams(request) : this.announced > 0;
    this.body = hasBody && !bodiless ? request : null;
  }

  header(name: string): string | undefined {
    return one(this.#headers[name]);
  }
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** A request without Content-Length has a body if it is sent in chunks, or if its stream goes on after the headers. */
function streams(request: Request): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  return request.headers['transfer-encoding'] !== undefined;
}

/** Host and target; the target may be a whole URL (RFC 9112, 3.2.2), whose host then counts. */
function address(request: Request): { host: string | undefined; target: string } {
  const host = one(request.headers[':authority']) ?? request.headers.host;
  const target = request.url ?? '';
  if (!/^https?:\/\//i.test(target)) return { host, target };
  const at = target.indexOf('/', target.indexOf('//') + 2);
  const named = target.slice(target.indexOf('//') + 2, at < 0 ? undefined : at);
  return { host: named, target: at < 0 ? '/' : target.slice(at) };
}
