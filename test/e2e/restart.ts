import type { ClusterNode } from '../bed/cluster-node.ts';
import { probe } from '../bed/net.ts';
import type { ManagedProcess } from '../bed/process.ts';
import { waitFor } from '../bed/wait.ts';

/** What is different about the process when it runs again. */
export interface Change {
  /** Its words from those it had. */
  readonly args: (had: readonly string[]) => readonly string[];
  /** Port and path where it tells whether it is ready. */
  readonly ready: string;
  /** Variables it has besides those of the tests. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Another value of a flag, which counts where it stands last. */
export const flagAs =
  (flag: string, value: string): Change['args'] =>
  (had) =>
    had.with(had.lastIndexOf(flag) + 1, value);

/** Ends a process of a node and starts it again, changed. */
export async function restartWith(node: ClusterNode, running: ManagedProcess, c: Change): Promise<ManagedProcess> {
  const [command = '', ...had] = running.words;
  await running.stop();
  const next = node.process({
    ...{ name: running.name, command, args: c.args(had), logFile: running.logFile },
    ...(c.env ? { env: c.env } : {}),
    ready: async (signal) => {
      await waitFor(running.name, () => probe(`http://${node.address}:${c.ready}`), { signal });
    },
  });
  await next.start();
  return next;
}
