import { Agent, request } from 'undici';
import { type Status, StatusError } from '#api/meta/errors.ts';
import type { Kubeconfig } from '#client/kubeconfig.ts';

/** Milliseconds to connect and to get a first answer; streams have no limit after that. */
const CONNECT_TIMEOUT_MS = 10_000;
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

/** Raw access for the CLI, where answers are tables, text or streams rather than typed objects. */
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
      connect: {
        ...(config.ca ? { ca: config.ca } : {}),
        ...(config.cert ? { cert: config.cert } : {}),
        ...(config.key ? { key: config.key } : {}),
        ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
        rejectUnauthorized: !config.insecureSkipTlsVerify,
        timeout: CONNECT_TIMEOUT_MS,
      },
      bodyTimeout: 0,
      headersTimeout: ANSWER_TIMEOUT_MS,
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

  async open(r: RestRequest): Promise<{ code: number; body: AsyncIterable<Buffer> & { text(): Promise<string> } }> {
    const response = await request(this.url(r.path, r.query), {
      method: (r.method ?? 'GET') as 'GET',
      dispatcher: this.#agent,
      headers: {
        accept: r.accept ?? 'application/json',
        'user-agent': 'cox',
        ...this.authorization(),
        ...(r.body === undefined ? {} : { 'content-type': r.contentType ?? 'application/json' }),
      },
      ...(r.body === undefined ? {} : { body: typeof r.body === 'string' ? r.body : JSON.stringify(r.body) }),
      ...(r.signal ? { signal: r.signal } : {}),
    });
    const warning = response.headers.warning;
    for (const w of Array.isArray(warning) ? warning : warning ? [warning] : []) {
      this.warnings(
        w
          .replace(/^299 \S+ "/, '')
          .replace(/"$/, '')
          .replaceAll('\\"', '"'),
      );
    }
    if (response.statusCode >= 400) throw failure(response.statusCode, await response.body.text());
    return { code: response.statusCode, body: response.body as never };
  }

  async text(r: RestRequest): Promise<string> {
    return (await this.open(r)).body.text();
  }

  async json<T = Record<string, unknown>>(r: RestRequest): Promise<T> {
    return JSON.parse(await this.text(r)) as T;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

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
