/** Terminal size in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A size message is some 30 bytes; a longer one is not a size message. */
const MAX_MESSAGE = 1024;

/**
 * Reads the resize channel: JSON objects `{"Width":80,"Height":24}` one after the other, split anywhere. Anything else
 * is skipped.
 */
export class ResizeDecoder {
  #text = '';

  push(chunk: Buffer): TerminalSize[] {
    this.#text += chunk.toString('latin1');
    const sizes: TerminalSize[] = [];
    for (;;) {
      const end = this.#text.indexOf('}');
      if (end < 0) break;
      const size = parseSize(this.#text.slice(0, end + 1));
      if (size) sizes.push(size);
      this.#text = this.#text.slice(end + 1);
    }
    if (this.#text.length > MAX_MESSAGE) this.#text = '';
    return sizes;
  }
}

function parseSize(text: string): TerminalSize | null {
  try {
    const { Width: columns, Height: rows } = JSON.parse(text) as Record<string, unknown>;
    const valid = (n: unknown): n is number => Number.isInteger(n) && (n as number) > 0 && (n as number) <= 0xffff;
    return valid(columns) && valid(rows) ? { columns, rows } : null;
  } catch {
    return null;
  }
}
