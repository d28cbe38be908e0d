import { readdirSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { ClusterNode } from '../bed/cluster-node.ts';
import { descendants, nameOf } from '../bench/machine/processes.ts';

/** A daemon of a node, as its soak looks at it. */
export interface Daemon {
  /** Kinds of its open files: paths, or "socket:" and the like. */
  readonly files: readonly string[];
  /** What it holds in memory after its garbage was collected, MiB. */
  readonly heapMiB: number;
}

const MIB = 2 ** 20;
const CALL_MS = 60_000;

/** What the files of a process are: paths, or kinds of sockets and the like. */
function openFiles(pid: number): string[] {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).map((fd) => {
    try {
      return readlinkSync(join(dir, fd)).replace(/:\[\d+\]$/, '');
    } catch {
      return 'closed meanwhile';
    }
  });
}

/** The agent's heap after a collection, by its inspector, which listens inside the node from the first call on. */
async function agent(node: ClusterNode): Promise<Daemon> {
  const pid = node.agent.pid;
  if (pid === undefined) throw new Error('the agent does not run');
  process.kill(pid, 'SIGUSR1');
  const { code, stdout, stderr } = await node.exec(process.execPath, [join(import.meta.dirname, 'collect.ts')], {
    timeoutMs: CALL_MS,
  });
  if (code !== 0) throw new Error(`the agent's heap cannot be measured: ${stderr}`);
  return { files: openFiles(pid), heapMiB: Number(stdout) / MIB };
}

/** A Go program tells of its heap at this path, after a collection when asked for one. */
const HEAP = '/debug/pprof/heap?gc=1&debug=1';

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: HEAP, timeout: CALL_MS }, (answer) => {
      let text = '';
      answer.on('data', (c: Buffer) => {
        text += c.toString();
      });
      answer.on('end', () => resolve(text));
    });
    call.on('timeout', () => call.destroy(new Error(`${socketPath} does not answer`)));
    call.on('error', reject);
    call.end();
  });
}

async function goDaemon(node: ClusterNode, name: string, socket: string): Promise<Daemon> {
  const machine = node.init();
  const pid = machine === undefined ? undefined : descendants(machine).find((p) => nameOf(p) === name);
  if (pid === undefined) throw new Error(`${name} does not run on ${node.name}`);
  const bytes = /^# HeapAlloc = (\d+)$/m.exec(await ask(socket))?.[1];
  if (bytes === undefined) throw new Error(`${name} does not tell what it holds`);
  return { files: openFiles(pid), heapMiB: Number(bytes) / MIB };
}

/** The agent, dockerd and its containerd. */
export async function daemons(node: ClusterNode): Promise<Record<'agent' | 'dockerd' | 'containerd', Daemon>> {
  return {
    agent: await agent(node),
    dockerd: await goDaemon(node, 'dockerd', node.dockerHost.replace('unix://', '')),
    containerd: await goDaemon(node, 'containerd', join(node.dir, 'exec/containerd/containerd-debug.sock')),
  };
}
