import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import Fastify, { type FastifyInstance } from 'fastify';
import { errors } from '#api/meta/errors.ts';
import { type Clock, systemClock } from '#async/clock.ts';
import { type Logger, silentLogger } from '#process/logger.ts';
import type { ContainerStreams } from '../streaming/backend.ts';
import { Connections } from './connections.ts';
import { Gate, type GateOptions } from './gate.ts';
import { parseStreamPath } from './path.ts';
import { rejectUpgrade, statusOf } from './reject.ts';
import { addRoutes, pathOf, type RouteDeps } from './routes.ts';
import { StreamServer } from './streams.ts';

/** A certificate and its key, PEM. */
export interface ServingCertificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface AgentServerOptions
  extends GateOptions,
    Pick<RouteDeps, 'health' | 'metrics' | 'metricPages' | 'stats'> {
  /** IP address to listen on. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: ServingCertificate;
  /** PEM of the CA that signs client certificates. */
  readonly clientCa: string | Buffer;
  readonly streams: ContainerStreams;
  readonly clock?: Clock;
  /** Told of failures that are not the client's. */
  readonly log?: Logger;
  /** How often a streaming connection is probed for a peer that is gone. Default 10 s. */
  readonly probeEveryMs?: number;
  /** Streaming connections without data are closed after this. Default 4 h. */
  readonly idleTimeoutMs?: number;
}

export interface AgentServer {
  readonly port: number;
  /** Streaming connections open now. */
  readonly connections: number;
  /** Serves new connections with another certificate, or checks them against another CA. */
  reload(tls: ServingCertificate, clientCa: string | Buffer): void;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

const PROBE_MS = 10_000;
const IDLE_MS = 4 * 60 * 60 * 1000;
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * Starts the agent's HTTPS server (port 10250 of a node): logs, exec, attach, port-forward, pods, health, metrics, stats.
 * @throws the system's error when the port cannot be listened on
 */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const clock = options.clock ?? systemClock;
  const gate = new Gate(options);
  const connections = new Connections({
    clock,
    probeEveryMs: options.probeEveryMs ?? PROBE_MS,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_MS,
  });
  const streams = new StreamServer({ streams: options.streams, connections, clock });
  // Whoever is not known by certificate may still come with a token: the gate decides, not the TLS handshake.
  const https = { ...secure(options.tls, options.clientCa), requestCert: true, rejectUnauthorized: false };
  const app = Fastify({ https, forceCloseConnections: true });
  const log = options.log ?? silentLogger;
  addRoutes(app as unknown as FastifyInstance, { ...options, gate, log });
  const server: Server = app.server;
  server.on('secureConnection', (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    (socket as TLSSocket).setNoDelay(true);
    serveUpgrade(gate, streams, { request, socket, head }).catch((error: unknown) => {
      if (statusOf(error).code >= 500) log.warn({ err: error, path: pathOf(request.url) }, 'stream request failed');
      rejectUpgrade(socket, error);
    });
  });
  await app.listen({ host: options.address, port: options.port });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : options.port,
    get connections() {
      return connections.size;
    },
    reload: (tls, clientCa) => server.setSecureContext(secure(tls, clientCa)),
    async close() {
      const closed = app.close();
      connections.destroyAll();
      await closed;
    },
  };
}

const secure = (tls: ServingCertificate, clientCa: string | Buffer) =>
  ({ cert: tls.cert, key: tls.key, ca: clientCa, minVersion: 'TLSv1.2' }) as const;

async function serveUpgrade(
  gate: Gate,
  streams: StreamServer,
  upgrade: Parameters<StreamServer['serve']>[0],
): Promise<void> {
  await gate.admit(upgrade.request, ['proxy']);
  const url = new URL(upgrade.request.url ?? '/', 'https://agent');
  const path = parseStreamPath(url);
  if (!path) throw errors.pathNotFound();
  await streams.serve(upgrade, path, url.searchParams);
}
