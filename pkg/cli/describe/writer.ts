import { alignTabs } from '../output/tab-writer.ts';

/** Text of a description: lines with a level of two spaces each, columns aligned. */
export class DescriptionWriter {
  readonly #parts: string[] = [];

  /** "Name:   value"; cells are aligned with those of the lines around. */
  line(level: number, ...cells: readonly (string | number)[]): void {
    this.#parts.push(`${'  '.repeat(level)}${cells.join('\t')}\n`);
  }

  /** A map with one entry a line, the first beside the title; "<none>" for an empty one. */
  map(level: number, title: string, map: Readonly<Record<string, string>> | undefined, separator = '='): void {
    const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    this.list(
      level,
      title,
      entries.map(([k, v]) => `${k}${separator}${v}`),
    );
  }

  list(level: number, title: string, values: readonly string[]): void {
    if (values.length === 0) this.line(level, title, '<none>');
    for (const [i, v] of values.entries()) this.line(level, i === 0 ? title : '', v);
  }

  toString(): string {
    return alignTabs(this.#parts.join(''));
  }
}
