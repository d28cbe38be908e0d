import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { isMet, type Row } from './rows.ts';

/** A run as it is kept on disk. */
export interface Report {
  readonly at: string;
  readonly machine: { readonly cpus: number; readonly model: string; readonly node: string };
  readonly rows: readonly Row[];
  /** What the reference reached, where it was measured in the same run. */
  readonly reference?: readonly Row[];
}

/** An earlier run to compare with. */
export interface Earlier {
  readonly label: string;
  readonly rows: readonly Row[];
}

export function readReport(file: string): Report | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : undefined;
}

/** Rows not measured this time are kept from the file's last run, so that a part can be measured by itself. */
export function writeReport(file: string, rows: readonly Row[], theirs: readonly Row[]): void {
  const before = readReport(file);
  const kept = (old: readonly Row[] = []): Row[] => old.filter((o) => !rows.some((r) => r.id === o.id));
  const reference = [...kept(before?.reference), ...theirs];
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version };
  const report: Report = {
    at: new Date().toISOString(),
    machine,
    rows: [...kept(before?.rows), ...rows],
    ...(reference.length > 0 ? { reference } : {}),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/** How much better than `other`: above 1 is better, whichever way the unit goes. */
const better = (r: Row, other: number): string => `×${figure(r.less ? other / r.value : r.value / other)}`;

function cells(r: Row, earlier: readonly Earlier[]): string[] {
  const met = isMet(r);
  const goal = r.goal === undefined ? '' : `${r.less ? '≤' : '≥'} ${figure(r.goal)}`;
  const against = earlier.map((e) => {
    const old = e.rows.find((o) => o.id === r.id);
    return old ? better(r, old.value) : '';
  });
  return [
    r.title,
    `${figure(r.value)} ${r.unit}`,
    goal,
    met === undefined ? '' : met ? 'met' : 'missed',
    r.bound === undefined ? '' : `${figure(r.bound)} (${better(r, r.bound)})`,
    ...against,
    r.note ?? '',
  ];
}

/** A table for people; ratios say how much better this run is. */
export function table(rows: readonly Row[], earlier: readonly Earlier[]): string {
  const head = ['', 'now', 'goal', '', 'bound', ...earlier.map((e) => `vs ${e.label}`), ''];
  const lines = [head, ...rows.map((r) => cells(r, earlier))];
  const widths = head.map((_, i) => Math.max(...lines.map((l) => l[i]?.length ?? 0)));
  const text = lines.map((l) =>
    l
      .map((c, i) => c.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${text.join('\n')}\n`;
}
