import type { IncomingMessage } from 'node:http';
import { request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { type Status, StatusError } from '#api/meta/errors.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';

/** Milliseconds to connect and to get a first answer; streams have no limit after that. */
const ANSWER_TIMEOUT_MS = 60_000;

export interface RestRequest {
  readonly method?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly accept?: string;
  readonly contentType?: string;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
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
  readonly #agent: Agent;
  readonly #token: string | undefined;
  readonly warnings: (text: string) => void;

  constructor(config: Kubeconfig, warnings: (text: string) => void) {
    this.#server = config.server.replace(/\/$/, '');
    this.#token = config.token;
    this.warnings = warnings;
    this.#agent = new Agent({
      keepAlive: true,
      ...(config.ca ? { ca: config.ca } : {}),
      ...(config.cert ? { cert: config.cert } : {}),
      ...(config.key ? { key: config.key } : {}),
      ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
      rejectUnauthorized: !config.insecureSkipTlsVerify,
    });
  }

  url(path: string, query: RestRequest['query'] = {}): string {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '' && v !== false) q.set(k, String(v));
    const text = q.toString();
    return `${this.#server}${path}${text ? `?${text}` : ''}`;
  }

  authorization(): Record<string, string> {
    return this.#token ? { authorization: `Bearer ${this.#token}` } : {};
  }

  /** @throws StatusError for an answer of 400 and above */
  async open(r: RestRequest): Promise<IncomingMessage> {
    const response = await this.#send(r);
    const { warning } = response.headers;
    // Several warnings come joined by commas; each begins with its code.
    for (const w of (warning ?? '').split(/, (?=299 )/)) if (w) this.warnings(warningText(w));
    const code = response.statusCode ?? 0;
    if (code >= 400) throw failure(code, await textOf(response));
    return response;
  }

  #send(r: RestRequest): Promise<IncomingMessage> {
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
    const secure = url.startsWith('https:');
    return new Promise((resolve, reject) => {
      const sent = (secure ? request : plainRequest)(url, {
        method: r.method ?? 'GET',
        headers,
        timeout: ANSWER_TIMEOUT_MS,
        ...(secure ? { agent: this.#agent } : {}),
        ...(r.signal ? { signal: r.signal } : {}),
      });
      sent.on('response', (response) => {
        sent.setTimeout(0);
        resolve(response);
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async text(r: RestRequest): Promise<string> {
    return textOf(await this.open(r));
  }

  async json<T = Record<string, unknown>>(r: RestRequest): Promise<T> {
    return JSON.parse(await this.text(r)) as T;
  }

  close(): void {
    this.#agent.destroy();
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
