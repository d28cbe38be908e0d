import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemExec } from '#process/exec.ts';
import { repository } from '../images/store.ts';

export const clusterDir = join(repository, '.cluster');
const envFile = join(clusterDir, 'compose.env');
const PROJECT = ['--project-name', 'coxswain', '--file', join(repository, 'docker-compose.yml'), '--env-file', envFile];
const UP_MS = 180_000;

/** What docker-compose.yml leaves open. */
export function writeEnvironment(values: Readonly<Record<string, string>>): void {
  mkdirSync(clusterDir, { recursive: true, mode: 0o700 });
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(envFile, lines.join(''), { mode: 0o600 });
}

/** Version 2 is a plugin of docker, version 1 a program of its own. */
async function command(): Promise<string[]> {
  const plugin = await systemExec('docker', ['compose', 'version']).catch(() => undefined);
  return plugin?.code === 0 ? ['docker', 'compose'] : ['docker-compose'];
}

/** Runs compose and waits. @returns what it printed. @throws Error with the end of what it complained about. */
export async function compose(args: readonly string[]): Promise<string> {
  const [program = '', ...first] = await command();
  const { code, stdout, stderr } = await systemExec(program, [...first, ...PROJECT, ...args], { timeoutMs: UP_MS });
  if (code === 0) return stdout;
  throw new Error(`${program} ${args[0]}: ${stderr.trim().split('\n').slice(-5).join('\n')}`);
}

/** Runs compose on this terminal. @returns its exit code. */
export async function composeHere(args: readonly string[]): Promise<number> {
  const [program = '', ...first] = await command();
  const child = spawn(program, [...first, ...PROJECT, ...args], { stdio: 'inherit' });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}
