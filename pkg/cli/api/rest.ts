import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { isNotFound, type Status, StatusError } from '#api/meta/errors.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { Interrupted, Unanswered } from '../interrupted.ts';
import type { Transport } from './agents.ts';

/** Milliseconds to connect and to get a first answer; streams have no limit after that. */
const ANSWER_TIMEOUT_MS = 60_000;

/** How long the answer to a change may take once the command is interrupted, milliseconds. */
const LAST_ANSWER_MS = 10_000;

/** How often a connection is tried that ends before it carries anything. */
const ATTEMPTS = 3;

export interface RestRequest {
  readonly method?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly accept?: string;
  readonly contentType?: string;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** That the object is not there is no failure: nobody asks why. */
  readonly mayBeAbsent?: boolean;
}

/** The path of an object in a namespace, and of that. */
const IN_NAMESPACE = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(\/namespaces\/(?!default\/)[^/]+)\/[^/]+\/[^/]+$/;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** `--as`, `--as-group` and `--as-uid`. */
export interface Impersonation {
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly asUid?: string;
}

/** How requests are made. */
export interface RestOptions extends Impersonation {
  /** The end of the command: what only reads ends with it, and changes are given a while to be answered. */
  readonly signal?: AbortSignal;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** To connect and to get a first answer; 0 for no limit. Default: a minute. */
  readonly timeoutMs?: number;
  /** Is told of every request once it is answered, and of its body. */
  readonly trace?: (line: string, body: string | undefined) => void;
}

function identityOf(config: Kubeconfig, o: Impersonation): Record<string, string | string[]> {
  const { token, username, password } = config;
  const basic = username ? `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` : undefined;
  const authorization = token ? `Bearer ${token}` : basic;
  return {
    ...(authorization ? { authorization } : {}),
    ...(o.as ? { 'impersonate-user': o.as } : {}),
    ...(o.asGroup ? { 'impersonate-group': [...o.asGroup] } : {}),
    ...(o.asUid ? { 'impersonate-uid': o.asUid } : {}),
  };
}

/** Accept header of `get`: tables printed by the server. */
export const TABLE =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

/**
 * Raw access for the CLI, where answers are tables, text or streams rather than typed objects. Node's own client: a command
 * is over in a tenth of a second, and loading a faster one takes a third of that.
 */
export class Rest {
  readonly #server: string;
  readonly #config: Kubeconfig;
  #transport: Promise<Transport> | undefined;
  #opened: Transport | undefined;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #identity: Readonly<Record<string, string | string[]>>;
  readonly warnings: (text: string) => void;
  readonly #trace: RestOptions['trace'];

  /** @param o who the requests are made as, when the user of the kubeconfig may ("User impersonation") */
  constructor(config: Kubeconfig, warnings: (text: string) => void, o: RestOptions = {}) {
    this.#server = config.server.replace(/\/$/, '');
    this.#identity = identityOf(config, o);
    this.#timeoutMs = o.timeoutMs ?? ANSWER_TIMEOUT_MS;
    this.#signal = o.signal;
    this.#clock = o.clock ?? systemClock;
    this.warnings = warnings;
    this.#trace = o.trace;
    this.#config = config;
  }

