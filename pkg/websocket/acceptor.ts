import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** A request to switch protocols, as Node's 'upgrade' event gives it. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes behind the request's head. */
  readonly head: Buffer;
  /** Told the code of the answer when it begins to be written, by who writes it. */
  readonly answered?: (code: number) => void;
}

/** The names in a header that is a list. */
export const namesIn = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter(Boolean);

export const isWebSocket = ({ request }: Pick<Upgrade, 'request'>): boolean =>
  request.headers.upgrade?.toLowerCase() === 'websocket';

/** How browsers, which cannot set headers, pass a bearer token: as one more sub-protocol, the token behind it in base64url. */
export const TOKEN_SUBPROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The names in lists of sub-protocols, less the client's token: that is for who authenticates, and nobody else. */
export const withoutToken = (lists: string | string[] | undefined): string[] =>
  namesIn(lists).filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL));

/** The WebSocket sub-protocols the client offers, in its order of preference. */
export const offeredSubprotocols = ({ request }: Pick<Upgrade, 'request'>): string[] =>
  withoutToken(request.headers['sec-websocket-protocol']);

const SWITCHING_PROTOCOLS = 101;

export interface AcceptorLimits {
  /** Largest message of a client, bytes; a larger one ends its connection. */
  readonly maxMessage: number;
  /** How long a client may take to answer that its connection is closed, milliseconds. */
  readonly lingerMs: number;
}

/**
 * Completes WebSocket handshakes. The sub-protocol is chosen by the caller: the library refuses names with a slash
 * ("SPDY/3.1+portforward.k8s.io"), so the header is kept from it and the answer added behind its back.
 */
export class WebSocketAcceptor {
  readonly #chosen = new WeakMap<IncomingMessage, string>();
  readonly #server: WebSocketServer;

  constructor({ maxMessage, lingerMs }: AcceptorLimits) {
    const limits = { maxPayload: maxMessage, closeTimeout: lingerMs };
    this.#server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, ...limits });
    this.#server.on('headers', (headers, request) => {
      const name = this.#chosen.get(request);
      if (name) headers.push(`Sec-WebSocket-Protocol: ${name}`);
    });
  }

  /** Calls `opened`, before it returns, unless the handshake is invalid; the client has been told then. An empty name answers none. */
  accept({ request, socket, head, answered }: Upgrade, subprotocol: string, opened: (ws: WebSocket) => void): void {
    delete request.headers['sec-websocket-protocol'];
    if (subprotocol) this.#chosen.set(request, subprotocol);
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      answered?.(SWITCHING_PROTOCOLS);
      opened(ws);
    });
  }
}
