/**
 * A program: has the Node process whose inspector listens on this machine collect its garbage, and prints how many bytes are
 * in use after that.
 */
import { waitFor } from '../bed/wait.ts';

const INSPECTOR = 'http://127.0.0.1:9229/json/list';

interface Usage {
  readonly usedSize: number;
  /** Buffers, which lie outside the heap. */
  readonly backingStorageSize?: number;
}

/** Calls methods of the DevTools protocol, one after the other. */
class Inspector {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error(`${url} does not answer`)), { once: true });
    await promise;
    return new Inspector(socket);
  }

  call(method: string): Promise<unknown> {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const answered = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (answer.id !== id) return;
      this.#socket.removeEventListener('message', answered);
      resolve(answer.result);
    };
    this.#socket.addEventListener('message', answered);
    this.#socket.send(JSON.stringify({ id, method }));
    return promise;
  }

  close(): void {
    this.#socket.close();
  }
}

const [target] = await waitFor('the inspector', async () => {
  const answer = await fetch(INSPECTOR);
  return (await answer.json()) as { webSocketDebuggerUrl: string }[];
});
const inspector = await Inspector.open(target?.webSocketDebuggerUrl ?? '');
// What finalizers let go of is collected by the second.
for (let i = 0; i < 2; i++) await inspector.call('HeapProfiler.collectGarbage');
const { usedSize, backingStorageSize = 0 } = (await inspector.call('Runtime.getHeapUsage')) as Usage;
console.log(usedSize + backingStorageSize);
inspector.close();
