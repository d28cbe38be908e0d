import type { IncomingHttpHeaders } from 'node:http';
import { type Duplex, type Readable, Transform } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '#async/clock.ts';
import type { AccessLog } from '../access-log.ts';
import { type Asked, choose, type Endpoint, type Endpoints } from '../endpoints.ts';
import { rewrite, type Target } from '../rules/path.ts';
import type { Protocol, Route } from '../rules/types.ts';
import { affinityCookie, cookieValue, requestHeaders, responseHeaders } from './headers.ts';
import type { Incoming, Reply } from './reply.ts';

type Controller = Dispatcher.DispatchController;

export interface ExchangeDeps {
  readonly endpoints: Pick<Endpoints, 'of'>;
  readonly clock: Clock;
  readonly log: AccessLog;
  /** Called with the status of every answer, 0 when the client left before there was one. */
  readonly observe: (status: number) => void;
}

/** Endpoints that are asked at most, when connections fail. */
const MAX_TRIES = 4;
/** Methods that may be sent again after a connection broke (RFC 9110, 9.2.2), as long as nothing was answered. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

class BodyTooLarge extends Error {}

/** One request on its way: chooses an endpoint, asks it, passes its answer on, and asks another if it cannot be reached. */
export class Exchange implements Dispatcher.DispatchHandler, Asked {
  readonly #d: ExchangeDeps;
  readonly #in: Incoming;
  readonly #reply: Reply;
  readonly #target: Target;
  readonly #route: Route;
  readonly #started: number;
  readonly #tried: Endpoint[] = [];
  #wanted: string | undefined;
  #body: Readable | null = null;
  #endpoint: Endpoint | undefined;
  #controller: Controller | undefined;
  /** The answer has begun. */
  #answered = false;
  #done = false;
  #status = 0;
  /** Announced length of the response body; -1: unknown. */
  #length = -1;
  #received = 0;

  constructor(deps: ExchangeDeps, incoming: Incoming, route: Route, target: Target) {
    this.#d = deps;
    this.#in = incoming;
    this.#reply = incoming.reply;
    this.#route = route;
    this.#target = target;
    this.#started = performance.now();
  }

  begin(): void {
    const { affinity, maxBodyBytes, sendTimeoutMs } = this.#route.settings;
    const { request, announced } = this.#in;
    if (affinity) this.#wanted = cookieValue(request.headers.cookie, affinity.name);
    this.#reply.onClose(() => this.#clientGone());
    if (maxBodyBytes > 0 && announced !== undefined && announced > maxBodyBytes) {
      this.#tooLarge();
      return;
    }
    if (this.#in.hasBody) {
      this.#body = maxBodyBytes > 0 && announced === undefined ? limited(request, maxBodyBytes) : request;
      request.setTimeout(sendTimeoutMs, () => {
        if (!request.complete) this.#fail(408, 'the request body came too slowly');
      });
      request.once('end', () => request.setTimeout(0));
    }
    this.#try();
  }

