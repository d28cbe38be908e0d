import { once } from 'node:events';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from 'node:http';
import { BlockList, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { WebSocketServer } from 'ws';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { AccessLog } from '../access-log.ts';
import { Endpoint } from '../endpoints.ts';
import { certificateFor } from '../fixtures.ts';
import { DEFAULT_SETTINGS } from '../rules/annotations.ts';
import { Certificate } from '../rules/certificates.ts';
import { rulePath } from '../rules/path.ts';
import { RouteTable } from '../rules/route-table.ts';
import type { RouteSettings } from '../rules/types.ts';
import { Front } from './front.ts';
import { type Listeners, listen } from './listeners.ts';

/** Nobody listens there. */
export const DEAD_PORTS = [1, 2] as const;

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Port of a server that begins to listen. */
export const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
};

/** A certificate of the tests' authority, as a Secret brings it. */
export const certificate = async (hosts: string[]): Promise<Certificate> => {
  const { cert, key } = await certificateFor(hosts);
  const data = { 'tls.crt': Buffer.from(cert).toString('base64'), 'tls.key': Buffer.from(key).toString('base64') };
  return new Certificate({ metadata: { uid: 'u', resourceVersion: '1' }, data } as unknown as Stored<Secret>);
};

/** The whole answer to a request. */
export const answer = async (req: ClientRequest): Promise<Answer> => {
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  return { status: res.statusCode ?? 0, headers: res.headers, body: await text(res) };
};

/** A front before two servers, "a" and "b", that say in a header who they are. Its route is for host h. */
class Site {
  /** What the servers do with a request; each test sets its own. */
  handler: (req: IncomingMessage, res: ServerResponse) => void = () => {};
  endpoints: Endpoint[] = [];
  /** A time that stands still: whoever is avoided stays so. */
  stopped: number | undefined;
  readonly ports: number[] = [];
  readonly sockets = new WebSocketServer({ noServer: true });
  readonly statuses: number[] = [];
  readonly logged: object[] = [];
  readonly certificates = new Map<string, Certificate>();
  readonly front = this.#front();
  listeners!: Listeners;
  readonly #servers: Server[] = [];
  #routes = new RouteTable();

  #front(): Front {
    const trusted = new BlockList();
    trusted.addAddress('127.0.0.2');
    return new Front({
      ...{
        endpoints: { of: () => this.endpoints },
        clock: { ...systemClock, now: () => this.stopped ?? systemClock.now() },
        log: { enabled: true, write: (a: object) => this.logged.push(a) } as unknown as AccessLog,
        trusted,
        httpPort: 80,
        httpsPort: 443,
      },
      routes: () => this.#routes,
      observe: (status) => this.statuses.push(status),
    });
  }

  async start(): Promise<void> {
    for (const name of ['a', 'b']) {
      // A kept connection that ends of its age, while this process is late, would fail a request that is not repeated.
      const server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
        res.setHeader('x-backend', name);
        this.handler(req, res);
      });
      server.on('upgrade', (req, socket, head) => {
        if (req.url !== '/ws') return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
        this.sockets.handleUpgrade(req, socket, head, (ws) => ws.on('message', (m) => ws.send(`echo ${String(m)}`)));
      });
      this.ports.push(await listening(server));
      this.#servers.push(server);
    }
    this.listeners = await listen({
      ...{ front: this.front, clock: systemClock, address: '127.0.0.1', httpPort: 0, httpsPort: 0 },
      certificate: (name) => this.certificates.get(name),
    });
    this.certificates.set('h', await certificate(['h']));
  }

  /** As before the first test. */
  reset(): void {
    this.endpoints = this.ports.map((p) => new Endpoint('127.0.0.1', p));
    this.handler = (_req, res) => res.end('hello');
    this.stopped = undefined;
    this.statuses.length = 0;
    this.logged.length = 0;
    this.serve();
  }

  async close(): Promise<void> {
    for (const s of this.#servers) s.close();
    await this.listeners.close();
  }

  /** One route, for host h. */
  serve(settings: Partial<RouteSettings> = {}, path = '/', tls = false): void {
    this.#routes = new RouteTable();
    const parsed = rulePath(path, 'Prefix');
    const backend = { namespace: 'ns', service: 'svc', port: 80 };
    const { protocol = 'http1' } = settings;
    const route = { ingress: 'ns/i', backend, protocol, settings: { ...DEFAULT_SETTINGS, ...settings }, tls };
    this.#routes.add('h', parsed, { ...route, depth: parsed.depth, exact: parsed.exact });
  }

  ask(path: string, o: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
    const headers = { host: 'h', ...o.headers } as RequestOptions['headers'];
    const req = request({
      host: '127.0.0.1',
      port: this.listeners.httpPort,
      path,
      agent: false,
      ...o,
      ...(headers ? { headers } : {}),
    });
    req.end(body);
    return answer(req);
  }
}

/** A front for all tests of a file; each finds it as new. */
export function useFront(): Site {
  const site = new Site();
  beforeAll(() => site.start());
  beforeEach(() => site.reset());
  afterAll(() => site.close());
  return site;
}
