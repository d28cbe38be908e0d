import { createServer, type Server } from 'node:http';
import type { Logger } from '#process/logger.ts';
import type { HealthCheck } from './table/types.ts';

interface Listening {
  readonly server: Server;
  check: HealthCheck;
}

/**
 * The health check node ports of Services with externalTrafficPolicy Local: load balancers send traffic only to nodes
 * that answer 200 here ("Preserving the client source IP"). The answer is that of kube-proxy.
 */
export class HealthCheckPorts {
  readonly #logger: Logger;
  readonly #healthy: () => boolean;
  readonly #failed: (check: HealthCheck, problem: string) => void;
  #missing = 0;
  readonly #open = new Map<number, Listening>();

  /**
   * @param healthy whether the rules of this node are up to date
   * @param failed told of a port that cannot be opened
   */
  constructor(logger: Logger, healthy: () => boolean, failed: (check: HealthCheck, problem: string) => void) {
    this.#logger = logger;
    this.#healthy = healthy;
    this.#failed = failed;
  }

  /** False while somebody else has a port that is wanted: then call `apply` again. */
  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Opens, changes and closes ports. One that is taken by somebody else is tried again next time. */
  async apply(checks: readonly HealthCheck[]): Promise<void> {
    this.#missing = 0;
    const wanted = new Map(checks.map((c) => [c.port, c]));
    for (const [port, { server }] of this.#open) {
      if (wanted.has(port)) continue;
      this.#open.delete(port);
      await close(server);
    }
    for (const [port, check] of wanted) {
      const open = this.#open.get(port);
      if (open) open.check = check;
      else await this.#listen(check);
    }
  }

  async close(): Promise<void> {
    await this.apply([]);
  }

  async #listen(check: HealthCheck): Promise<void> {
    const { port, namespace, name } = check;
    const server = createServer((request, response) => {
      request.resume();
      const { status, headers, body } = answer(entry.check, this.#healthy());
      response.writeHead(status, headers).end(body);
    });
    const entry: Listening = { server, check };
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, () => {
          server.off('error', reject);
          resolve();
        });
      });
      this.#open.set(port, entry);
    } catch (err) {
      this.#missing++;
      this.#logger.error({ err, service: `${namespace}/${name}`, port }, 'cannot answer health checks of the service');
      this.#failed(check, (err as Error).message);
    }
  }
}

/** 200 while there are local endpoints, else 503; load balancers may weigh nodes by the header. */
export function answer(check: HealthCheck, healthy: boolean) {
  const { namespace, name, localEndpoints } = check;
  return {
    status: localEndpoints > 0 && healthy ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': `${localEndpoints}`,
    },
    body: JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy }),
  };
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
