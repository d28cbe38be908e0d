import { request } from 'node:http';

/** The agent's, whose subnet has room for all pods of a node. */
const NETWORK = 'coxswain';

/** @see RawDocker.events */
export interface ContainerEvent {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Image and what happened: "coxswain/pause:1 start". */
  readonly what: string;
}

/** Calls of Docker's API without any client library: what containers cost when nobody manages them. */
export class RawDocker {
  readonly #socket: string;

  /** @param host unix://… */
  constructor(host: string) {
    this.#socket = host.replace('unix://', '');
  }

  async #call(method: string, path: string, body?: object): Promise<{ Id: string }> {
    const all = await this.#text(method, path, body);
    return (all ? JSON.parse(all) : {}) as { Id: string };
  }

  #text(method: string, path: string, body?: object): Promise<string> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {};
      const r = request(
        { socketPath: this.#socket, method, path: `/v1.40${path}`, headers, timeout: 60_000 },
        (answer) => {
          let all = '';
          answer.on('data', (c: Buffer) => {
            all += c.toString();
          });
          answer.on('end', () => {
            if ((answer.statusCode ?? 500) >= 300) reject(new Error(`${method} ${path}: ${answer.statusCode} ${all}`));
            else resolve(all);
          });
        },
      );
      r.on('timeout', () => r.destroy(new Error(`${method} ${path} timed out`)));
      r.on('error', reject);
      r.end(text);
    });
  }

  async #container(config: object): Promise<string> {
    const { Id: id } = await this.#call('POST', '/containers/create', config);
    await this.#call('POST', `/containers/${id}/start`);
    return id;
  }

  /** A pause container and one that shares its network, as a pod has them. */
  async pod(): Promise<string[]> {
    const pause = await this.#container({
      Image: 'coxswain/pause:1',
      HostConfig: { IpcMode: 'shareable', NetworkMode: NETWORK },
    });
    const shared = { NetworkMode: `container:${pause}`, IpcMode: `container:${pause}` };
    const app = await this.#container({ Image: 'coxswain/busybox:1', Cmd: ['sleep', '3600'], HostConfig: shared });
    return [pause, app];
  }

  async remove(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#call('DELETE', `/containers/${id}?force=true&v=true`)));
  }

  /** What happened to containers between two times, epoch milliseconds; Docker remembers its last 256 events. */
  async events(since: number, until: number): Promise<ContainerEvent[]> {
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: ['create', 'start'] }));
    const seconds = (ms: number): string => (ms / 1000).toFixed(3);
    const all = await this.#text('GET', `/events?since=${seconds(since)}&until=${seconds(until)}&filters=${filters}`);
    const lines = all.split('\n').filter(Boolean);
    return lines.map((line) => {
      const { Action, Actor, timeNano } = JSON.parse(line) as {
        Action: string;
        Actor: { Attributes: Record<string, string> };
        timeNano: number;
      };
      return { at: timeNano / 1e6, what: `${Actor.Attributes.image} ${Action}` };
    });
  }
}
