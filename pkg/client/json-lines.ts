const NEWLINE = 0x0a;

/**
 * Splits a byte stream at newlines without copying whole lines twice: only a line that spans chunks is joined, once.
 * Lines are handed out as Buffers without the newline; empty ones are skipped.
 */
export class LineSplitter {
  readonly #parts: Buffer[] = [];
  #size = 0;
  readonly #maxBytes: number;

  /** @param maxBytes a longer line is an error: no object is that large. */
  constructor(maxBytes = 64 << 20) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer, line: (bytes: Buffer) => void): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      if (this.#size === 0) {
        if (tail.length > 0) line(tail);
        continue;
      }
      this.#parts.push(tail);
      const whole = Buffer.concat(this.#parts);
      this.#parts.length = 0;
      this.#size = 0;
      line(whole);
    }
    if (start === chunk.length) return;
    const rest = chunk.subarray(start);
    this.#size += rest.length;
    if (this.#size > this.#maxBytes) throw new Error(`a line of more than ${this.#maxBytes} bytes`);
    this.#parts.push(rest);
  }
}
