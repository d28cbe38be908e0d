import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pkiFolder } from '#pki/pki.ts';
import { createBed } from '../../test/bed/bed.ts';
import { clusterNode } from '../../test/bed/cluster-node.ts';
import { rangesOf } from '../../test/bed/layout.ts';
import { waitFor } from '../../test/bed/wait.ts';
import { clusterDir } from './compose.ts';

/** The LAN of the extra nodes, with this machine at .1, and its number in the register of beds. */
const LAN = { bed: 250, prefix: '10.89.0' };
export const LAN_ADDRESS = `${LAN.prefix}.1`;

const dir = join(clusterDir, 'nodes');
const pidFile = join(dir, 'supervisor.pid');
const readyFile = join(dir, 'ready');
const logFile = join(dir, 'supervisor.log');
const START_MS = 180_000;

/** Names and addresses of the nodes besides this machine, which is the first. */
export const extraNodes = (nodes: number): Record<string, string[]> =>
  Object.fromEntries(Array.from({ length: nodes - 1 }, (_, i) => [`node${i + 2}`, [`${LAN.prefix}.${12 + i}`]]));

/** The process that holds the extra nodes, if it lives. */
function supervisor(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('up/main.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Starts the machines (not yet their agents' connections) and returns when their network and dockerd are there. */
export async function startExtraNodes(nodes: number): Promise<void> {
  if (supervisor() !== undefined && existsSync(readyFile) && readFileSync(readyFile, 'utf8') === String(nodes)) return;
  await stopExtraNodes();
  if (nodes < 2) return;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'hold', '--nodes', String(nodes)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  writeFileSync(pidFile, String(child.pid));
  const ended = new Promise<never>((_, reject) => {
    child.on('exit', () => reject(new Error(`the extra nodes did not start: ${readFileSync(logFile, 'utf8').trim()}`)));
  });
  await Promise.race([ended, waitFor('the extra nodes', () => existsSync(readyFile), { timeoutMs: START_MS })]);
  child.unref();
}

/** A power cut for all of them. */
export async function stopExtraNodes(): Promise<void> {
  const pid = supervisor();
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    await waitFor('the end of the extra nodes', () => supervisor() === undefined, { timeoutMs: START_MS });
  }
  rmSync(dir, { recursive: true, force: true });
}

/** Holds the extra nodes until this process is told to end; they end with it in any case. */
export async function holdExtraNodes(nodes: number): Promise<void> {
  const stop = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.resolve());
  const bed = await createBed({ nodes: nodes - 1, first: 2, network: LAN });
  const place = {
    dir: clusterDir,
    ranges: rangesOf('IPv4'),
    fast: false,
    pki: (file: string): string => join(pkiFolder(clusterDir), file),
    log: (name: string): string => join(dir, `${name}.log`),
  };
  const members = bed.nodes.map((machine) => clusterNode(place, machine, {}));
  const processes = members.flatMap((m) => [m.agent, m.proxy, m.dns]);
  let ending = false;
  // What `restart: unless-stopped` does for the containers.
  const keep = async (process: (typeof processes)[number]): Promise<void> => {
    while (!ending) {
      // What cannot be started now (a full disk) is tried again: an end of this process would be one of all nodes.
      await process.launch().catch(() => undefined);
      await Promise.race([process.exited, stop.promise]);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  const kept = processes.map(keep);
  writeFileSync(readyFile, String(nodes));
  await stop.promise;
  ending = true;
  await Promise.all(processes.map((p) => p.stop()));
  await Promise.all(kept);
  await bed.remove();
}
