import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { GRPC, GrpcFrames, grpcFrame } from './frames.ts';

/** Answers one message. What it throws is told as INVALID_ARGUMENT. */
export type GrpcMethod = (message: Buffer) => Promise<Uint8Array>;

const MAX_REQUEST = 1 << 20;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

/** A gRPC server of unary methods, by path, on a Unix socket. */
export class GrpcServer {
  readonly #methods: Readonly<Record<string, GrpcMethod>>;
  readonly #server: Http2Server = createServer();
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(methods: Readonly<Record<string, GrpcMethod>>) {
    this.#methods = methods;
    this.#server.on('session', (s) => {
      this.#sessions.add(s);
      s.on('close', () => this.#sessions.delete(s));
      s.on('error', () => s.destroy());
    });
    this.#server.on('stream', (stream, headers) => this.#serve(stream, String(headers[':path'])));
  }

  /** @throws Error when the socket cannot be made */
  async listen(socketPath: string): Promise<void> {
    this.#server.listen(socketPath);
    await once(this.#server, 'listening');
  }

  #serve(stream: ServerHttp2Stream, path: string): void {
    const method = this.#methods[path];
    const frames = new GrpcFrames(MAX_REQUEST);
    stream.on('error', () => {});
    if (!method) {
      refuse(stream, GRPC.unimplemented, `unknown method ${path}`);
      return;
    }
    let taken = false;
    stream.on('data', (chunk: Buffer) => {
      try {
        const [message] = frames.push(chunk);
        if (!message || taken) return;
        taken = true;
        method(message).then(
          (answer) => reply(stream, answer),
          (e: Error) => refuse(stream, GRPC.invalidArgument, e.message),
        );
      } catch (e) {
        refuse(stream, GRPC.invalidArgument, (e as Error).message);
      }
    });
  }

  close(): void {
    this.#server.close();
    for (const s of this.#sessions) s.destroy();
  }
}

function reply(stream: ServerHttp2Stream, answer: Uint8Array): void {
  if (stream.destroyed) return;
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(GRPC.ok) }));
  stream.end(grpcFrame(answer));
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed || stream.headersSent) return;
  const told = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
  stream.respond({ ...HEADERS, ...told }, { endStream: true });
}
