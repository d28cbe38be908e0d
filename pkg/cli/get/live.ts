import { systemClock } from '#async/clock.ts';
import { pathOf } from '../api/discovery.ts';
import { TABLE } from '../api/rest.ts';
import { watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { formatColumns } from '../output/columns.ts';
import { type Table, tableCells } from '../output/table.ts';
import type { Chosen } from '../targets.ts';
import { Screen } from '../terminal/screen.ts';
import { withAges } from './ages.ts';
import { type GetOptions, styleOf } from './options.ts';
import { tableOf } from './tables.ts';

/** How long what was deleted stays to be seen, and the pause between two pictures, milliseconds. */
const SHOW_DELETED_MS = 5_000;
const DRAW_MS = 100;
/** Ages are told in seconds at the finest. */
const TICK_MS = 1_000;

type Row = Table['rows'][number];
type Shown = Row & { readonly deletedAt?: number };

/** One type's table, kept up to date by a watch. */
class LiveTable {
  readonly #chosen: Chosen;
  readonly #options: GetOptions;
  readonly #many: boolean;
  #columns: Table['columnDefinitions'] = [];
  readonly #rows = new Map<string, Shown>();

  constructor(chosen: Chosen, options: GetOptions, many: boolean) {
    this.#chosen = chosen;
    this.#options = options;
    this.#many = many;
  }

  #take(rows: readonly Row[], deleted: boolean): void {
    for (const row of rows) {
      const uid = row.object.metadata?.uid ?? row.object.metadata?.name ?? '';
      this.#rows.set(uid, deleted ? { ...row, deletedAt: systemClock.now() } : row);
    }
  }

  /** Reads and watches until the user has seen enough; begins anew when the server ends the watch. */
  async run(ctx: CliContext, changed: () => void): Promise<void> {
    const { resource, namespace, name } = this.#chosen;
    const o = this.#options;
    while (!ctx.signal.aborted) {
      const first = await tableOf(ctx, this.#chosen, o);
      this.#columns = first.columnDefinitions;
      const there = new Set(first.rows.map((r) => r.object.metadata?.uid));
      for (const [uid, row] of this.#rows) if (!there.has(uid) && !row.deletedAt) this.#take([row], true);
      this.#take(first.rows, false);
      changed();
      const query = {
        labelSelector: o.selector,
        fieldSelector: name ? `metadata.name=${name}` : o.fieldSelector,
        watch: true,
        // That of one object may be older than the server remembers.
        resourceVersion: name ? '0' : first.metadata?.resourceVersion || '0',
      };
      const request = { path: pathOf(resource, namespace), query, accept: TABLE, signal: ctx.signal };
      for await (const e of watchToItsEnd(ctx.rest, request)) {
        this.#take((e.object as Table).rows, e.type === 'DELETED');
        changed();
      }
    }
  }

  /** Lines of the table. Forgets what was deleted some time ago. @returns whether there is more to forget later, too */
  lines(now: number): { lines: string[]; fading: boolean } {
    for (const [uid, row] of this.#rows)
      if (row.deletedAt !== undefined && now - row.deletedAt >= SHOW_DELETED_MS) this.#rows.delete(uid);
    const rows = withAges([...this.#rows.values()], this.#columns, now);
    if (rows.length === 0) return { lines: [], fading: false };
    const style = styleOf(this.#options, this.#chosen.resource, this.#many);
    const table: Table = { kind: 'Table', columnDefinitions: this.#columns, rows };
    const text = formatColumns(tableCells(table, this.#columns, style))
      .trimEnd()
      .split('\n');
    const header = text.length - rows.length;
    const lines = text.map((l, i) => (rows[i - header]?.deletedAt === undefined ? l : `${l}   (deleted)`));
    return { lines, fading: rows.some((r) => r.deletedAt !== undefined) };
  }
}

/** `cox get -w` on a terminal: tables that change in place, of several types if asked for; what is deleted is marked for a while. */
export async function watchLive(ctx: CliContext, chosen: readonly Chosen[], o: GetOptions): Promise<void> {
  const many = new Set(chosen.map((c) => c.resource)).size > 1;
  const tables = chosen.map((c) => new LiveTable(c, o, many));
  const screen = new Screen(process.stdout);
  let due = false;
  let drawn = '';
  const draw = (): void => {
    due = false;
    if (ctx.signal.aborted) return;
    const shown = tables.map((t) => t.lines(systemClock.now()));
    const blocks = shown.map((s) => s.lines).filter((l) => l.length > 0);
    const lines = blocks.length > 0 ? blocks.flatMap((b, i) => (i === 0 ? b : ['', ...b])) : ['Nothing yet.'];
    const text = lines.join('\n');
    if (text !== drawn) screen.show(lines);
    drawn = text;
    if (shown.some((s) => s.fading)) later(DRAW_MS * 5);
  };
  const tick = (): void => {
    if (ctx.signal.aborted) return;
    later(0);
    systemClock.after(TICK_MS, tick, { unref: true });
  };
  systemClock.after(TICK_MS, tick, { unref: true });
  const later = (ms: number): void => {
    if (due) return;
    due = true;
    systemClock.after(ms, draw);
  };
  await Promise.all(tables.map((t) => t.run(ctx, () => later(DRAW_MS))));
}
