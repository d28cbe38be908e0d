import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../bed/layout.ts';
import { ManagedProcess, type ProcessSpec } from '../../bed/process.ts';
import { waitFor } from '../../bed/wait.ts';
import type { LoadResult, LoadSpec } from './load-client.ts';

const SCRIPT = join(repository, 'test/e2e/network/load-client.ts');

/** Where a client runs: on this machine, on a node, or in the network of a pod. */
export type Run = (spec: ProcessSpec) => ManagedProcess;
export const here: Run = (spec) => new ManagedProcess(spec);

/** A client that asks without pause until `stop`. */
export interface Load {
  /** Ends it after the requests under way. */
  stop(): Promise<LoadResult>;
}

/** Starts a client and waits for its first answer. @param logFile of its own, a new one */
export async function constantLoad(run: Run, logFile: string, spec: LoadSpec): Promise<Load> {
  const lines = (): string[] => readFileSync(logFile, 'utf8').trim().split('\n');
  const client = run({
    ...{ name: `load ${spec.name}`, command: process.execPath, args: [SCRIPT, JSON.stringify(spec)], logFile },
    ready: (signal) =>
      waitFor('a first answer', () => lines().includes('started'), { signal, timeoutMs: 60_000 }).then(() => undefined),
  });
  await client.start();
  return {
    async stop() {
      client.signal('SIGTERM');
      await client.exited;
      return JSON.parse(lines().at(-1) ?? '') as LoadResult;
    },
  };
}
