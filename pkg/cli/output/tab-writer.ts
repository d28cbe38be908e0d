const PADDING = 2;

interface Line {
  readonly cells: readonly string[];
}

/**
 * Aligns text with tabs: a cell ended by a tab is as wide as the widest in the same column of neighbouring lines, plus two
 * spaces ("elastic tabstops"). What follows the last tab of a line is not aligned.
 */
export function alignTabs(text: string): string {
  const lines = text.split('\n').map((l): Line => ({ cells: l.split('\t') }));
  const out = lines.map(() => '');
  align(lines, out, { column: 0, from: 0, to: lines.length });
  return lines.map((l, i) => (out[i] ?? '') + (l.cells.at(-1) ?? '')).join('\n');
}

function align(lines: readonly Line[], out: string[], block: { column: number; from: number; to: number }): void {
  const { column, to } = block;
  const has = (i: number): boolean => column < (lines[i]?.cells.length ?? 0) - 1;
  for (let i = block.from; i < to; i++) {
    if (!has(i)) continue;
    let end = i;
    let width = 0;
    for (; end < to && has(end); end++)
      width = Math.max(width, [...(lines[end]?.cells[column] ?? '')].length + PADDING);
    for (let j = i; j < end; j++) {
      const cell = lines[j]?.cells[column] ?? '';
      out[j] += cell + ' '.repeat(width - [...cell].length);
    }
    align(lines, out, { column: column + 1, from: i, to: end });
    i = end - 1;
  }
}
