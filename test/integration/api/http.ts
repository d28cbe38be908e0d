import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import type { Status } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { ListMeta } from '#api/meta/options.ts';
import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { Cluster } from '../../bed/cluster.ts';

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Default: the balancer. */
  readonly server?: string;
  /** Speak without the administrator's certificate. */
  readonly anonymous?: boolean;
}

export interface RawAnswer {
  readonly code: number;
  readonly type: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answer<T> extends Omit<RawAnswer, 'body'> {
  readonly body: T;
}

export type Obj = Stored<KubeObject> & { spec?: unknown; data?: unknown; status?: unknown };
export interface List {
  readonly kind: string;
  readonly metadata: ListMeta & { readonly resourceVersion: string };
  readonly items: readonly Obj[];
}

/** Requests as they go over the wire, as administrator unless said otherwise: what clients nobody here wrote would see. */
export class Wire {
  readonly #kc: Kubeconfig;
  readonly server: string;
  /** Without the balancer. */
  readonly #servers: readonly string[];

  private constructor(kc: Kubeconfig, server: string, servers: readonly string[]) {
    this.#kc = kc;
    this.server = server;
    this.#servers = servers;
  }

  static async to(cluster: Cluster): Promise<Wire> {
    return new Wire(await loadKubeconfig(cluster.kubeconfig), cluster.server, cluster.apiservers);
  }

  /** The same requests with other certificates. */
  speaking(identity: Pick<Kubeconfig, 'ca' | 'cert' | 'key'>): Wire {
    return new Wire({ ...this.#kc, ...identity }, this.server, this.#servers);
  }

  /**
   * Every server knows what was written before. Servers admit and authorize by their caches, which follow a moment later;
   * a plain read waits until the server's caches, which one stream feeds, have come as far as etcd.
   */
  async settled(): Promise<void> {
    const known = (server: string) => this.ok('GET', '/api/v1/namespaces/default', undefined, { server });
    await Promise.all(this.#servers.map(known));
  }

  /** The answer with its body still to be read. */
  stream(method: string, path: string, o: AskOptions = {}): Promise<IncomingMessage> {
    const { ca, cert, key } = this.#kc;
    const identity = o.anonymous ? { ca } : { ca, cert, key };
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const body = o.body === undefined || Buffer.isBuffer(o.body) ? o.body : Buffer.from(JSON.stringify(o.body));
    // Of some methods Node does not expect a body, and would not say how long it is.
    const described = body ? { 'content-type': type, 'content-length': String(body.length) } : {};
    const headers = { ...described, ...o.headers };
    return new Promise((resolve, reject) => {
      const r = request((o.server ?? this.server) + path, { method, ...identity, headers, agent: false }, resolve);
      r.on('error', reject);
      r.end(body);
    });
  }

  async raw(method: string, path: string, o: AskOptions = {}): Promise<RawAnswer> {
    const response = await this.stream(method, path, o);
    const chunks: Buffer[] = [];
    for await (const c of response) chunks.push(c as Buffer);
    return {
      code: response.statusCode ?? 0,
      type: response.headers['content-type'] ?? '',
      headers: response.headers,
      body: Buffer.concat(chunks),
    };
  }

  async ask<T = Obj>(method: string, path: string, o: AskOptions = {}): Promise<Answer<T>> {
    const { body, ...rest } = await this.raw(method, path, o);
    return { ...rest, body: JSON.parse(body.toString()) as T };
  }

  /** @throws Error unless the answer is a success. */
  async ok<T = Obj>(method: string, path: string, body?: unknown, o: AskOptions = {}): Promise<T> {
    const answer = await this.ask<T>(method, path, { ...o, ...(body === undefined ? {} : { body }) });
    if (answer.code >= 300) throw new Error(`${method} ${path}: ${answer.code}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** The Status of a request that must fail. */
  async fails(method: string, path: string, o: AskOptions = {}): Promise<Status> {
    const { code, body } = await this.ask<Status>(method, path, o);
    if (code < 300) throw new Error(`${method} ${path} succeeded: ${JSON.stringify(body)}`);
    return body;
  }

  /** A connection that becomes a WebSocket if the server agrees. */
  webSocket(path: string, subprotocols: readonly string[] = [], o: Pick<AskOptions, 'anonymous'> = {}): WebSocket {
    const { ca, cert, key } = this.#kc;
    const identity = o.anonymous ? { ca } : { ca, cert, key };
    return new WebSocket(this.server.replace(/^http/, 'ws') + path, [...subprotocols], identity as never);
  }

  /** Events of a watch as they come; ends the connection when the consumer stops. */
  async *watch(path: string, o: AskOptions = {}): AsyncGenerator<{ type: string; object: Obj }> {
    const response = await this.stream('GET', path, o);
    try {
      for await (const line of createInterface({ input: response })) yield JSON.parse(line);
    } finally {
      response.destroy();
    }
  }
}
