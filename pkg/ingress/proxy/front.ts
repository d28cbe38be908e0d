import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { type BlockList, isIPv4, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseTarget } from '../rules/path.ts';
import type { RouteTable } from '../rules/route-table.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import { faultOf } from './framing.ts';
import type { Origin } from './headers.ts';
import { Reply, type Request } from './reply.ts';

export interface FrontDeps extends ExchangeDeps {
  /** Where requests go just now; undefined: not known yet. */
  readonly routes: () => RouteTable | undefined;
  /** Peers that may say who their client is. */
  readonly trusted: BlockList;
  /** Ports as clients know them. */
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** Requests under way; more are refused. */
const MAX_ACTIVE = 10_000;

/** Takes requests, finds their route and hands them to an Exchange; answers those that have none. */
export class Front {
  readonly #d: FrontDeps;
  readonly #exchange: ExchangeDeps;
  /** The newest response of each HTTP/1 connection. */
  readonly #newest = new WeakMap<Socket, ServerResponse>();
  readonly #trustsAny: boolean;
  #active = 0;

  constructor(deps: FrontDeps) {
    this.#d = deps;
    // Asked once: it makes a list of them all.
    this.#trustsAny = deps.trusted.rules.length > 0;
    this.#exchange = {
      endpoints: deps.endpoints,
      clock: deps.clock,
      log: deps.log,
      observe: (status) => {
        this.#active--;
        deps.observe(status);
      },
    };
  }

  /** Requests under way. */
  get active(): number {
    return this.#active;
  }

  readonly onRequest = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    if ('stream' in request) this.#take(request, Reply.to(response));
    else this.#inTurn(request, response as ServerResponse);
  };

  /**
   * A client may send its next request before it has the answer to the last one. What changes something must not
   * overtake what was sent before it (RFC 9112, 9.3.2); so each waits for its turn. Behind an answer that ends the
   * connection nothing has one (9.6).
   */
  #inTurn(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const before = this.#newest.get(socket);
    this.#newest.set(socket, response);
    // Node forgets what follows a wish for another protocol that was passed over: it is better not sent.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    if (before === undefined || before.writableFinished) this.#takeIfOpen(request, response);
    else before.once('close', () => this.#takeIfOpen(request, response));
  }

  #takeIfOpen(request: IncomingMessage, response: ServerResponse): void {
    if (request.socket.writable) this.#take(request, Reply.to(response));
  }

  readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    this.#take(request, Reply.onUpgrade(request, socket, head), request.headers.upgrade);
  };

  #take(request: Request, reply: Reply, upgrade?: string): void {
    const fault = 'stream' in request ? undefined : faultOf(request);
    if (fault) {
      this.#refuse(reply, fault.status, fault.message);
      return;
    }
    const { host, target: text } = address(request);
    const target = parseTarget(text);
    if (!target || host === undefined) {
      this.#refuse(reply, 400, 'the host or the path of the request is malformed');
      return;
    }
    const routes = this.#d.routes();
    if (!routes) {
      this.#refuse(reply, 503, 'the rules are being read');
      return;
    }
    const route = routes.find(bare(host), target.path);
    if (!route) {
      this.#refuse(reply, 404, 'no Ingress has a rule for this host and path');
      return;
    }
    const origin = this.#origin(request, host);
    if (route.tls && route.settings.sslRedirect && origin.proto === 'http') {
      const port = this.#d.httpsPort === 443 ? '' : `:${this.#d.httpsPort}`;
      const location = `https://${bare(host)}${port}${target.raw}${target.query}`;
      this.#refuse(reply, 308, `see ${location}`, location);
      return;
    }
    if (this.#active >= MAX_ACTIVE) {
      this.#refuse(reply, 503, 'too many requests are under way');
      return;
    }
    this.#active++;
    const length = request.headers['content-length'];
    const announced = length === undefined ? undefined : Number(length);
    const hasBody = announced === undefined ? streams(request) : announced > 0;
    const incoming = { request, reply, origin, hasBody: upgrade === undefined && hasBody, announced };
    new Exchange(this.#exchange, upgrade === undefined ? incoming : { ...incoming, upgrade }, route, target).begin();
  }

  #refuse(reply: Reply, status: number, message: string, location?: string): void {
    reply.refuse(status, message, {
      close: status === 400 || status === 501,
      ...(location === undefined ? {} : { location }),
    });
    this.#d.observe(status);
  }

  #origin(request: Request, host: string): Origin {
    const socket = request.socket as Socket & { encrypted?: boolean };
    const address = socket.remoteAddress ?? '';
    const peer = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    const own = socket.encrypted ? 'https' : 'http';
    const port = socket.encrypted ? this.#d.httpsPort : this.#d.httpPort;
    const plain: Origin = { client: peer, host, proto: own, port };
    if (!this.#trustsAny || peer === '' || !this.#d.trusted.check(peer, isIPv4(peer) ? 'ipv4' : 'ipv6')) return plain;
    const proto = one(request.headers['x-forwarded-proto']);
    return { ...plain, before: one(request.headers['x-forwarded-for']), ...(proto === 'https' ? { proto } : {}) };
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

/** Without port and final dot, in lower case. */
function bare(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return name.replace(/\.$/, '').toLowerCase();
}
