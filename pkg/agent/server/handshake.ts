import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { errors } from '#api/meta/errors.ts';
import { rejectUpgrade } from './reject.ts';

/** The raw material of an upgraded connection. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes behind the request's head. */
  readonly head: Buffer;
}

/** As large as Go's own servers accept. */
const MAX_MESSAGE = 32 * 1024 * 1024;

const list = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter(Boolean);

export const isWebSocket = ({ request }: Upgrade): boolean => request.headers.upgrade?.toLowerCase() === 'websocket';

/** The WebSocket sub-protocols the client offers, in its order of preference. */
export const offeredSubprotocols = ({ request }: Upgrade): string[] => list(request.headers['sec-websocket-protocol']);

/**
 * Agrees on a stream protocol and answers 101. Null when that failed; the client has been told then.
 */
export function acceptSpdy({ request, socket }: Upgrade, supported: Iterable<string>): string | null {
  if (request.headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    rejectUpgrade(socket, errors.badRequest(`unable to upgrade: ${request.headers.upgrade} is not supported`));
    return null;
  }
  const ours = [...supported];
  const offered = list(request.headers['x-stream-protocol-version']);
  const chosen = offered.find((name) => ours.includes(name));
  if (chosen === undefined) {
    const why =
      offered.length === 0
        ? 'unable to upgrade: X-Stream-Protocol-Version is required'
        : `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${ours.join(' ')}]`;
    const accepted = ours.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`);
    rejectUpgrade(socket, errors.forbiddenPath(why), accepted);
    return null;
  }
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${chosen}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return chosen;
}

/**
 * Completes WebSocket handshakes. The sub-protocol is chosen by the caller: the library refuses names with a slash
 * ("SPDY/3.1+portforward.k8s.io"), so the header is kept from it and the answer added behind its back.
 */
export class WebSocketAcceptor {
  readonly #chosen = new WeakMap<IncomingMessage, string>();
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE });

  constructor() {
    this.#server.on('headers', (headers, request) => {
      const name = this.#chosen.get(request);
      if (name) headers.push(`Sec-WebSocket-Protocol: ${name}`);
    });
  }

  /** Calls `opened` unless the handshake is invalid; the client has been told then. An empty name answers none. */
  accept({ request, socket, head }: Upgrade, subprotocol: string, opened: (ws: WebSocket) => void): void {
    delete request.headers['sec-websocket-protocol'];
    if (subprotocol) this.#chosen.set(request, subprotocol);
    this.#server.handleUpgrade(request, socket, head, opened);
  }
}