  url(path: string, query: RestRequest['query'] = {}): string {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '' && v !== false) q.set(k, String(v));
    const text = q.toString();
    return `${this.#server}${path}${text ? `?${text}` : ''}`;
  }

  /** Headers that say who asks, as far as the certificate does not. */
  authorization(): Readonly<Record<string, string | string[]>> {
    return this.#identity;
  }

  /** @throws StatusError for an answer of 400 and above */
  async open(r: RestRequest): Promise<IncomingMessage> {
    const response = await this.#send(r);
    const { warning } = response.headers;
    // Several warnings come joined by commas; each begins with its code.
    for (const w of (warning ?? '').split(/, (?=299 )/)) if (w) this.warnings(warningText(w));
    const code = response.statusCode ?? 0;
    if (code < 400) return response;
    const failed = failure(code, await textOf(response));
    throw code === 404 ? ((await this.#withoutNamespace(r)) ?? failed) : failed;
  }

  /** What the server says of the namespace of an object that is not there, when that is not there either. */
  async #withoutNamespace({ method = 'GET', path, mayBeAbsent }: RestRequest): Promise<StatusError | undefined> {
    const [, namespace] = IN_NAMESPACE.exec(path) ?? [];
    if (!namespace || method !== 'GET' || mayBeAbsent) return undefined;
    const response = await this.#send({ path: `/api/v1${namespace}` });
    const text = await textOf(response);
    return response.statusCode === 404 ? failure(404, text) : undefined;
  }

  #send(r: RestRequest): Promise<IncomingMessage> {
    return connected(() => this.#sendOnce(r));
  }

  async #sendOnce(r: RestRequest): Promise<IncomingMessage> {
    const body = r.body === undefined || typeof r.body === 'string' ? r.body : JSON.stringify(r.body);
    const headers = {
      accept: r.accept ?? 'application/json',
      'user-agent': 'cox',
      ...this.authorization(),
      ...(body === undefined
        ? {}
        : { 'content-type': r.contentType ?? 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const url = this.url(r.path, r.query);
    const method = r.method ?? 'GET';
    const started = Date.now();
    const transport = await this.#load();
    const signal = r.signal ?? (method === 'GET' ? this.#signal : undefined);
    return new Promise((resolve, reject) => {
      const sent = send(transport, url, { method, headers, timeout: this.#timeoutMs, ...(signal ? { signal } : {}) });
      if (method !== 'GET') this.#endWithCommand(sent);
      sent.on('response', (response) => {
        sent.setTimeout(0);
        const { statusCode, statusMessage } = response;
        const took = `in ${Date.now() - started} milliseconds`;
        this.#trace?.(`${method} ${url} ${statusCode} ${statusMessage} ${took}`, body);
        resolve(response);
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      sent.on('error', (e: NodeJS.ErrnoException) => {
        if (signal?.aborted && signal === this.#signal) return reject(new Interrupted());
        // A connection that was idle may have ended just now: what only reads may be asked again, as Go's client does.
        const ended = sent.reusedSocket && (e.code === 'ECONNRESET' || e.code === 'EPIPE');
        reject(ended && method === 'GET' ? Object.assign(e, { again: true }) : e);
      });
      sent.end(body);
    });
  }

  /** A change that is under way when the command is interrupted: what becomes of it is worth knowing, but not worth any time. */
  #endWithCommand(sent: ClientRequest): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const begin = (): void => {
      const timer = this.#clock.after(LAST_ANSWER_MS, () => sent.destroy(new Unanswered()));
      sent.on('close', () => timer.cancel());
    };
    signal.addEventListener('abort', begin);
    sent.on('close', () => signal.removeEventListener('abort', begin));
  }

  /** Sends a request of somebody else, as the user of the kubeconfig, and gives the answer as it comes. */
  async pass(r: { method: string; path: string; headers: Headers; body: Readable }): Promise<IncomingMessage> {
    const transport = await this.#load();
    return new Promise((resolve, reject) => {
      const sent = send(transport, `${this.#server}${r.path}`, {
        method: r.method,
        headers: { ...r.headers, ...this.#identity },
      });
      sent.on('response', resolve);
      sent.on('error', reject);
      r.body.pipe(sent);
    });
  }

  /** Changes over to another protocol. @throws StatusError when the server does not */
  upgrade(path: string, headers: Headers): Promise<{ socket: Duplex; head: Buffer }> {
    return connected(() => this.#upgradeOnce(path, headers));
  }

  async #upgradeOnce(path: string, headers: Headers): Promise<{ socket: Duplex; head: Buffer }> {
    const signal = this.#signal;
    const transport = await this.#load();
    return new Promise((resolve, reject) => {
      const sent = send(transport, `${this.#server}${path}`, {
        method: 'POST',
        headers: { ...headers, ...this.#identity, connection: 'Upgrade' },
        timeout: ANSWER_TIMEOUT_MS,
        ...(signal ? { signal } : {}),
      });
      sent.on('upgrade', (_response, socket, head) => resolve({ socket, head }));
      sent.on('response', (response) => {
        void textOf(response).then((text) => reject(failure(response.statusCode ?? 0, text)), reject);
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      sent.on('error', reject);
      sent.end();
    });
  }

  /** Loads what connects: who sends nothing, as with --dry-run=client, need not wait for it. @throws CliError for a wrong proxy */
  async #load(): Promise<Transport> {
    this.#transport ??= import('./agents.ts').then((m) => m.transportFor(this.#config));
    this.#opened = await this.#transport;
    return this.#opened;
  }

  async text(r: RestRequest): Promise<string> {
    return textOf(await this.open(r));
  }

  async json<T = Record<string, unknown>>(r: RestRequest): Promise<T> {
    return JSON.parse(await this.text(r)) as T;
  }

  /** An object that may not be there: undefined then. @throws StatusError for any other failure */
  async found<T = Record<string, unknown>>(path: string): Promise<T | undefined> {
    try {
      return await this.json<T>({ path, mayBeAbsent: true });
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  /** Ends all connections. Later requests make new ones. */
  close(): void {
    this.#opened?.agent?.destroy();
  }
}

const send = ({ request, agent }: Transport, url: string, o: RequestOptions): ClientRequest =>
  request(url, agent ? { ...o, agent } : o);

/** A balancer under load hangs up during the handshake: nothing was sent then, and it may be tried again. */
export async function connected<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (e) {
      const { message, again } = e as Error & { again?: boolean };
      if (tried === ATTEMPTS || !(again || /before secure TLS connection/.test(message))) throw e;
    }
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** `299 - "text"` (RFC 7234 §5.5). */
const warningText = (w: string): string =>
  w
    .replace(/^299 \S+ "/, '')
    .replace(/"$/, '')
    .replaceAll('\\"', '"');

function failure(code: number, text: string): StatusError {
  try {
    const status = JSON.parse(text) as Status;
    if (status.kind === 'Status') return new StatusError({ ...status, code });
  } catch {
    // Not a Status: a proxy in between answered.
  }
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code,
    message: text.trim() || `HTTP ${code}`,
  });
}
