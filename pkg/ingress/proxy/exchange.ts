import { type Duplex, type Readable, Transform } from 'node:stream';
import type { Clock } from '#async/clock.ts';
import type { AccessLog } from '../access-log.ts';
import { type Asked, choose, type Endpoint, type Endpoints } from '../endpoints.ts';
import { type Controller, Silence, WornOut } from '../http1/types.ts';
import type { UpgradeHandler } from '../library.ts';
import { rewrite, type Target } from '../rules/path.ts';
import type { Protocol, Route } from '../rules/types.ts';
import { affinityCookie, cookieValue, headerValue, type Origin, requestHeaders, responseHeaders } from './headers.ts';
import type { Arrived, Body, Reply } from './types.ts';

export interface ExchangeDeps {
  readonly endpoints: Pick<Endpoints, 'of'>;
  readonly clock: Clock;
  readonly log: AccessLog;
  /** Called with the status of every answer, 0 when the client left before there was one. */
  readonly observe: (status: number) => void;
}

/** A request that has a route. */
export interface Incoming {
  readonly request: Arrived;
  readonly reply: Reply;
  readonly origin: Origin;
  /** The protocol it wants to change to. */
  readonly upgrade: string | undefined;
}

/** Endpoints that are asked at most, when connections fail. */
const MAX_TRIES = 4;
/** Methods that may be sent again after a connection broke (RFC 9110, 9.2.2), as long as nothing was answered. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

class BodyTooLarge extends Error {}

/** One request on its way: chooses an endpoint, asks it, passes its answer on, and asks another if it cannot be reached. */
export class Exchange implements UpgradeHandler, Asked {
  readonly #d: ExchangeDeps;
  readonly #in: Incoming;
  readonly #reply: Reply;
  readonly #target: Target;
  readonly #route: Route;
  readonly #started: number;
  /** Endpoints that are not asked again. */
  readonly #tried: Endpoint[] = [];
  #tries = 0;
  #wanted: string | undefined;
  #body: Readable | null = null;
  #endpoint: Endpoint | undefined;
  /** A connection that was kept has ended under this request: it gets new ones. */
  #worn = false;
  #controller: Controller | undefined;
  /** The answer has begun. */
  #answered = false;
  /** The client is slower than the backend, which waits. */
  #held = false;
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
    const { body, announced } = this.#in.request;
    if (affinity) this.#wanted = cookieValue(this.#in.request.header('cookie'), affinity.name);
    this.#reply.onClose(() => this.#clientGone());
    if (maxBodyBytes > 0 && announced !== undefined && announced > maxBodyBytes) {
      this.#tooLarge();
      return;
    }
    if (body) {
      this.#body = maxBodyBytes > 0 && announced === undefined ? this.#limited(body, maxBodyBytes) : body;
      body.setTimeout(sendTimeoutMs, () => this.#tooSlow(body));
      body.once('end', () => body.setTimeout(0));
    }
    this.#try();
  }

  #tooSlow(body: Body): void {
    if (body.complete) return;
    if (this.#done) body.destroy();
    else this.#fail(408, 'the request body came too slowly');
  }

