import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { systemExec } from '#process/exec.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { type AskFlags, askOrStop, canAsk } from '../terminal/confirm.ts';
import { installation, readJoined } from './join/machine.ts';
import { nodePaths } from './join/services.ts';

export interface UpFlags {
  readonly nodes?: string;
}

export interface ResetFlags extends AskFlags {
  readonly rootDir?: string;
}

const RESET_MS = 180_000;

/** Runs a program of the installation on this terminal. @returns its exit code */
function runHere(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { cwd: installation(), stdio: 'inherit' });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done(code ?? 1));
  });
}

const script = (path: string): string => {
  const file = join(installation(), path);
  if (!existsSync(file)) throw new CliError(`${file} is not there: this cox stands alone, without its installation`);
  return file;
};

/** `cox cluster up`: a cluster of containers on this machine. @returns the exit code */
export async function clusterUp(o: UpFlags): Promise<number> {
  const nodes = Number(o.nodes ?? '1');
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 20) throw new CliError('--nodes: a number from 1 to 20');
  return runHere(process.execPath, [script('deploy/up/main.ts'), 'up', '--nodes', String(nodes)]);
}

/** `cox cluster down`: takes it away again but for its data. @returns the exit code */
export const clusterDown = (): Promise<number> => runHere('sh', [script('deploy/down.sh')]);

/** Replaces the containers of `cox cluster up` by those of this installation. @returns the exit code */
export const upgradeContainers = (): Promise<number> =>
  runHere(process.execPath, [script('deploy/up/main.ts'), 'upgrade']);

async function must(command: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await systemExec('sh', command, { timeoutMs: RESET_MS });
  if (code === 0) return;
  throw new CliError(`${command[0]} failed: ${(stderr || stdout).trim().split('\n').at(-1) ?? ''}`);
}

/**
 * `cox cluster reset`: removes every trace of a node that has joined from this machine ("kubeadm reset"): processes, pods,
 * rules, routes, mounts, certificates, files. It may be repeated.
 */
export async function resetMachine(session: Pick<CliContext, 'out' | 'signal'>, o: ResetFlags): Promise<void> {
  if (process.getuid?.() !== 0) throw new CliError('only root can reset this machine');
  const root = resolve(o.rootDir ?? '/var/lib/coxswain');
  const joined = readJoined(root);
  if (!joined && !existsSync(nodePaths(root).run))
    throw new CliError(
      `no node has joined from ${root}; name its folder with --root-dir. What "cox cluster up" has made, "cox cluster down" takes away`,
    );
  if (canAsk(o)) await askOrStop(session, `Remove node ${joined?.node ?? ''} with all its pods from this machine?`);
  // It is not there where an earlier reset was interrupted.
  if (existsSync(nodePaths(root).run)) await must([script('deploy/services.sh'), 'stop', root]);
  await must([script('deploy/sweep.sh'), root, ...(joined ? [joined.dockerHost] : [])]);
  session.out(`nothing of node ${joined?.node ?? ''} is left on this machine\n`);
  if (joined) session.out(`Next, where you administer the cluster: cox delete node ${joined.node}\n`);
}
