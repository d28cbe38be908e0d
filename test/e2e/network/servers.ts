import { connect, isIPv6, type Socket } from 'node:net';
import type { ClusterNode } from '../../bed/cluster-node.ts';
import type { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';

/** A program of a few lines on a node, whose name is that of its log file too. */
function server(node: ClusterNode, name: string, code: string): ManagedProcess {
  const logFile = `${node.dir}/${name}.log`;
  return node.process({ name, command: process.execPath, args: ['-e', code], logFile });
}

/** Node's names of the families. */
export const SOCKETS = { IPv4: 'udp4', IPv6: 'udp6' } as const;

/** Answers each packet of UDP with a word. */
export const udpServer = (
  node: ClusterNode,
  word: string,
  port: number,
  family: keyof typeof SOCKETS,
): ManagedProcess =>
  server(
    node,
    `udp-${word}`,
    `const s = require('dgram').createSocket('${SOCKETS[family]}');
    s.on('message', (_, r) => s.send('${word}', r.port, r.address)); s.bind(${port});`,
  );

/** Sends back what it gets, on connections that stay. */
export const echoServer = (node: ClusterNode, port: number): ManagedProcess =>
  server(node, `echo-${port}`, `require('net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(${port});`);

/** The only endpoint of a Service without selector. @param port without name, as in an EndpointSlice */
export const sliceOf = (service: string, port: object, address: string): string =>
  JSON.stringify({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: isIPv6(address) ? 'IPv6' : 'IPv4' },
    metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
    ports: [{ name: '', ...port }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });

/** An open connection to an `echoServer`. */
export class Talk {
  readonly #socket: Socket;
  #heard = '';
  #over: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#heard += text;
    });
    socket.on('error', (e) => {
      this.#over = e.message;
    });
    socket.on('close', () => {
      this.#over ??= 'it was closed';
    });
  }

  /** Tries until somebody answers. */
  static open(host: string, port: number): Promise<Talk> {
    return waitFor('a connection', async () => {
      const talk = new Talk(connect({ host, port }));
      try {
        await talk.says('hello', 5000);
        return talk;
      } catch (e) {
        talk.end();
        throw e;
      }
    });
  }

  /** Says a word of its own and waits until it is said back. @throws Error when the connection has ended */
  async says(word: string, timeoutMs = 60_000): Promise<void> {
    this.#socket.write(`${word}\n`);
    const heard = await waitFor(
      `"${word}" to come back`,
      () => (this.#heard.includes(`${word}\n`) ? 'yes' : this.#over),
      { timeoutMs },
    );
    if (heard !== 'yes') throw new Error(`the connection has ended before "${word}" came back: ${heard}`);
  }

  end(): void {
    this.#socket.destroy();
  }
}
