/** Messages of gRPC in HTTP/2 ("gRPC over HTTP2"): a flag for compression, the length in 4 bytes, the message. */
const HEADER = 5;

/** Status codes of gRPC, as far as we give or read them. */
export const GRPC = {
  ok: 0,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  unimplemented: 12,
  unavailable: 14,
} as const;

export function grpcFrame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** Finds the messages in a stream of chunks. */
export class GrpcFrames {
  readonly #max: number;
  /** What has come and is no whole message yet. */
  #chunks: Buffer[] = [];
  #length = 0;
  /** How much has to come before there is more to find. */
  #needed = HEADER;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  /** @returns messages that are complete now. @throws RangeError for one that is compressed or too large */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return [];
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    const found: Buffer[] = [];
    this.#needed = HEADER;
    while (rest.length >= HEADER) {
      const length = rest.readUInt32BE(1);
      if (rest[0] !== 0) throw new RangeError('the message is compressed, which nobody asked for');
      if (length > this.#max) throw new RangeError(`a message of ${length} bytes is larger than ${this.#max}`);
      this.#needed = HEADER + length;
      if (rest.length < this.#needed) break;
      found.push(rest.subarray(HEADER, this.#needed));
      rest = rest.subarray(this.#needed);
      this.#needed = HEADER;
    }
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return found;
  }
}
