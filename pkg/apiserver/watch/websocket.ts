import { WebSocket } from 'ws';
import { MEDIA_TYPE as PROTOBUF_TYPE } from '#api/protobuf/wire.ts';
import { type AcceptorLimits, offeredSubprotocols, type Upgrade, WebSocketAcceptor } from '#websocket/acceptor.ts';
import type { Outlet } from './outlet.ts';

/** Clients have nothing to say in a watch; what they say is thrown away. */
const LIMITS: AcceptorLimits = { maxMessage: 64 << 10, lingerMs: 10_000 };
const NORMAL_CLOSURE = 1000;
const SWITCHING_PROTOCOLS = 101;
const BAD_REQUEST = 400;
/** Before each frame of protobuf, as a stream needs it and messages do not. */
const LENGTH_BYTES = 4;

const acceptor = new WebSocketAcceptor(LIMITS);

/**
 * A watch as a WebSocket: each event is a message, of text for JSON, binary for protobuf. Messages look the same whatever
 * sub-protocol the client offers; it is told the first of them, as browsers demand.
 */
export class WebSocketOutlet implements Outlet {
  readonly #upgrade: Upgrade;
  #ws: WebSocket | undefined;
  #binary = false;
  #code = 0;

  constructor(upgrade: Upgrade) {
    this.#upgrade = upgrade;
  }

  /** HTTP code of the answer to the handshake; 0: there was none. */
  get code(): number {
    return this.#code;
  }

  get gone(): boolean {
    const { socket } = this.#upgrade;
    const opened = this.#ws?.readyState === WebSocket.OPEN;
    return socket.destroyed || (this.#code !== 0 && !opened);
  }

  get backlog(): number {
    return this.#upgrade.socket.writableLength;
  }

  open(type: string): void {
    this.#binary = type.startsWith(PROTOBUF_TYPE);
    this.#code = BAD_REQUEST;
    const [subprotocol = ''] = offeredSubprotocols(this.#upgrade);
    acceptor.accept(this.#upgrade, subprotocol, (ws) => {
      this.#ws = ws;
      this.#code = SWITCHING_PROTOCOLS;
      // It closes by itself then.
      ws.on('error', () => {});
    });
  }

  write(frames: readonly Buffer[]): void {
    const { socket } = this.#upgrade;
    // One record of TLS for all of them.
    socket.cork();
    for (const frame of frames) {
      const message = this.#binary ? frame.subarray(LENGTH_BYTES) : frame;
      this.#ws?.send(message, { binary: this.#binary });
    }
    socket.uncork();
  }

  end(): void {
    this.#ws?.close(NORMAL_CLOSURE);
  }

  cut(): void {
    this.#ws?.terminate();
  }

  onGone(gone: () => void): void {
    this.#ws?.once('close', gone);
  }
}
