import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemExec } from '#process/exec.ts';
import { repository } from '../images/store.ts';

export const clusterDir = join(repository, '.cluster');
/** Where compose looks by itself, so that a plain `docker-compose` in the repository means this cluster too. */
const envFile = join(repository, '.env');
/** Name of the compose project. */
export const NAME = 'coxswain';
/** What a user wants otherwise is in the second one, which a plain `docker-compose` takes as well. */
const files = ['docker-compose.yml', 'docker-compose.override.yml'].map((f) => join(repository, f)).filter(existsSync);
const PROJECT = ['--project-name', NAME, ...files.flatMap((f) => ['--file', f]), '--env-file', envFile];
const UP_MS = 300_000;

/** What docker-compose.yml leaves open. @returns whether it was something else before. */
export function writeEnvironment(values: Readonly<Record<string, string>>): boolean {
  mkdirSync(clusterDir, { recursive: true, mode: 0o700 });
  const text = Object.entries({ COMPOSE_PROJECT_NAME: NAME, ...values })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
  const changed = existsSync(envFile) && readFileSync(envFile, 'utf8') !== text;
  writeFileSync(envFile, text, { mode: 0o600 });
  return changed;
}

/** What was written last; empty before the first time. */
export function readEnvironment(): Readonly<Record<string, string>> {
  if (!existsSync(envFile)) return {};
  const lines = readFileSync(envFile, 'utf8').split('\n');
  return Object.fromEntries(lines.flatMap((line) => (line.includes('=') ? [line.split(/=(.*)/s).slice(0, 2)] : [])));
}

/**
 * Starts the containers; those whose configuration is another are made anew, or with `anew` all of them. Leaders give their
 * leases back first, while there is an API server to give them to: else their successors wait until those expire.
 */
export async function composeUp({ changed, anew }: { changed: boolean; anew: boolean }): Promise<void> {
  if (changed || anew) await composeNow(['stop', '-t', '5', 'scheduler', 'controller-manager']);
  await composeNow(['up', '-d', '--remove-orphans', ...(anew ? ['--force-recreate'] : [])]);
}

/** Version 2 is a plugin of docker, version 1 a program of its own. */
async function command(): Promise<string[]> {
  const plugin = await systemExec('docker', ['compose', 'version']).catch(() => undefined);
  return plugin?.code === 0 ? ['docker', 'compose'] : ['docker-compose'];
}

/** Runs compose and waits. @returns what it printed. @throws Error with the end of what it complained about. */
export async function composeNow(args: readonly string[]): Promise<string> {
  const [program = '', ...first] = await command();
  // Version 1 gives up on a daemon that takes a minute for an answer, as it does on a slow disk.
  const options = { timeoutMs: UP_MS, env: { COMPOSE_HTTP_TIMEOUT: String(UP_MS / 1000) } };
  const { code, stdout, stderr } = await systemExec(program, [...first, ...PROJECT, ...args], options);
  if (code === 0) return stdout;
  throw new Error(`${program} ${args[0]}: ${stderr.trim().split('\n').slice(-5).join('\n')}`);
}

/** Runs compose on this terminal. @returns its exit code. */
export async function composeHere(args: readonly string[]): Promise<number> {
  const [program = '', ...first] = await command();
  const child = spawn(program, [...first, ...PROJECT, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error(`${program} could not be started; "make install" installs it`)));
    child.on('close', (code) => resolve(code ?? 1));
  });
}
