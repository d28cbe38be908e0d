import { readFile } from 'node:fs/promises';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { SystemdTree } from './systemd.ts';
import { CgroupTree } from './tree.ts';

/**
 * Cgroups of quality-of-service classes and of pods, which those of the containers lie in ("--cgroups-per-qos"). Pods without
 * requests share what the others leave; a pod's containers share what is the pod's.
 */
export interface PodCgroups {
  /** The cgroup that the containers of a pod are made in, as Docker names it. */
  pathOf(pod: Stored<Pod>): string;
  /** Makes a pod's cgroup, or gives it the bounds it has now. */
  ensure(pod: Stored<Pod>): Promise<void>;
  /**
   * A container of the pod runs: where the kernel can do so (version 2), it is killed as a whole when it is out of memory, as
   * Kubernetes has it ("singleProcessOOMKill").
   */
  started(pod: Stored<Pod>, containerId: string): Promise<void>;
  /** Takes a pod's limits off, so that those of its containers can be changed in any order; `ensure` sets them anew. */
  loosen(pod: Stored<Pod>): Promise<void>;
  /** Removes what there is of a pod whose containers are gone. */
  remove(uid: string): Promise<void>;
  /** Bounds all pods together ("--enforce-node-allocatable"). */
  enforce(all: Enforced): Promise<void>;
  /** Memory of all pods together, without what the kernel can take back at once; undefined where it is not counted. */
  workingSet(): Promise<number | undefined>;
  /** UIDs of pods that there are cgroups of. */
  podUids(): Promise<Set<string>>;
}

/** What all pods may have together. */
export interface Enforced {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export interface PodCgroupsOptions {
  /** Parent of all, as Docker's cgroup parent; '': the root. */
  readonly root: string;
  /** Docker's cgroup driver. */
  readonly driver: string;
  readonly logger: Logger;
  /** /proc/self/mountinfo. */
  readonly mountinfo: string;
  /** Runs programs of the node, wherever this process is. */
  readonly exec: Exec;
  /** Processes of a pod; 0 or less: as many as it likes. */
  readonly podPidsLimit: number;
}

/** Undefined, with a word why in the log, where there is nobody to make them. */
export async function openPodCgroups(options: PodCgroupsOptions): Promise<PodCgroups | undefined> {
  const { driver, logger } = options;
  const made = driver === 'systemd' ? await SystemdTree.open(options) : await CgroupTree.open(options);
  if (made) return made;
  const why = driver === 'systemd' ? 'systemd does not answer here' : 'the cgroups cannot be written here';
  logger.info({ why }, 'pods have no cgroups of their own, their containers are bounded one by one');
  return undefined;
}

/** This machine's mounts. */
export const ownMountinfo = (): Promise<string> => readFile('/proc/self/mountinfo', 'utf8');
