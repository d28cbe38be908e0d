import { createSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Logger } from '#process/logger.ts';
import type { Resolver } from './resolver.ts';

export interface DnsServerOptions {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly resolver: Resolver;
  readonly logger: Logger;
  /** A connection on which nothing comes or goes ends after this, milliseconds; default 10 s. */
  readonly idleMs?: number;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 256;
/** Answers under way on one connection; the connection is not read while there are more. */
const MAX_PIPELINED = 32;
const RECEIVE_BUFFER = 4 << 20;

/** Listens for UDP and TCP on one port (RFC 1035 section 4.2). @throws Error when the port is taken. */
export async function listenDns(o: DnsServerOptions): Promise<DnsServer> {
  const tcp = await listenTcp(o);
  const { port } = tcp.address() as { port: number };
  try {
    const closeUdp = await listenUdp({ ...o, port });
    return {
      port,
      async close() {
        closeUdp();
        await new Promise<void>((resolve) => tcp.close(() => resolve()));
      },
    };
  } catch (e) {
    tcp.close();
    throw e;
  }
}

async function listenUdp({ address, port, resolver, logger }: DnsServerOptions): Promise<() => void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  let open = true;
  const send = (answer: Buffer | undefined, to: { port: number; address: string }): void => {
    // A client that is gone is no concern of ours.
    if (answer && open) socket.send(answer, to.port, to.address, () => {});
  };
  socket.on('message', (message, from) => {
    const answer = resolver.answer(message, 'udp');
    if (!(answer instanceof Promise)) send(answer, from);
    else answer.then((a) => send(a, from)).catch((err: unknown) => logger.warn({ err }, 'a query failed'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (err) => logger.warn({ err }, 'UDP socket'));
  try {
    // A burst of queries waits in the kernel rather than being dropped.
    socket.setRecvBufferSize(RECEIVE_BUFFER);
  } catch (err) {
    logger.debug({ err }, 'the receive buffer stays as it is');
  }
  return () => {
    open = false;
    socket.close();
  };
}

async function listenTcp(o: DnsServerOptions): Promise<Server> {
  const { address, port, logger } = o;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    serveConnection(socket, o);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (err) => logger.warn({ err }, 'TCP listener'));
  const close = server.close.bind(server);
  server.close = (done) => {
    for (const s of open) s.destroy();
    return close(done);
  };
  return server;
}

/** Messages come with their length before them; answers may overtake each other (RFC 7766 section 6.2.1.1). */
function serveConnection(socket: Socket, { resolver, logger, idleMs = IDLE_MS }: DnsServerOptions): void {
  let received = Buffer.alloc(0);
  let running = 0;
  const send = (answer: Buffer | undefined): void => {
    running--;
    if (running < MAX_PIPELINED) socket.resume();
    if (!answer || !socket.writable) return;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(answer.length);
    socket.cork();
    socket.write(length);
    socket.write(answer);
    socket.uncork();
  };
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = Buffer.from(received.subarray(2, end));
      received = received.subarray(end);
      running++;
      if (running >= MAX_PIPELINED) socket.pause();
      Promise.resolve(resolver.answer(message, 'tcp'))
        .then(send)
        .catch((err: unknown) => {
          logger.warn({ err }, 'a query failed');
          socket.destroy();
        });
    }
  });
}
