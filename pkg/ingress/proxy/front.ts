import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { type BlockList, isIPv4, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseTarget } from '../rules/path.ts';
import type { RouteTable } from '../rules/route-table.ts';
import { Exchange, type ExchangeDeps } from './exchange.ts';
import { faultOf } from './framing.ts';
import type { Origin } from './headers.ts';
import { NodeRequest } from './node-request.ts';
import { NodeReply } from './reply.ts';
import type { Arrived, Reply } from './types.ts';

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
    if ('stream' in request) this.take(new NodeRequest(request, false), NodeReply.to(response));
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
    if (request.socket.writable) this.#takeSound(request, NodeReply.to(response));
  }

  readonly onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    this.#takeSound(request, NodeReply.onUpgrade(request, socket, head), request.headers.upgrade);
  };

  #takeSound(request: IncomingMessage, reply: Reply, upgrade?: string): void {
    const fault = faultOf(request);
    if (fault) this.#refuse(reply, fault.status, fault.message);
    else this.take(new NodeRequest(request, upgrade !== undefined), reply, upgrade);
  }

  /** Takes a request that can be understood in one way only. @param upgrade the protocol it wants to change to */
  take(request: Arrived, reply: Reply, upgrade?: string): void {
    const { host } = request;
    const target = parseTarget(request.target);
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
    new Exchange(this.#exchange, { request, reply, origin, upgrade }, route, target).begin();
  }

  #refuse(reply: Reply, status: number, message: string, location?: string): void {
    reply.refuse(status, message, {
      close: status === 400 || status === 501,
      ...(location === undefined ? {} : { location }),
    });
    this.#d.observe(status);
  }

  #origin(request: Arrived, host: string): Origin {
    const { peer, secure } = request;
    const own = secure ? 'https' : 'http';
    const port = secure ? this.#d.httpsPort : this.#d.httpPort;
    const plain: Origin = { client: peer, host, proto: own, port };
    if (!this.#trustsAny || peer === '' || !this.#d.trusted.check(peer, isIPv4(peer) ? 'ipv4' : 'ipv6')) return plain;
    const proto = request.header('x-forwarded-proto');
    return { ...plain, before: request.header('x-forwarded-for'), ...(proto === 'https' ? { proto } : {}) };
  }
}

/** Without port and final dot, in lower case. */
function bare(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return name.replace(/\.$/, '').toLowerCase();
}
