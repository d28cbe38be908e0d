/**
 * Measures what docs/benchmarks.md describes: `node test/bench/main.ts [api] [scheduling] [scale] [controllers] [plane] [pods] [idle] [cli] [failover] [network]`, all of
 * them by default. Prints a table; figures go to .bench/latest.json (`--out FILE`), whose last contents and those of the
 * last release are compared with (`--against FILE`). With `--reference DIR`, which holds the Go implementation's programs, the
 * API, the scheduler and the control plane at rest measure those before ours. The exit code tells of failures, not of missed goals.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Client } from '#client/types.ts';
import { type Cluster, startCluster } from '../bed/cluster.ts';
import { repository } from '../bed/layout.ts';
import { api } from './groups/api.ts';
import { cli } from './groups/cli.ts';
import { controllers } from './groups/controllers.ts';
import { failover } from './groups/failover.ts';
import { clientOf, type Group, type Sink, type Start } from './groups/group.ts';
import { idle, plane } from './groups/idle.ts';
import { network } from './groups/network.ts';
import { pods } from './groups/pods.ts';
import { scale } from './groups/scale.ts';
import { scheduling } from './groups/scheduling.ts';
import { reference } from './machine/reference.ts';
import { type Earlier, readReport, table, writeReport } from './report.ts';
import { besideReference, type Row } from './rows.ts';

type OnCluster = (cluster: Cluster, client: Client, sink: Sink) => Promise<void>;

const ALONE: Readonly<Record<string, Group>> = { api, scheduling, scale, controllers, plane };
/** Measured of the reference, too. Not scale: our hollow nodes are no nodes to its controller manager. */
const BESIDE: ReadonlySet<string> = new Set(['api', 'scheduling', 'plane']);
/** These share a cluster of one node, with the timing of production. */
const ON_NODE: Readonly<Record<string, OnCluster>> = { pods, idle, cli, failover, network };
const NAMES = [...Object.keys(ALONE), ...Object.keys(ON_NODE)];

async function onNode(parts: readonly OnCluster[], sink: Sink): Promise<void> {
  const cluster = await startCluster({ nodes: 1, fast: false });
  const client = await clientOf(cluster);
  try {
    for (const part of parts) await part(cluster, client, sink);
  } finally {
    await client.close();
    await cluster.stop();
  }
}

/** Whose programs are measured, and who is told. */
interface Side {
  readonly sink: Sink;
  readonly start: Start;
}

/** Where something fails, what comes after it is measured all the same. @returns the failures. */
async function measure(wanted: readonly string[], ours: Sink, theirs: Side | undefined): Promise<unknown[]> {
  const failures: unknown[] = [];
  const attempt = (work: Promise<void>): Promise<unknown> => work.catch((e: unknown) => failures.push(e));
  for (const [name, group] of Object.entries(ALONE)) {
    if (!wanted.includes(name)) continue;
    if (theirs && BESIDE.has(name)) await attempt(group(theirs.sink, theirs.start));
    await attempt(group(ours, startCluster));
  }
  const parts = Object.entries(ON_NODE).flatMap(([name, part]) => (wanted.includes(name) ? [part] : []));
  if (parts.length > 0) await attempt(onNode(parts, ours));
  return failures;
}

function earlierRuns(out: string, against: string | undefined): Earlier[] {
  const files: [string, string][] = against
    ? [['that', against]]
    : [
        ['last', out],
        ['release', join(repository, 'docs/benchmarks.json')],
      ];
  return files.flatMap(([label, file]) => {
    const report = readReport(file);
    return report ? [{ label, rows: report.rows }] : [];
  });
}

/** Keeps rows, and tells each. */
const keep =
  (whose: string, rows: Row[]): Sink =>
  (row) => {
    rows.push(row);
    console.error(`${whose}${row.title}: ${row.value.toFixed(2)} ${row.unit} (${row.note ?? ''})`);
  };

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: join(repository, '.bench/latest.json') },
      against: { type: 'string' },
      reference: { type: 'string' },
    },
  });
  const unknown = positionals.filter((p) => !NAMES.includes(p));
  if (unknown.length > 0) {
    console.error(
      `usage: node test/bench/main.ts [${NAMES.join('] [')}] [--out FILE] [--against FILE] [--reference DIR]`,
    );
    return 2;
  }
  const wanted = positionals.length > 0 ? positionals : NAMES;
  const rows: Row[] = [];
  const theirs: Row[] = [];
  const { reference: dir } = values;
  const start: Start = (o) => startCluster({ ...o, ...(dir ? { controlPlane: reference(dir) } : {}) });
  const side = dir ? { sink: keep('reference: ', theirs), start } : undefined;
  const failures = await measure(wanted, keep('', rows), side);
  const others = earlierRuns(values.out, values.against);
  const told = rows.map((r) => besideReference(r, theirs));
  console.log(`\n${table(told, theirs.length > 0 ? [{ label: 'reference', rows: theirs }, ...others] : others)}`);
  if (rows.length > 0) writeReport(values.out, told, theirs);
  for (const failure of failures) console.error(failure);
  return failures.length > 0 ? 1 : 0;
}

process.exitCode = await main();
