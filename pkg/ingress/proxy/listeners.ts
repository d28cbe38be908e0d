import { createServer, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer, type Http2Session } from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';
import type { Clock } from '#async/clock.ts';
import { Http1Server } from '../http1/server.ts';
import type { Certificate } from '../rules/certificates.ts';
import { mayUpgrade } from './framing.ts';
import type { Front } from './front.ts';

export interface ListenersOptions {
  readonly front: Front;
  readonly clock: Clock;
  /** Address to listen on; "" for all. */
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** An idle connection ends after this, milliseconds; default 75 s. */
  readonly idleMs?: number;
  /** Which certificate to show; undefined: none fits. */
  readonly certificate: (serverName: string) => Certificate | undefined;
}

type OrdinaryOptions = Pick<ListenersOptions, 'front' | 'clock'> & { readonly idleMs: number };

export interface Listeners {
  readonly httpPort: number;
  readonly httpsPort: number;
  /** The certificate for clients that name no server. */
  setDefault(certificate: Certificate): void;
  /** Takes no more connections and waits for requests under way, for a time. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 12_000;
const HEADERS_MS = 30_000;
const KEEP_ALIVE_MS = 75_000;
const MAX_STREAMS = 256;
/** Less than the time docker gives a container to end. */
const DRAIN_MS = 8000;

/** Listens for HTTP and HTTPS. @throws the system's error when a port cannot be had; then none is held. */
export async function listen(o: ListenersOptions): Promise<Listeners> {
  const idleMs = o.idleMs ?? KEEP_ALIVE_MS;
  const http1 = {
    ...{ headersTimeout: HEADERS_MS, keepAliveTimeout: idleMs, requestTimeout: 0 },
    shouldUpgradeCallback: mayUpgrade,
    // Node would refuse it without telling the front, which would then take what follows on that connection.
    requireHostHeader: false,
  };
  // A request that announces no body has none, and needs no stream.
  const plain = createServer({ ...http1, optimizeEmptyRequests: true }, o.front.onRequest);
  const secure = createSecureServer(
    {
      allowHTTP1: true,
      minVersion: 'TLSv1.2',
      settings: { maxConcurrentStreams: MAX_STREAMS },
      SNICallback: (name, done) => {
        const certificate = o.certificate(name);
        if (certificate) done(null, certificate.context);
        else done(new Error(`there is no certificate for ${name}`));
      },
    },
    o.front.onRequest,
  );
  Object.assign(secure, http1);
  const ordinary = [
    takeOrdinary(plain, 'connection', { ...o, idleMs }),
    takeOrdinary(secure, 'secureConnection', { ...o, idleMs }),
  ];
  const sessions = new Set<Http2Session>();
  secure.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    endWhenIdle(session, idleMs);
  });
  for (const server of [plain, secure]) {
    server.on('upgrade', o.front.onUpgrade);
    server.maxConnections = MAX_CONNECTIONS;
  }
  try {
    await bind(plain, o.httpPort, o.address);
    await bind(secure, o.httpsPort, o.address);
  } catch (e) {
    plain.close();
    throw e;
  }
  return {
    httpPort: portOf(plain),
    httpsPort: portOf(secure),
    setDefault: ({ cert, key }) => secure.setSecureContext({ cert, key }),
    close: () => {
      for (const server of ordinary) server.drain();
      return drain(o.clock, { plain, secure, sessions });
    },
  };
}

/**
 * Puts our own reader of HTTP/1.1 before that of Node, which gets what is out of the ordinary, and HTTP/2.
 * @param event with which the server tells of a connection that is ready
 */
function takeOrdinary(server: NetServer, event: string, { front, clock, idleMs }: OrdinaryOptions): Http1Server {
  const [toNode] = server.listeners(event) as [(socket: Socket) => void];
  const ordinary = new Http1Server({
    ...{ clock, headMs: HEADERS_MS, idleMs },
    take: (request, reply) => front.take(request, reply),
    handOver: (socket) => toNode.call(server, socket),
  });
  server.off(event, toNode);
  server.on(event, (socket: Socket & { readonly alpnProtocol?: string | false }) => {
    if (socket.alpnProtocol === 'h2') toNode.call(server, socket);
    else ordinary.accept(socket);
  });
  return ordinary;
}

const portOf = (server: NetServer): number => (server.address() as { port: number }).port;

function bind(server: NetServer, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(address ? { host: address } : {}) }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

/** Otherwise sessions of clients that vanished would in time take all the connections there may be. */
function endWhenIdle(session: Http2Session, idleMs: number): void {
  let streams = 0;
  session.on('stream', (stream) => {
    streams++;
    stream.once('close', () => streams--);
  });
  session.setTimeout(idleMs, () => {
    if (streams === 0) session.close();
  });
}

/** Sessions of HTTP/2 do not end with the server by themselves. */
function drain(
  clock: Clock,
  o: { plain: Server; secure: Http2SecureServer; sessions: Set<Http2Session> },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = clock.after(DRAIN_MS, resolve, { unref: true });
  let open = 2;
  const closed = (): void => {
    open--;
    if (open === 0) resolve();
  };
  o.plain.close(closed);
  o.secure.close(closed);
  for (const session of o.sessions) session.close();
  return promise.finally(() => late.cancel());
}
