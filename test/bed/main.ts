/**
 * A cluster of plain processes for development: `node test/bed/main.ts up [--nodes N] | down | status | run`.
 * `up` leaves a supervisor (`run`) behind that ends everything when it is told to, or when it dies.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from './cluster.ts';
import { repository } from './layout.ts';
import { waitFor } from './wait.ts';

const dir = join(repository, '.cluster', 'dev');
const pidFile = join(dir, 'supervisor.pid');
const readyFile = join(dir, 'ready');
const logFile = join(dir, 'supervisor.log');

const START_MS = 120_000;

/** The supervisor, if it lives: a number alone may have gone to somebody else. */
function supervisor(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bed/main.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function up(nodes: number): Promise<void> {
  if (supervisor() === undefined) await launch(nodes);
  console.log(readFileSync(readyFile, 'utf8'));
}

async function launch(nodes: number): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  rmSync(readyFile, { force: true });
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [import.meta.filename, 'run', '--nodes', String(nodes)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  writeFileSync(pidFile, String(child.pid));
  const ended = new Promise<never>((_, reject) => {
    child.on('exit', () => reject(new Error(readFileSync(logFile, 'utf8').trim())));
  });
  await Promise.race([ended, waitFor('the cluster', () => existsSync(readyFile), { timeoutMs: START_MS })]);
  child.unref();
}

async function runCluster(nodes: number): Promise<void> {
  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
  });
  const cluster = await startCluster({
    nodes,
    dir,
    fast: false,
    ingress: true,
    flags: {
      'controller-manager': ['--local-path-storage-class', 'local-path', '--local-path-dir', join(dir, 'volumes')],
    },
  });
  const lines = [
    `cluster of ${nodes} nodes at ${cluster.server}; logs in ${join(dir, 'logs')}`,
    ...cluster.nodes.map((n) => `  ${n.name} ${n.address}  docker -H ${n.dockerHost} ps`),
    `try: export KUBECONFIG=${cluster.kubeconfig}`,
  ];
  writeFileSync(readyFile, `${lines.join('\n')}\n`);
  // A timer keeps the process alive: a promise alone does not.
  const alive = setInterval(() => {}, 2 ** 30);
  await stop;
  clearInterval(alive);
  await cluster.stop();
  rmSync(readyFile, { force: true });
}

async function down(): Promise<void> {
  const pid = supervisor();
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    await waitFor('the end of the cluster', () => supervisor() === undefined, { timeoutMs: 60_000 });
  }
  rmSync(dir, { recursive: true, force: true });
  console.log('the development cluster is gone');
}

function status(): void {
  const running = supervisor() !== undefined && existsSync(readyFile);
  console.log(running ? readFileSync(readyFile, 'utf8') : 'no development cluster runs; start one with `make dev`');
  process.exitCode = running ? 0 : 1;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { nodes: { type: 'string', default: '1' } },
});
const nodes = Number(values.nodes);
const verbs: Record<string, () => void | Promise<void>> = {
  up: () => up(nodes),
  run: () => runCluster(nodes),
  down,
  status,
};
const verb = verbs[positionals[0] ?? ''];
if (!verb || !Number.isInteger(nodes) || nodes < 0 || nodes > 50) {
  console.error('usage: node test/bed/main.ts up [--nodes N] | down | status   (N from 0 to 50)');
  process.exit(2);
}
try {
  await verb();
} catch (e) {
  console.error((e as Error).message);
  process.exit(1);
}