  #try(): void {
    const { endpoints, clock } = this.#d;
    const { backend, settings } = this.#route;
    const now = clock.now();
    const all = endpoints.of(backend);
    const endpoint = choose(all, { tried: this.#tried, now, wanted: this.#wanted });
    if (!endpoint) {
      const why = all.length === 0 ? 'has no endpoints' : 'cannot take or answer more requests';
      this.#fail(this.#tries > 0 ? 502 : 503, `Service "${backend.service}" ${why}`);
      return;
    }
    // A WebSocket over HTTP/2 would be another thing than what the client has asked for.
    const protocol = this.#in.upgrade === undefined ? this.#route.protocol : 'http1';
    this.#endpoint = endpoint;
    this.#controller = undefined;
    this.#tried.push(endpoint);
    this.#tries++;
    endpoint.begin(this);
    try {
      endpoint.dispatch(
        {
          method: this.#in.request.method,
          path: this.#path(),
          headers: this.#headers(protocol),
          body: this.#body,
          length: this.#in.request.announced,
          protocol,
          upgrade: this.#in.upgrade,
          connectTimeoutMs: settings.connectTimeoutMs,
          readTimeoutMs: settings.readTimeoutMs,
          onNewConnection: this.#worn,
        },
        this,
      );
    } catch (e) {
      this.#released();
      this.#fail(400, (e as Error).message);
    }
  }

  #headers(protocol: Protocol): string[] {
    const { request, origin } = this.#in;
    const sent = requestHeaders(request.rawHeaders, request.header('connection'), origin);
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

  onResponseStart(status: number, headers: string[], message: string): void {
    if (this.#done) return;
    this.#answered = true;
    this.#status = status;
    const passed = responseHeaders(headers, status);
    if (this.#in.request.method !== 'HEAD') this.#length = passed.length;
    this.#addCookie(passed.headers);
    // Of gRPC, an answer that has only trailers: it must end with its headers.
    if (passed.grpcStatus) {
      this.#reply.only(status, message, passed.headers);
      this.#end();
    } else this.#reply.start(status, message, passed.headers);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#done) return;
    this.#received += chunk.length;
    if (this.#received === this.#length) {
      // First, since the client's next request may begin within what follows.
      this.#end();
      this.#reply.end(chunk);
      return;
    }
    if (this.#reply.write(chunk) || this.#held) return;
    this.#held = true;
    controller.pause();
    this.#reply.onDrain(() => {
      this.#held = false;
      controller.resume();
    });
  }

  onResponsePause(): void {
    if (!this.#done) this.#reply.flush();
  }

  onResponseEnd(trailers: string[]): void {
    if (!this.#done) {
      this.#end();
      this.#reply.endWith(trailers);
    }
    this.#released();
  }

  onRequestUpgrade(status: number, headers: string[], socket: Duplex): void {
    if (this.#done) {
      socket.destroy();
      return;
    }
    this.#answered = true;
    this.#status = status;
    const { headers: kept } = responseHeaders(headers, status);
    this.#addCookie(kept);
    this.#reply.join(status, [...kept, 'connection', 'Upgrade', 'upgrade', headerValue(headers, 'upgrade')], socket);
    socket.once('close', () => this.#released());
    this.#end();
  }

  onResponseError(error: Error): void {
    const neverSent = this.#controller === undefined;
    const endpoint = this.#endpoint;
    this.#released();
    if (this.#done) return;
    if (this.#answered) {
      this.#abort();
      return;
    }
    const late = error instanceof Silence;
    if (neverSent) endpoint?.avoid(this.#d.clock.now());
    const repeatable = neverSent || (!late && !this.#body && REPEATABLE.has(this.#in.request.method));
    if (repeatable && this.#tries < MAX_TRIES) {
      if (error instanceof WornOut) {
        this.#worn = true;
        this.#tried.pop();
      }
      this.#try();
      return;
    }
    if (late) this.#fail(504, `Service "${this.#route.backend.service}" did not answer in time`);
    else this.#fail(502, `Service "${this.#route.backend.service}" could not be reached`);
  }

  /** Names the endpoint to a client that does not come back to it anyway. */
  #addCookie(headers: string[]): void {
    const { affinity } = this.#route.settings;
    const id = this.#endpoint?.id;
    if (!affinity || id === undefined || id === this.#wanted) return;
    headers.push('set-cookie', affinityCookie(affinity, id, this.#in.origin.proto === 'https'));
  }

  /** The body, up to so many bytes; then the request is refused, whether it is on its way already or not. */
  #limited(body: Readable, limit: number): Readable {
    let passed = 0;
    const gate = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        passed += chunk.length;
        done(passed > limit ? new BodyTooLarge() : null, chunk);
      },
    });
    gate.on('error', (e) => {
      if (e instanceof BodyTooLarge) this.#tooLarge();
    });
    body.once('error', (e) => gate.destroy(e));
    return body.pipe(gate);
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
    this.#reply.refuse(status, message, { close: this.#in.request.body !== null });
    this.#end();
    this.#controller?.abort(new Error(message));
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
    this.#d.log.write({
      client: this.#in.origin.client,
      method: this.#in.request.method,
      host: this.#in.origin.host,
      target: this.#target.raw + this.#target.query,
      status: this.#status,
      bytes: this.#received,
      ms: Math.round((performance.now() - this.#started) * 10) / 10,
      ingress: this.#route.ingress,
      endpoint: this.#tried.at(-1)?.address,
      tries: this.#tries,
    });
  }
}
