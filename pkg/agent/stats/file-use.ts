import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import type { Exec } from '#process/exec.ts';
import { runtimeUid } from '../pods/mirror-pods.ts';
import type { ContainerFiles, Runtime } from '../runtime/types.ts';
import { diskUse } from './disk-use.ts';
import { type DiskUsage, diskUsage } from './machine.ts';
import type { PodUsage } from './node-stats.ts';

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];

/** What a volume holds, and the file system it is on. Bytes. */
export interface VolumeFiles {
  readonly name: string;
  readonly used: number;
  readonly inodes: number;
  readonly disk: DiskUsage;
  /** It goes with its pod, and lies on the node's disk. */
  readonly ephemeral: boolean;
}

/** What a pod has written. */
export interface PodFiles {
  /** Epoch milliseconds. */
  readonly at: number;
  /** By name. */
  readonly containers: ReadonlyMap<string, ContainerFiles>;
  readonly volumes: readonly VolumeFiles[];
}

export interface FileUseDeps {
  readonly runtime: Pick<Runtime, 'diskUse'>;
  readonly exec: Exec;
  readonly clock: Clock;
  /** Where the files of a volume lie. */
  readonly filesOf: (podUid: string, volume: Volume) => string;
}

/** Files are counted one by one: not more often, milliseconds; as the kubelet does. */
const FRESH_MS = 60_000;
/** Pods looked at together. */
const AT_ONCE = 4;

/** Volumes that are the pod's own, made by the agent. */
const isOwn = (v: Volume): boolean =>
  [v.emptyDir, v.configMap, v.secret, v.downwardAPI, v.projected].some((source) => source !== undefined);

const isEphemeral = (v: Volume): boolean =>
  v.configMap !== undefined || (v.emptyDir !== undefined && !v.emptyDir.medium);

/** What was counted of a pod, when, and of which containers. */
interface Counted {
  readonly at: number;
  readonly ids: string;
  readonly files: Promise<PodFiles>;
}

/** Counts what pods have written when somebody asks, and keeps it for a minute: nothing runs in between. */
export class FileUse {
  readonly #d: FileUseDeps;
  readonly #slots = createSemaphore(AT_ONCE);
  readonly #known = new Map<string, Counted>();

  constructor(deps: FileUseDeps) {
    this.#d = deps;
  }

  /** By UID; those that could not be counted are not among them. */
  async of(pods: readonly PodUsage[]): Promise<ReadonlyMap<string, PodFiles>> {
    const uids = new Set(pods.map((p) => p.pod.metadata.uid));
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#known.delete(uid);
    const found = await Promise.allSettled(pods.map(async (p) => [p.pod.metadata.uid, await this.#pod(p)] as const));
    return new Map(found.flatMap((f) => (f.status === 'fulfilled' ? [f.value] : [])));
  }

  #pod(p: PodUsage): Promise<PodFiles> {
    const { uid } = p.pod.metadata;
    const at = this.#d.clock.now();
    const ids = p.containers.map((c) => c.record.id).join();
    const known = this.#known.get(uid);
    // A container that has started since is not among what was counted.
    if (known?.ids === ids && at - known.at < FRESH_MS) return known.files;
    const files = this.#slots.run(async () => {
      const [containers, volumes] = await Promise.all([this.#containers(p), this.#volumes(p.pod)]);
      return { at, containers, volumes };
    });
    this.#known.set(uid, { at, ids, files });
    files.catch(() => this.#known.delete(uid));
    return files;
  }

  async #containers({ containers }: PodUsage): Promise<PodFiles['containers']> {
    const { runtime } = this.#d;
    const each = containers.map(async ({ record: { id, name } }) => [name, await runtime.diskUse(id)] as const);
    return new Map(await Promise.all(each));
  }

  async #volumes(pod: Stored<Pod>): Promise<readonly VolumeFiles[]> {
    const { exec, filesOf } = this.#d;
    const own = (pod.spec?.volumes ?? []).filter(isOwn);
    const dirs = own.map((v) => filesOf(runtimeUid(pod), v));
    const [sizes, counts, disks] = await Promise.all([
      diskUse(exec, dirs, { count: 'bytes' }),
      diskUse(exec, dirs, { count: 'inodes' }),
      Promise.all(dirs.map((dir) => diskUsage(dir).catch(() => undefined))),
    ]);
    return own.flatMap((v, n) => {
      const [disk, used, inodes] = [disks[n], sizes.get(dirs[n] ?? ''), counts.get(dirs[n] ?? '')];
      if (!disk || used === undefined || inodes === undefined) return [];
      return [{ name: v.name, used, inodes, disk, ephemeral: isEphemeral(v) }];
    });
  }
}
