const GAP = 3;
const width = (text: string): number => [...text].length;

/** Rows in columns that only ever grow wider, for rows that come one after another. */
export class ColumnStream {
  readonly #widths: number[] = [];

  /** The text of rows, padded as kubectl pads them: three spaces between columns. */
  lines(rows: readonly (readonly string[])[]): string {
    for (const row of rows) {
      for (const [i, cell] of row.entries()) this.#widths[i] = Math.max(this.#widths[i] ?? 0, width(cell));
    }
    return rows.map((row) => `${this.#line(row)}\n`).join('');
  }

  #line(row: readonly string[]): string {
    const last = row.length - 1;
    return row
      .map((cell, i) => (i === last ? cell : cell + ' '.repeat((this.#widths[i] ?? 0) - width(cell) + GAP)))
      .join('');
  }
}

/** Columns of text, all rows known. */
export const formatColumns = (rows: readonly (readonly string[])[]): string => new ColumnStream().lines(rows);
