import { readFileSync } from 'node:fs';
import type { ClusterNode } from '../../bed/cluster-node.ts';
import { probe } from '../../bed/net.ts';
import type { ManagedProcess } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';

export interface Change {
  readonly flag: string;
  readonly value: string;
  /** Where it tells whether it is ready. */
  readonly healthPort: number;
}

/** Ends a process of a node and starts it again with another value of one of its flags. */
export async function restartWith(node: ClusterNode, running: ManagedProcess, c: Change): Promise<ManagedProcess> {
  const words = readFileSync(`/proc/${running.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  words[words.lastIndexOf(c.flag) + 1] = c.value;
  await running.stop();
  const next = node.process({
    ...{ name: running.name, command: words[0] ?? '', args: words.slice(1), logFile: running.logFile },
    ready: async (signal) => {
      const ready = () => probe(`http://${node.address}:${c.healthPort}/readyz`);
      await waitFor(running.name, ready, { signal, timeoutMs: 60_000 });
    },
  });
  await next.start();
  return next;
}
