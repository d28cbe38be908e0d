import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

type Body = Readonly<Record<string, unknown>>;
type Answer = (body: Body) => unknown;

/** A real HTTP server that a scheduler asks as an extender. Paths nobody answers get status 500. */
export class ExtenderServer {
  readonly #server: Server;
  readonly #answers = new Map<string, Answer>();
  readonly asked: { readonly path: string; readonly body: Body }[] = [];

  private constructor() {
    this.#server = createServer((req, res) => {
      let text = '';
      req.on('data', (d) => {
        text += d;
      });
      req.on('end', () => {
        void this.#answer(req.url ?? '', JSON.parse(text) as Body).then(({ status, body }) => {
          res.statusCode = status;
          res.end(JSON.stringify(body));
        });
      });
    });
  }

  static async start(): Promise<ExtenderServer> {
    const server = new ExtenderServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on, what the path answers. */
  on(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  async #answer(path: string, body: Body): Promise<{ status: number; body: unknown }> {
    this.asked.push({ path, body });
    const answer = this.#answers.get(path);
    if (!answer) return { status: 500, body: { Error: `nobody answers ${path}` } };
    try {
      return { status: 200, body: await answer(body) };
    } catch (e) {
      return { status: 500, body: { Error: (e as Error).message } };
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
