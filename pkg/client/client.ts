import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { type Status, StatusError } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { ConnectionError, connectionError } from './connection-error.ts';
import type { Kubeconfig } from './kubeconfig.ts';
import type {
  CallOptions,
  Client,
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchType,
  WatchEvent,
  WatchOptions,
} from './types.ts';
import { watchStream } from './watch-stream.ts';

export interface ClientConfig extends Kubeconfig {
  readonly userAgent: string;
  readonly logger: Logger;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Requests under way at a time; further ones wait inside undici. */
const CONNECTIONS = 64;
const MAX_READ_TRIES = 4;
const RETRY_BASE_MS = 100;
const TOKEN_REFRESH_MS = 60_000;

const PATCH_TYPES: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Path of a resource, an object or one of its subresources. */
export function resourcePath(kind: Kind, namespace?: string, name?: string, subresource?: string): string {
  const root = kind.group ? `/apis/${apiVersionOf(kind)}` : `/api/${kind.version}`;
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${kind.plural}${object}${subresource ? `/${subresource}` : ''}`;
}

function withQuery(path: string, query: Query): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') q.set(k, String(v));
  const text = q.toString();
  return text ? `${path}?${text}` : path;
}

/** Builds the error of a non-2xx answer. */
export function statusErrorOf(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return new StatusError({ ...status, code });
  } catch {
    // A balancer or proxy answered in its own words.
  }
  const message = text.trim().slice(0, 500) || `HTTP ${code}`;
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code });
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly options?: CallOptions | undefined;
}

/** A Client for one server. Connections are kept alive; watches have connections of their own. */
export function createClient(config: ClientConfig): Client {
  return new HttpClient(config);
}

class HttpClient implements Client {
  readonly #config: ClientConfig;
  readonly #server: string;
  readonly #calls: Agent;
  readonly #watches: Agent;
  #token: { value: string; readAt: number } | undefined;

  constructor(config: ClientConfig) {
    this.#config = config;
    this.#server = config.server.replace(/\/$/, '');
    const connect = {
      ...(config.ca ? { ca: config.ca } : {}),
      ...(config.cert ? { cert: config.cert } : {}),
      ...(config.key ? { key: config.key } : {}),
      ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
      rejectUnauthorized: !config.insecureSkipTlsVerify,
      timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
    };
    this.#calls = new Agent({ connect, connections: CONNECTIONS, keepAliveTimeout: 60_000, pipelining: 1 });
    this.#watches = new Agent({ connect, bodyTimeout: 0, headersTimeout: DEFAULT_TIMEOUT_MS, pipelining: 0 });
  }

  #headers(contentType: string | undefined): Record<string, string> {
    const token = this.#bearer();
    return {
      accept: 'application/json',
      'user-agent': this.#config.userAgent,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(contentType ? { 'content-type': contentType } : {}),
    };
  }

  #bearer(): string | undefined {
    const { tokenFile, token } = this.#config;
    if (!tokenFile) return token;
    const now = systemClock.now();
    if (!this.#token || now - this.#token.readAt > TOKEN_REFRESH_MS) {
      this.#token = { value: readFileSync(tokenFile, 'utf8').trim(), readAt: now };
    }
    return this.#token.value;
  }

  async #once(call: Call): Promise<string> {
    const { method, path, body, options } = call;
    const timeout = AbortSignal.timeout(options?.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = options?.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    let code: number;
    let text: string;
    try {
      const response = await request(this.#server + path, {
        method: method as 'GET',
        dispatcher: this.#calls,
        headers: this.#headers(body === undefined ? undefined : (call.contentType ?? 'application/json')),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal,
      });
      code = response.statusCode;
      text = await response.body.text();
    } catch (e) {
      if (options?.signal?.aborted) throw options.signal.reason;
      throw connectionError(e, `${method} ${path}`);
    }
    if (code >= 400) throw statusErrorOf(code, text);
    return text;
  }

  /** Reads are repeated on lost connections and overload; writes only when they surely never arrived. */
  async #send<R>(call: Call): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        return JSON.parse(await this.#once(call)) as R;
      } catch (e) {
        const wait = retryDelay(e, call.method === 'GET', attempt);
        if (wait === undefined || attempt >= MAX_READ_TRIES) throw e;
        await systemClock.sleep(wait, call.options?.signal);
      }
    }
  }

  get<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    namespace?: string,
    options?: CallOptions,
  ): Promise<Stored<T>> {
    return this.#send({ method: 'GET', path: resourcePath(kind as unknown as Kind, namespace, name), options });
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    const { namespace, signal, timeoutMs, ...query } = options;
    const path = withQuery(resourcePath(kind as unknown as Kind, namespace), query);
    const list = await this.#send<{
      items: Stored<T>[] | null;
      metadata: { resourceVersion: string; continue?: string };
    }>({
      method: 'GET',
      path,
      options: { ...(signal ? { signal } : {}), ...(timeoutMs ? { timeoutMs } : {}) },
    });
    const { resourceVersion, continue: more } = list.metadata;
    return { items: list.items ?? [], resourceVersion, ...(more ? { continue: more } : {}) };
  }

  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const { namespace, signal, timeoutMs: _t, ...query } = options;
    const path = withQuery(resourcePath(kind as unknown as Kind, namespace), { ...query, watch: true });
    return watchStream<T>({
      url: this.#server + path,
      headers: this.#headers(undefined),
      dispatcher: this.#watches,
      ...(signal ? { signal } : {}),
    });
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    const path = resourcePath(kind as unknown as Kind, object.metadata?.namespace);
    return this.#send({ method: 'POST', path, body: this.#typed(kind, object), options });
  }

  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    return this.#put(kind, object, undefined, options);
  }

  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<Stored<T>> {
    return this.#put(kind, object, 'status', options);
  }

  #put<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    subresource: string | undefined,
    options?: CallOptions,
  ): Promise<Stored<T>> {
    const { namespace, name } = object.metadata ?? {};
    const path = resourcePath(kind as unknown as Kind, namespace, name, subresource);
    return this.#send({ method: 'PUT', path, body: this.#typed(kind, object), options });
  }

  #typed<T extends KubeObject>(kind: Kind<T>, object: T): unknown {
    return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
  }

  patch<T extends KubeObject>(
    kind: Kind<T>,
    target: { name: string; namespace?: string; subresource?: string },
    patch: { type: PatchType; body: unknown; fieldManager?: string; force?: boolean },
    options?: CallOptions,
  ): Promise<Stored<T>> {
    const path = resourcePath(kind as unknown as Kind, target.namespace, target.name, target.subresource);
    return this.#send({
      method: 'PATCH',
      path: withQuery(path, { fieldManager: patch.fieldManager, force: patch.force || undefined }),
      body: patch.body,
      contentType: PATCH_TYPES[patch.type],
      options,
    });
  }

  delete<T extends KubeObject>(
    kind: Kind<T>,
    name: string,
    namespace?: string,
    options: DeleteOptions = {},
  ): Promise<unknown> {
    const { gracePeriodSeconds, propagationPolicy, preconditions, ...call } = options;
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagationPolicy ? { propagationPolicy } : {}),
      ...(preconditions ? { preconditions } : {}),
    };
    return this.#send({
      method: 'DELETE',
      path: resourcePath(kind as unknown as Kind, namespace, name),
      body,
      options: call,
    });
  }

  createSubresource<R = unknown>(
    kind: Kind,
    target: { name: string; namespace?: string; subresource: string },
    body: unknown,
    options?: CallOptions,
  ): Promise<R> {
    const path = resourcePath(kind, target.namespace, target.name, target.subresource);
    return this.#send({ method: 'POST', path, body, options });
  }

  raw<R = unknown>(method: string, path: string, body?: unknown, options?: CallOptions): Promise<R> {
    return this.#send({ method, path, body, options });
  }

  async close(): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()]);
  }
}

/** Milliseconds to wait before another try; undefined: do not try again. */
function retryDelay(e: unknown, isRead: boolean, attempt: number): number | undefined {
  const backoff = RETRY_BASE_MS * 2 ** (attempt - 1) * (1 + Math.random());
  if (e instanceof ConnectionError) return isRead || e.neverSent ? backoff : undefined;
  if (!(e instanceof StatusError)) return undefined;
  const { retryAfterSeconds } = e.status.details ?? {};
  // A 429 was refused before anything was done; a 503 of a write may hide a success.
  if (e.code === 429 && e.reason === 'TooManyRequests' && retryAfterSeconds !== undefined && isRead) {
    return Math.min(retryAfterSeconds * 1000, 10_000);
  }
  return e.code === 503 && isRead ? backoff : undefined;
}
