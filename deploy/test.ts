/**
 * Everything `make test` checks, in the order of cost: lint, import rules, types, then unit, integration and e2e tests.
 * Goes on after a failure, so that one run shows all; ends with "N passed, N failed, N skipped" and exit code 1 if
 * anything failed.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const results = join(root, '.test-artifacts', 'results');
const minute = 60_000;

interface Check {
  readonly name: string;
  readonly command: readonly string[];
  /** The sum stays below 25 minutes; a check that hangs is ended. */
  readonly limitMs: number;
}

const vitest = (project: string, limitMs: number): Check => ({
  name: project,
  command: [
    ...['vitest', 'run', '--project', project, '--passWithNoTests', '--reporter=default', '--reporter=json'],
    `--outputFile.json=${join(results, `${project}.json`)}`,
  ],
  limitMs,
});
const PROJECTS = ['unit', 'integration', 'e2e'];
const LIMITS: Readonly<Record<string, number>> = { unit: 3 * minute, integration: 7 * minute, e2e: 12 * minute };

const checks: readonly Check[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'], limitMs: minute },
  { name: 'type-aware lint', command: ['oxlint', '--type-aware', '--quiet'], limitMs: minute },
  { name: 'import rules', command: ['node', 'deploy/lint/imports.ts'], limitMs: minute },
  { name: 'types', command: ['tsc'], limitMs: minute },
  ...PROJECTS.map((project) => vitest(project, LIMITS[project] ?? minute)),
];

/** @returns whether it ended well and in time. */
async function passes(check: Check): Promise<boolean> {
  const [command = '', ...args] = check.command;
  // A group of its own, so that a check that hangs goes with all its children.
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const stop = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  const interrupted = (): void => stop('SIGTERM');
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  const limit = setTimeout(() => {
    console.error(`${check.name}: not finished after ${check.limitMs / minute} minutes`);
    stop('SIGTERM');
    setTimeout(() => stop('SIGKILL'), 30_000).unref();
  }, check.limitMs);
  const { promise, resolve: done } = Promise.withResolvers<boolean>();
  child.on('error', (e) => {
    console.error(`${check.name}: ${e.message}`);
    done(false);
  });
  child.on('close', (code) => done(code === 0));
  const ok = await promise;
  clearTimeout(limit);
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  return ok;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Sums vitest's reports. A file that could not even be loaded, and a report that is missing, count as one failure. */
function count(): Counts {
  const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const project of PROJECTS) {
    const file = join(results, `${project}.json`);
    if (!existsSync(file)) {
      sum.failed++;
      continue;
    }
    const report = JSON.parse(readFileSync(file, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numTodoTests: number;
      testResults: { status: string; assertionResults: { status: string }[] }[];
    };
    const broken = report.testResults.filter(
      (f) => f.status === 'failed' && !f.assertionResults.some((a) => a.status === 'failed'),
    );
    sum.passed += report.numPassedTests;
    sum.failed += report.numFailedTests + broken.length;
    sum.skipped += report.numPendingTests + report.numTodoTests;
  }
  return sum;
}

const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });
const withTests = !process.argv.includes('--no-tests');
const failures: string[] = [];
const began = Date.now();
for (const check of checks.filter((c) => withTests || !PROJECTS.includes(c.name))) {
  const started = Date.now();
  const ok = await passes(check);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${check.name} (${seconds(started)})`);
  if (!ok) failures.push(check.name);
}
if (failures.length > 0) console.log(`\nfailed: ${failures.join(', ')}`);
console.log(`took ${seconds(began)}`);
if (withTests) {
  const { passed, failed, skipped } = count();
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0) process.exitCode = 1;
}
if (failures.length > 0) process.exitCode = 1;
