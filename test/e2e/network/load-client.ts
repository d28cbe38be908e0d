/**
 * Asks one URL again and again, on several lanes, until SIGTERM (but see `atLeast`); then tells how it went as one line of JSON (a LoadResult).
 * A process of its own, so that it can run in the network of a pod. It says "started" after the first answer.
 */
import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';

export interface LoadSpec {
  readonly host: string;
  readonly port: number;
  /** Host header. */
  readonly name: string;
  readonly lanes: number;
  /** Connections are used again, as browsers do; else each request has one of its own. */
  readonly keepAlive: boolean;
  /** It ends after so many requests at the earliest, however soon it is told to. */
  readonly atLeast: number;
  /** A request without an answer for this long has failed, milliseconds. */
  readonly timeoutMs: number;
  /** Between two requests of a lane, milliseconds; default 20: the machine has other things to do too. */
  readonly pauseMs?: number;
}

export interface Failure {
  readonly ms: number;
  readonly why: string;
}

export interface LoadResult {
  readonly sent: number;
  readonly failures: readonly Failure[];
  /** Of those that were answered with 200, milliseconds. */
  readonly slowestMs: number;
  /** Longest time without any good answer, milliseconds. */
  readonly longestGapMs: number;
}

const MAX_FAILURES = 1000;
const PAUSE_MS = 20;
const spec = JSON.parse(process.argv[2] ?? '') as LoadSpec;
const agent = spec.keepAlive ? new Agent({ keepAlive: true, maxSockets: spec.lanes }) : false;
const failures: Failure[] = [];
let sent = 0;
let slowestMs = 0;
let longestGapMs = 0;
let lastGood = performance.now();
let running = true;

const get = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const { host, port, name } = spec;
    const r = request({ host, port, agent, headers: { host: name } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', reject);
    });
    const late = new AbortController();
    setTimeout(spec.timeoutMs, undefined, { signal: late.signal }).then(
      () => r.destroy(new Error('timed out')),
      () => {},
    );
    r.on('error', reject);
    r.on('close', () => late.abort());
    r.end();
  });

async function one(): Promise<void> {
  const started = performance.now();
  sent++;
  let why: string;
  try {
    const status = await get();
    const now = performance.now();
    if (status === 200) {
      if (slowestMs === 0) process.stdout.write('started\n');
      slowestMs = Math.max(slowestMs, now - started);
      longestGapMs = Math.max(longestGapMs, now - lastGood);
      lastGood = now;
      return;
    }
    why = `status ${status}`;
  } catch (e) {
    why = (e as NodeJS.ErrnoException).code ?? (e as Error).message;
  }
  if (failures.length < MAX_FAILURES) failures.push({ ms: Math.round(performance.now() - started), why });
}

process.on('SIGTERM', () => {
  running = false;
});
await Promise.all(
  Array.from({ length: spec.lanes }, async () => {
    while (running || sent < spec.atLeast) {
      await one();
      await setTimeout(spec.pauseMs ?? PAUSE_MS);
    }
  }),
);
process.stdout.write(`${JSON.stringify({ sent, failures, slowestMs, longestGapMs } satisfies LoadResult)}\n`);
process.exit(0);
