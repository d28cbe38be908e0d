import type { Writable } from 'node:stream';

/** A terminal, as far as it is drawn on. */
export type Terminal = Writable & { readonly columns?: number; readonly rows?: number };

const UP = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : '');
const CLEAR_BELOW = '\u001b[J';

/** Lines at the end of a terminal that are drawn over and over in the same place. */
export class Screen {
  readonly #terminal: Terminal;
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Puts lines in the place of those shown before. What does not fit is cut, and its number told. */
  show(lines: readonly string[]): void {
    // A width or height of 0 is one that is not known.
    const width = this.#terminal.columns || 200;
    const height = Math.max(3, (this.#terminal.rows || 50) - 1);
    const fitting = lines.length <= height ? lines : lines.slice(0, height - 1);
    const all =
      fitting.length === lines.length ? fitting : [...fitting, `… ${lines.length - fitting.length} more lines`];
    const text = all.map((l) => `${[...l].slice(0, width - 1).join('')}\n`).join('');
    this.#terminal.write(`${UP(this.#drawn)}\r${CLEAR_BELOW}${text}`);
    this.#drawn = all.length;
  }
}

/** One line that tells what is being waited for, and leaves nothing behind. Nothing at all where there is no terminal. */
export class WaitingLine {
  readonly #terminal: (Terminal & { readonly isTTY?: boolean }) | undefined;

  constructor(terminal: Terminal & { readonly isTTY?: boolean }) {
    this.#terminal = terminal.isTTY === true ? terminal : undefined;
  }

  show(text: string): void {
    const width = this.#terminal?.columns || 80;
    this.#terminal?.write(`\r${CLEAR_BELOW}${[...text].slice(0, width - 1).join('')}`);
  }

  clear(): void {
    this.#terminal?.write(`\r${CLEAR_BELOW}`);
  }
}
