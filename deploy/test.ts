/**
 * Everything `make test` checks, in the order of cost: lint, import rules, types, then unit, integration and e2e tests.
 * Goes on after a failure, so that one run shows all; ends with "N passed, N failed, N skipped" and exit code 1 if
 * anything failed.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const results = join(root, '.test-artifacts', 'results');
const minute = 60_000;

interface Check {
  readonly name: string;
  readonly command: readonly string[];
  /** A check that hangs is ended. The sum stays below the hour that CI gives. */
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
const LIMITS: Readonly<Record<string, number>> = { unit: 4 * minute, integration: 14 * minute, e2e: 39 * minute };

const checks: readonly Check[] = [
  { name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.'], limitMs: 2 * minute },
  { name: 'type-aware lint', command: ['oxlint', '--type-aware', '--quiet'], limitMs: 2 * minute },
  { name: 'import rules', command: ['node', 'deploy/lint/imports.ts'], limitMs: 2 * minute },
  { name: 'documentation', command: ['node', 'deploy/lint/docs.ts'], limitMs: 2 * minute },
  { name: 'types', command: ['tsc'], limitMs: 2 * minute },
  ...PROJECTS.map((project) => vitest(project, LIMITS[project] ?? minute)),
];

/** Somebody has pressed Ctrl-C: what has not begun is not wanted any more. */
let givenUp = false;

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
  const interrupted = (): void => {
    givenUp = true;
    stop('SIGTERM');
  };
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
  /** What failed, and the beginning of why: the last lines of a long log are what is read, or kept, of it. */
  failures: { name: string; why: string }[];
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
  }[];
}

const WHY_CHARS = 1200;
const failure = (file: string, name: string, why = ''): Counts['failures'][number] => ({
  name: `${relative(root, file)} > ${name}`,
  why: stripVTControlCharacters(why).slice(0, WHY_CHARS),
});

/** Sums vitest's reports. A file that could not even be loaded, and a report that is missing, count as one failure. */
function count(): Counts {
  const sum: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  for (const project of PROJECTS) {
    const file = join(results, `${project}.json`);
    if (!existsSync(file)) {
      sum.failed++;
      continue;
    }
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    const broken = report.testResults.filter(
      (f) => f.status === 'failed' && !f.assertionResults.some((a) => a.status === 'failed'),
    );
    for (const f of broken) sum.failures.push(failure(f.name, '(the whole file)', f.message));
    for (const f of report.testResults)
      for (const a of f.assertionResults)
        if (a.status === 'failed') sum.failures.push(failure(f.name, a.fullName, a.failureMessages?.[0]));
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
  if (givenUp) break;
  const started = Date.now();
  const ok = await passes(check);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${check.name} (${seconds(started)})`);
  if (!ok) failures.push(check.name);
}
if (failures.length > 0) console.log(`\nfailed: ${failures.join(', ')}`);
console.log(`took ${seconds(began)}`);
if (withTests) {
  const { passed, failed, skipped, failures: all } = count();
  for (const { name, why } of all.slice(0, 5)) console.log(`\n${name}\n${why}`);
  if (all.length > 0) console.log(['\nnot passed:', ...all.slice(0, 10).map((f) => f.name)].join('\n  '));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0) process.exitCode = 1;
}
if (failures.length > 0) process.exitCode = 1;
