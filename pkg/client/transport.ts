import { StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { TimeoutError, timeoutSignal } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import { UserError } from '#process/user-error.ts';
import { ConnectionError, connectionError } from './connection-error.ts';
import { Connections } from './connections.ts';
import { createAuthorization } from './credentials.ts';
import { type Answer, exchange } from './exchange.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import { statusErrorOf } from './status-error.ts';
import type { CallOptions, WatchEvent } from './types.ts';
import { openWatch } from './watch-stream.ts';

export interface TransportConfig extends Kubeconfig {
  readonly userAgent: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** A watch with bookmarks that is silent for this long is taken for dead and ended, milliseconds. */
  readonly watchSilenceMs?: number;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string | undefined;
  /** In which form the answer is wanted; default: plain JSON. */
  readonly accept?: string | undefined;
  readonly options?: CallOptions | undefined;
  /** Changes the text of a JSON answer before it is parsed. */
  readonly edit?: ((text: string) => string) | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TRIES = 4;
const RETRY_BASE_MS = 100;
const MAX_RETRY_AFTER_MS = 10_000;
/** Servers send a bookmark every minute. */
const WATCH_SILENCE_MS = 150_000;

/** HTTP/1.1 to one server: connections, credentials, timeouts, retries. Watches have connections of their own. */
export class Transport {
  readonly #prefix: string;
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #baseHeaders: Readonly<Record<string, string>>;
  readonly #authorization: () => string | undefined | Promise<string | undefined>;

  constructor(config: TransportConfig) {
    const url = serverUrl(config.server);
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#clock = config.clock ?? systemClock;
    this.#silenceMs = config.watchSilenceMs ?? WATCH_SILENCE_MS;
    this.#connections = new Connections(url.origin, config, this.#clock);
    this.#baseHeaders = { accept: 'application/json', 'user-agent': config.userAgent };
    this.#authorization = createAuthorization(config, this.#clock);
  }

  async #headers(contentType?: string, accept?: string): Promise<Record<string, string>> {
    const auth = this.#authorization();
    const authorization = typeof auth === 'object' ? await auth : auth;
    return {
      ...this.#baseHeaders,
      ...(accept ? { accept } : {}),
      ...(authorization ? { authorization } : {}),
      ...(contentType ? { 'content-type': contentType } : {}),
    };
  }

  /**
   * Sends a call and parses its answer. Reads are repeated on lost connections and overload (429, 503), honouring
   * Retry-After; writes only when they surely never arrived. `timeoutMs` covers all tries.
   */
  async send<R>(call: Call): Promise<R> {
    const { signal: outer, timeoutMs = DEFAULT_TIMEOUT_MS, guard } = call.options ?? {};
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const limit = timeoutSignal(this.#clock, timeoutMs, outer);
    const deadline = this.#clock.now() + timeoutMs;
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return parse<R>(await this.#once(call, body, limit.signal, guard), call.edit);
        } catch (e) {
          const wait = attempt < MAX_TRIES ? retryDelay(e, call.method === 'GET', attempt) : undefined;
          if (wait === undefined || this.#clock.now() + wait >= deadline) throw e;
          await this.#clock.sleep(wait, limit.signal);
        }
      }
    } catch (e) {
      // A caller that aborted gets its own reason; our timeout is a failed connection, and the request may have arrived.
      if (e instanceof TimeoutError && e === limit.signal.reason && !outer?.aborted) {
        throw connectionError(e, `${call.method} ${call.path}`, false);
      }
      throw e;
    } finally {
      limit.dispose();
    }
  }

  async #once(call: Call, body: string | undefined, signal: AbortSignal, guard?: () => void): Promise<Answer> {
    const contentType = body === undefined ? undefined : (call.contentType ?? 'application/json');
    const headers = await this.#headers(contentType, call.accept);
    const path = this.#prefix + call.path;
    const request = { method: call.method, path, headers, signal, guard, ...(body === undefined ? {} : { body }) };
    const answer = await exchange(this.#connections.calls, request);
    if (answer.code >= 300) throw statusErrorOf(answer.code, answer.text, answer.retryAfter);
    return answer;
  }

  watch<T extends KubeObject>(
    path: string,
    o: { signal?: AbortSignal; bookmarks: boolean; withoutManagedFields: boolean; accept?: string },
  ): AsyncIterable<WatchEvent<T>> {
    return {
      [Symbol.asyncIterator]: () =>
        openWatch<T>({
          path: this.#prefix + path,
          headers: () => this.#headers(undefined, o.accept),
          dispatcher: this.#connections.watches,
          clock: this.#clock,
          // Without bookmarks silence is normal; the kernel's probes still find a dead peer.
          silenceMs: o.bookmarks ? this.#silenceMs : undefined,
          signal: o.signal,
          withoutManagedFields: o.withoutManagedFields,
        }),
    };
  }

  close(): Promise<void> {
    return this.#connections.destroy();
  }
}

function serverUrl(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new UserError(`the server address "${server}" is not a URL such as https://127.0.0.1:6443`);
}

function parse<R>({ type, text, code }: Answer, edit: Call['edit']): R {
  // Health pages and the like are plain text.
  if (!type.includes('json')) return text as R;
  try {
    return JSON.parse(edit ? edit(text) : text) as R;
  } catch {
    throw statusErrorOf(code, `the server's answer is not JSON: ${text.slice(0, 200)}`);
  }
}

/** Milliseconds to wait before another try; undefined: do not try again. */
function retryDelay(e: unknown, isRead: boolean, attempt: number): number | undefined {
  const backoff = RETRY_BASE_MS * 2 ** (attempt - 1) * (1 + Math.random());
  if (e instanceof ConnectionError) return isRead || e.neverSent ? backoff : undefined;
  // A refused write is the caller's business: a 429 of an eviction is an answer, and a 503 may hide a success.
  if (!isRead || !(e instanceof StatusError) || (e.code !== 429 && e.code !== 503)) return undefined;
  const { retryAfterSeconds } = e.status.details ?? {};
  return retryAfterSeconds === undefined ? backoff : Math.min(retryAfterSeconds * 1000, MAX_RETRY_AFTER_MS);
}
