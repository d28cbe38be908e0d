import { createWebSocketStream, type WebSocket } from 'ws';
import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { SpdySession } from '#spdy/session.ts';
import {
  type AcceptorLimits,
  isWebSocket,
  offeredSubprotocols,
  type Upgrade,
  WebSocketAcceptor,
} from '#websocket/acceptor.ts';
import type { ContainerStreams, ExecRequest, ProcessSession } from '../streaming/backend.ts';
import { parseCommandOptions } from '../streaming/command/options.ts';
import { runCommand } from '../streaming/command/run.ts';
import { SPDY_COMMAND_PROTOCOLS, SpdyCommandStreams, spdyChannels } from '../streaming/command/spdy.ts';
import { greet, webSocketChannels } from '../streaming/command/websocket.ts';
import type { ForwardTarget } from '../streaming/portforward/forward.ts';
import { PORT_FORWARD_PROTOCOL, SpdyPortForward } from '../streaming/portforward/spdy.ts';
import { forwardChannels, parsePorts } from '../streaming/portforward/websocket.ts';
import { WebSocketChannels } from '../streaming/websocket/channels.ts';
import { CHANNEL_PROTOCOLS, type ChannelProtocol } from '../streaming/websocket/codec.ts';
import type { Connections } from './connections.ts';
import type { StreamPath } from './path.ts';
import { acceptSpdy } from './spdy-handshake.ts';

const TUNNEL_PROTOCOL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`;
const STREAMS_TIMEOUT_MS = 30_000;
/** Messages as large as Go's own servers accept. */
const LIMITS: AcceptorLimits = { maxMessage: 32 << 20, lingerMs: 30_000 };

export interface StreamServerDeps {
  readonly streams: ContainerStreams;
  readonly connections: Connections;
  readonly clock: Clock;
}

/** Serves exec, attach and port-forward on upgraded connections. */
export class StreamServer {
  readonly #deps: StreamServerDeps;
  readonly #webSockets = new WebSocketAcceptor(LIMITS);

  constructor(deps: StreamServerDeps) {
    this.#deps = deps;
  }

  /**
   * Takes over an upgrade whose caller is already admitted.
   * @throws StatusError before anything was answered
   */
  async serve(upgrade: Upgrade, path: StreamPath, query: URLSearchParams): Promise<void> {
    if (path.action === 'portForward') return this.#portForward(upgrade, path, query);
    const { streams } = this.#deps;
    const request = parseCommandOptions(query);
    if (path.action === 'exec' && request.command.length === 0) {
      throw errors.badRequest('you must specify a command for the container');
    }
    const handle = await streams.resolve(path.target, path.container);
    const start = path.action === 'exec' ? streams.exec.bind(streams) : streams.attach.bind(streams);
    this.#command(upgrade, request, (signal) => start(handle, request, signal));
  }

  #command(upgrade: Upgrade, request: ExecRequest, start: (signal: AbortSignal) => Promise<ProcessSession>): void {
    if (isWebSocket(upgrade)) {
      const [name, protocol] = chooseChannelProtocol(upgrade);
      this.#webSockets.accept(upgrade, name, (ws) => {
        const channels = this.#openChannels(ws, protocol);
        const ready = channels.ready().then(() => greet(channels, request));
        void runCommand(webSocketChannels(channels, request, protocol.version), async (signal) => {
          const [started] = await Promise.allSettled([start(signal), ready]);
          if (started.status === 'rejected') throw started.reason;
          return started.value;
        });
      });
      return;
    }
    const name = acceptSpdy(upgrade, SPDY_COMMAND_PROTOCOLS.keys());
    if (name === null) return;
    const version = SPDY_COMMAND_PROTOCOLS.get(name) ?? 0;
    const expected = new SpdyCommandStreams(request, version);
    const session = this.#openSession(upgrade, (_, stream) => expected.accept(stream));
    const late = this.#deps.clock.after(STREAMS_TIMEOUT_MS, () => session.destroy(), { unref: true });
    session.signal.addEventListener('abort', () => late.cancel(), { once: true });
    void expected.complete.then(() => {
      late.cancel();
      return runCommand(spdyChannels(session, expected, version), start);
    });
  }

  #portForward(upgrade: Upgrade, path: StreamPath, query: URLSearchParams): void {
    const target: ForwardTarget = { streams: this.#deps.streams, pod: path.target };
    const forward = new SpdyPortForward(target, this.#deps.clock);
    const accept = forward.accept.bind(forward);
    if (!isWebSocket(upgrade)) {
      if (acceptSpdy(upgrade, [PORT_FORWARD_PROTOCOL]) !== null) this.#openSession(upgrade, accept);
      return;
    }
    if (offeredSubprotocols(upgrade).includes(TUNNEL_PROTOCOL)) {
      this.#webSockets.accept(upgrade, TUNNEL_PROTOCOL, (ws) => {
        this.#openSession({ socket: createWebSocketStream(ws), head: Buffer.alloc(0) }, accept);
      });
      return;
    }
    const ports = parsePorts(query);
    const [name, protocol] = chooseChannelProtocol(upgrade);
    this.#webSockets.accept(upgrade, name, (ws) => {
      void forwardChannels(this.#openChannels(ws, protocol), target, ports);
    });
  }

  #openChannels(ws: WebSocket, protocol: ChannelProtocol): WebSocketChannels {
    const channels = new WebSocketChannels(ws, protocol.codec, this.#deps.clock);
    this.#deps.connections.add(channels);
    return channels;
  }

  #openSession(
    { socket, head }: Pick<Upgrade, 'socket' | 'head'>,
    accept: (session: SpdySession, stream: Parameters<SpdyCommandStreams['accept']>[0]) => void,
  ): SpdySession {
    const session: SpdySession = new SpdySession(socket, {
      role: 'server',
      clock: this.#deps.clock,
      head,
      onStream: (stream) => accept(session, stream),
    });
    this.#deps.connections.add(session);
    return session;
  }
}

/** @throws StatusError 400 when the client offers only sub-protocols we do not know */
function chooseChannelProtocol(upgrade: Upgrade): [string, ChannelProtocol] {
  const offered = offeredSubprotocols(upgrade);
  for (const name of offered.length > 0 ? offered : ['']) {
    const protocol = CHANNEL_PROTOCOLS.get(name);
    if (protocol) return [name, protocol];
  }
  const known = [...CHANNEL_PROTOCOLS.keys()].filter(Boolean).join(' ');
  throw errors.badRequest(`unable to upgrade: client supports [${offered.join(' ')}], server accepts [${known}]`);
}