  #try(): void {
    const { endpoints, clock } = this.#d;
    const { backend, settings } = this.#route;
    const now = clock.now();
    const all = endpoints.of(backend);
    const endpoint = choose(all, { tried: this.#tried, now, wanted: this.#wanted });
    if (!endpoint) {
      const why = all.length === 0 ? 'has no endpoints' : 'cannot take or answer more requests';
      this.#fail(this.#tried.length > 0 ? 502 : 503, `Service "${backend.service}" ${why}`);
      return;
    }
    // A WebSocket over HTTP/2 would be another thing than what the client has asked for.
    const protocol = this.#in.upgrade === undefined ? this.#route.protocol : 'http1';
    this.#endpoint = endpoint;
    this.#controller = undefined;
    this.#tried.push(endpoint);
    endpoint.begin(this);
    const options: Dispatcher.DispatchOptions = {
      path: this.#path(),
      method: this.#in.request.method as Dispatcher.HttpMethod,
      headers: this.#headers(protocol),
      body: this.#body,
      upgrade: this.#in.upgrade ?? null,
      headersTimeout: settings.readTimeoutMs,
      bodyTimeout: settings.readTimeoutMs,
    };
    try {
      endpoint.pool(settings.connectTimeoutMs, protocol).dispatch(options, this);
    } catch (e) {
      this.#released();
      this.#fail(400, (e as Error).message);
    }
  }

  #headers(protocol: Protocol): string[] {
    const { rawHeaders, headers } = this.#in.request;
    const sent = requestHeaders(rawHeaders, headers.connection, this.#in.origin);
    // gRPC servers refuse clients that do not take trailers.
    if (protocol === 'h2c') sent.push('te', 'trailers');
    return sent;
  }

  #path(): string {
    const { settings, depth, exact } = this.#route;
    const { raw, query } = this.#target;
    const target = settings.rewriteTarget;
    return (target === undefined ? raw : rewrite(raw, { target, depth, exact })) + query;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#done) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(_c: Controller, status: number, headers: IncomingHttpHeaders, message?: string): void {
    // Hints before the answer proper.
    if (status < 200 || this.#done) return;
    this.#answered = true;
    this.#status = status;
    const length = headers['content-length'];
    if (length !== undefined && this.#in.request.method !== 'HEAD') this.#length = Number(length);
    const kept = this.#withCookie(responseHeaders(headers));
    // Of gRPC, an answer that has only trailers: it must end with its headers.
    if ('grpc-status' in headers) this.#finishWith(() => this.#reply.only(status, message ?? '', kept));
    else this.#reply.start(status, message ?? '', kept);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#done) return;
    this.#received += chunk.length;
    if (this.#received === this.#length) {
      this.#finish(chunk);
      return;
    }
    if (this.#reply.write(chunk)) return;
    controller.pause();
    this.#reply.onDrain(() => controller.resume());
  }

  onResponseEnd(_c: Controller, trailers: IncomingHttpHeaders): void {
    if (!this.#done) this.#finishWith(() => this.#reply.endWith(trailers));
    this.#released();
  }

  onRequestUpgrade(_c: Controller, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    if (this.#done) {
      socket.destroy();
      return;
    }
    this.#answered = true;
    this.#status = status;
    const kept = { ...this.#withCookie(responseHeaders(headers)), connection: 'Upgrade', upgrade: headers.upgrade };
    this.#reply.join(status, kept, socket);
    socket.once('close', () => this.#released());
    this.#end();
  }

  onResponseError(_c: Controller, error: Error & { code?: string; cause?: unknown }): void {
    const neverSent = this.#controller === undefined;
    const endpoint = this.#endpoint;
    this.#released();
    if (this.#done) return;
    if (error instanceof BodyTooLarge || error.cause instanceof BodyTooLarge) {
      this.#tooLarge();
      return;
    }
    if (this.#answered) {
      this.#abort();
      return;
    }
    const late = error.code === 'UND_ERR_HEADERS_TIMEOUT';
    if (neverSent) endpoint?.avoid(this.#d.clock.now());
    const repeatable = neverSent || (!late && !this.#body && REPEATABLE.has(this.#in.request.method ?? ''));
    if (repeatable && this.#tried.length < MAX_TRIES) {
      this.#try();
      return;
    }
    if (late) this.#fail(504, `Service "${this.#route.backend.service}" did not answer in time`);
    else this.#fail(502, `Service "${this.#route.backend.service}" could not be reached`);
  }

  /** Names the endpoint to a client that does not come back to it anyway. */
  #withCookie<H extends NodeJS.Dict<number | string | string[]>>(headers: H): H {
    const { affinity } = this.#route.settings;
    const id = this.#endpoint?.id;
    if (!affinity || id === undefined || id === this.#wanted) return headers;
    const before = headers['set-cookie'];
    const others = before === undefined ? [] : Array.isArray(before) ? before : [String(before)];
    return { ...headers, 'set-cookie': [...others, affinityCookie(affinity, id, this.#in.origin.proto === 'https')] };
  }

  #tooLarge(): void {
    this.#fail(413, `the request body is larger than ${this.#route.settings.maxBodyBytes} bytes`);
  }

  /** An answer of our own, or the end of one that has begun. */
  #fail(status: number, message: string): void {
    if (this.#done) return;
    if (this.#answered) {
      this.#abort();
      return;
    }
    this.#status = status;
    this.#reply.refuse(status, message, { close: this.#in.hasBody });
    this.#end();
    this.#controller?.abort(new Error(message));
  }

  #finish(last?: Buffer): void {
    this.#finishWith(() => this.#reply.end(last));
  }

  #finishWith(end: () => void): void {
    end();
    this.#end();
  }

  /** The answer breaks off: the client must not take what it has for the whole. */
  #abort(): void {
    this.#reply.destroy();
    this.#end();
    this.#controller?.abort(new Error('broken off'));
  }

  /** An answer that has begun goes on as long as the connection does. */
  onLost(): void {
    if (!this.#done && !this.#answered) this.#controller?.abort(new Error('the node of the endpoint is lost'));
  }

  #clientGone(): void {
    if (this.#done) return;
    this.#end();
    this.#controller?.abort(new Error('the client is gone'));
  }

  #released(): void {
    this.#endpoint?.end(this);
    this.#endpoint = undefined;
  }

  #end(): void {
    this.#done = true;
    this.#d.observe(this.#status);
    if (!this.#d.log.enabled) return;
    const endpoint = this.#tried.at(-1)?.address;
    this.#d.log.write({
      client: this.#in.origin.client,
      method: this.#in.request.method ?? '',
      host: this.#in.origin.host,
      target: this.#target.raw + this.#target.query,
      status: this.#status,
      bytes: this.#received,
      ms: Math.round((performance.now() - this.#started) * 10) / 10,
      ingress: this.#route.ingress,
      ...(endpoint === undefined ? {} : { endpoint }),
      tries: this.#tried.length,
    });
  }
}

/** The body, up to so many bytes; then BodyTooLarge. */
function limited(body: Readable, limit: number): Readable {
  let passed = 0;
  const gate = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      done(passed > limit ? new BodyTooLarge() : null, chunk);
    },
  });
  body.once('error', (e) => gate.destroy(e));
  return body.pipe(gate);
}
