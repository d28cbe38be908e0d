import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { GRPC, GrpcFrames, grpcFrame } from './frames.ts';
import { GrpcError, type GrpcStatus, statusOf } from './status.ts';

export interface GrpcCall {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly message: Uint8Array;
  readonly authority: string;
  readonly userAgent: string;
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/** Headers of a call. */
const callHeaders = (path: string, more: Readonly<Record<string, string>> = {}) => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
  ...more,
});

/** Sends the message of a call that was begun just now; answers are handed over as they come. Never rejects. */
function exchange(
  stream: ClientHttp2Stream,
  { message, maxBytes }: Pick<GrpcCall, 'message' | 'maxBytes'>,
  onMessage: (message: Buffer) => void,
): Promise<GrpcStatus> {
  const { promise, resolve } = Promise.withResolvers<GrpcStatus>();
  const frames = new GrpcFrames(maxBytes);
  let status: GrpcStatus | undefined;
  let broken = '';
  const read = (headers: Record<string, unknown>): void => {
    if (headers['grpc-status'] !== undefined) status = statusOf(headers);
  };
  stream.on('response', read);
  stream.on('trailers', read);
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const m of frames.push(chunk)) onMessage(m);
    } catch (e) {
      broken = (e as Error).message;
      stream.close(constants.NGHTTP2_CANCEL);
    }
  });
  stream.on('error', (e) => {
    broken ||= e.message;
  });
  stream.on('close', () => resolve(status ?? { code: -1, message: broken || 'no gRPC answer' }));
  stream.end(grpcFrame(message));
  return promise;
}

/** One call on a session; answers are handed over as they come. Never rejects. */
export async function grpcCall(
  session: ClientHttp2Session,
  call: GrpcCall,
  onMessage: (message: Buffer) => void,
): Promise<GrpcStatus> {
  const who = { ':authority': call.authority, 'user-agent': call.userAgent };
  const stream = session.request(callHeaders(call.path, who));
  const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL);
  call.signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await exchange(stream, call, onMessage);
  } finally {
    call.signal?.removeEventListener('abort', cancel);
  }
}

const MAX_ANSWER = 16 << 20;

/** A connection to a gRPC server on a Unix socket. */
export class GrpcChannel {
  readonly #session: ClientHttp2Session;
  #fault: Error | undefined;

  constructor(socketPath: string) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
    this.#session.on('error', (e) => {
      this.#fault = e;
    });
  }

  async #call(
    path: string,
    message: Uint8Array,
    signal: AbortSignal,
    onMessage: (message: Buffer) => void,
  ): Promise<void> {
    if (this.#session.destroyed) throw new GrpcError({ code: GRPC.unavailable, message: this.#why('it is closed') });
    const about = { path, message, authority: 'localhost', userAgent: 'coxswain', maxBytes: MAX_ANSWER, signal };
    const { code, message: words } = await grpcCall(this.#session, about, onMessage);
    if (code === GRPC.ok) return;
    throw new GrpcError(code >= 0 ? { code, message: words } : { code: GRPC.unavailable, message: this.#why(words) });
  }

  readonly #why = (words: string): string => this.#fault?.message ?? words;

  /** One message for one. @throws GrpcError, also when there is no answer in time */
  async unary(path: string, message: Uint8Array, timeoutMs: number): Promise<Buffer> {
    let answer: Buffer | undefined;
    await this.#call(path, message, AbortSignal.timeout(timeoutMs), (m) => {
      answer = m;
    });
    if (!answer) throw new GrpcError({ code: GRPC.unknown, message: `${path} answered without a message` });
    return answer;
  }

  /** Many messages for one. Resolves when the server has said its last. @throws GrpcError */
  stream(path: string, message: Uint8Array, signal: AbortSignal, onMessage: (message: Buffer) => void): Promise<void> {
    return this.#call(path, message, signal, onMessage);
  }

  close(): void {
    this.#session.destroy();
  }
}
