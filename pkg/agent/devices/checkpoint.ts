import { readFile } from 'node:fs/promises';
import { writeSecret } from '#pki/files.ts';
import type { ContainerAllocateResponse } from './messages.ts';

/** Devices of one resource that a container has. */
export interface Allocation {
  readonly ids: readonly string[];
  /** What it needs for them. */
  readonly granted: ContainerAllocateResponse;
}

/** By pod UID, container, resource. */
export type Allocations = Map<string, Map<string, Map<string, Allocation>>>;

interface Saved {
  readonly version: 1;
  readonly resources: readonly string[];
  readonly pods: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Allocation>>>>>>;
}

/** What is known of devices across restarts of the agent: who has which, and what there were plugins for. */
export interface Remembered {
  readonly resources: readonly string[];
  readonly allocations: Allocations;
}

const toMap = <T, U>(o: Readonly<Record<string, T>>, of: (value: T) => U): Map<string, U> =>
  new Map(Object.entries(o).map(([k, v]) => [k, of(v)]));

/** Nothing is remembered where there is no file. @throws Error when it cannot be read */
export async function readCheckpoint(file: string): Promise<Remembered> {
  const text = await readFile(file, 'utf8').catch((e: NodeJS.ErrnoException) => {
    if (e.code === 'ENOENT') return undefined;
    throw e;
  });
  if (text === undefined) return { resources: [], allocations: new Map() };
  const { resources, pods } = JSON.parse(text) as Saved;
  return { resources, allocations: toMap(pods, (p) => toMap(p, (c) => toMap(c, (a) => a))) };
}

/** All or nothing: it may be cut off anywhere. */
export async function writeCheckpoint(file: string, { resources, allocations }: Remembered): Promise<void> {
  const pods = Object.fromEntries(
    [...allocations].map(([uid, containers]) => [
      uid,
      Object.fromEntries([...containers].map(([name, of]) => [name, Object.fromEntries(of)])),
    ]),
  );
  const saved: Saved = { version: 1, resources, pods };
  await writeSecret(file, JSON.stringify(saved));
}
