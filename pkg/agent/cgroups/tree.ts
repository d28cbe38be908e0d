import { access, constants, mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Logger } from '#process/logger.ts';
import { boundsOf } from '../pods/container-config.ts';
import { type Hierarchy, hierarchies } from '../stats/cgroup-paths.ts';
import { workingSetOf } from '../stats/usage.ts';
import { ClassShares } from './class-shares.ts';
import { podBounds } from './limits.ts';
import { namesOf } from './names.ts';
import type { Enforced, PodCgroups } from './pod-cgroups.ts';
import { weightOf } from './shares.ts';
import { killWhole } from './whole.ts';

export interface CgroupTreeOptions {
  /** Parent of all, as Docker's cgroup parent; '': the root. */
  readonly root: string;
  readonly logger: Logger;
  /** /proc/self/mountinfo. */
  readonly mountinfo: string;
  /** Processes of a pod; 0 or less: as many as it likes. */
  readonly podPidsLimit: number;
}

const PERIOD_US = 100_000;
const CLASSES = ['', 'burstable', 'besteffort'] as const;

const code = (e: unknown): string | undefined => (e as NodeJS.ErrnoException).code;

/** Through which pods are bounded. */
const controllersOf = ({ podPidsLimit }: Pick<CgroupTreeOptions, 'podPidsLimit'>): string[] => [
  ...['cpu', 'memory'],
  ...(podPidsLimit > 0 ? ['pids'] : []),
];

/** A hierarchy is seen from its root; in a cgroup namespace of one's own the root shows as so many levels up. */
const isWhole = (h: Hierarchy): boolean => /^\/(\.\.(\/\.\.)*)?$/.test(h.root);

/** Cgroups of pods where we write them ourselves: kubepods/burstable/pod<uid>, say. */
export class CgroupTree implements PodCgroups {
  readonly #root: string;
  readonly #base: string;
  readonly #hierarchies: readonly Hierarchy[];
  readonly #unified: boolean;
  readonly #podPidsLimit: number;
  readonly #controllers: readonly string[];
  readonly #logger: Logger;
  /** Paths of pods, by UID. */
  readonly #known = new Map<string, string>();
  readonly #classes = new ClassShares((name, shares) => this.#weighClass(`${this.#base}/${name}`, shares));

  private constructor(
    { root, logger, podPidsLimit }: CgroupTreeOptions,
    found: readonly Hierarchy[],
    unified: boolean,
  ) {
    this.#root = root.replace(/\/+$/, '');
    this.#base = `${this.#root}/kubepods`;
    this.#hierarchies = found;
    this.#unified = unified;
    this.#controllers = controllersOf({ podPidsLimit });
    this.#podPidsLimit = podPidsLimit;
    this.#logger = logger;
  }

  /** Undefined where the tree cannot be written. */
  static async open(options: CgroupTreeOptions): Promise<CgroupTree | undefined> {
    const { mountinfo } = options;
    const old = hierarchies(mountinfo, 'cgroup').filter(isWhole);
    const unified = old.length === 0;
    // Beside those of version 1 there may be a unified one without controllers, in which containers have a place too.
    const found = [...old, ...hierarchies(mountinfo, 'cgroup2').filter(isWhole)];
    const controlled = unified || controllersOf(options).every((c) => found.some((h) => h.options.includes(c)));
    const writable = await Promise.all(found.map((h) => access(h.point, constants.W_OK))).then(
      () => found.length > 0 && controlled,
      () => false,
    );
    return writable ? new CgroupTree(options, found, unified) : undefined;
  }

  pathOf(pod: Stored<Pod>): string {
    return [this.#root, ...namesOf(pod)].join('/');
  }

  async ensure(pod: Stored<Pod>): Promise<void> {
    const path = this.pathOf(pod);
    const bounds = podBounds(pod);
    await this.#make(path);
    await this.#shares(path, bounds.cpuShares);
    await this.#quota(path, bounds.cpuQuotaUs);
    if (this.#podPidsLimit > 0) await this.#write('pids', path, 'pids.max', this.#podPidsLimit);
    // On version 1 every container of a pod hears of an OOM in the pod's cgroup: the wrong one would be called killed.
    if (this.#unified) await this.#write('memory', path, 'memory.max', bounds.memoryBytes || 'max');
    this.#known.set(pod.metadata.uid, path);
    await this.#classes.set(pod.metadata.uid, path.startsWith(`${this.#base}/burstable/`) ? bounds.cpuShares : 0);
  }

  async started(pod: Stored<Pod>, containerId: string): Promise<void> {
    if (this.#unified) await killWhole((this.#of('memory')?.point ?? '') + join(this.pathOf(pod), containerId));
  }

  async loosen(pod: Stored<Pod>): Promise<void> {
    const path = this.pathOf(pod);
    await this.#make(path);
    await this.#quota(path, 0);
    if (this.#unified) await this.#write('memory', path, 'memory.max', 'max');
  }

  async remove(uid: string): Promise<void> {
    const known = this.#known.get(uid);
    this.#known.delete(uid);
    const paths = known ? [known] : CLASSES.map((c) => join(this.#base, c, `pod${uid}`));
    await Promise.all(this.#hierarchies.flatMap((h) => paths.map((path) => this.#drop(h.point + path))));
    await this.#classes.drop(uid);
  }

  /**
   * On version 1 memory is left to eviction: there every container would hear of an OOM in the cgroup of all, and be called
   * killed.
   */
  async enforce({ cpuMilli, memoryBytes }: Enforced): Promise<void> {
    await this.#make(this.#base);
    await this.#shares(this.#base, boundsOf({ cpuRequestMilli: cpuMilli, cpuLimitMilli: 0, memoryBytes }).cpuShares);
    if (this.#unified) await this.#write('memory', this.#base, 'memory.max', memoryBytes || 'max');
  }

  async workingSet(): Promise<number | undefined> {
    const point = this.#of('memory')?.point;
    return point === undefined ? undefined : workingSetOf(point + this.#base, this.#unified).catch(() => undefined);
  }

  async podUids(): Promise<Set<string>> {
    const uids = new Set<string>();
    for (const h of this.#hierarchies) {
      for (const c of CLASSES) {
        const names = await readdir(join(h.point + this.#base, c)).catch(() => []);
        for (const n of names) if (n.startsWith('pod')) uids.add(n.slice('pod'.length));
      }
    }
    return uids;
  }

  async #weighClass(path: string, shares: number): Promise<void> {
    await this.#make(path);
    await this.#shares(path, shares);
  }

  #shares(path: string, shares: number): Promise<void> {
    return this.#unified
      ? this.#write('cpu', path, 'cpu.weight', weightOf(shares))
      : this.#write('cpu', path, 'cpu.shares', shares);
  }

  /** @param quotaUs 0: no limit */
  #quota(path: string, quotaUs: number): Promise<void> {
    return this.#unified
      ? this.#write('cpu', path, 'cpu.max', `${quotaUs || 'max'} ${PERIOD_US}`)
      : this.#write('cpu', path, 'cpu.cfs_quota_us', quotaUs || -1);
  }

  #of(controller: string): Hierarchy | undefined {
    return this.#unified ? this.#hierarchies[0] : this.#hierarchies.find((h) => h.options.includes(controller));
  }

  async #make(path: string): Promise<void> {
    if (!this.#unified) {
      for (const c of this.#controllers) await mkdir((this.#of(c)?.point ?? '') + path, { recursive: true });
      return;
    }
    // A controller reaches down only where each cgroup above passes it on.
    let dir = this.#hierarchies[0]?.point ?? '';
    for (const name of path.split('/').filter(Boolean)) {
      await writeFile(join(dir, 'cgroup.subtree_control'), this.#controllers.map((c) => `+${c}`).join(' '));
      dir = join(dir, name);
      await mkdir(dir, { recursive: true });
    }
  }

  async #write(controller: string, path: string, file: string, value: number | string): Promise<void> {
    await writeFile(join((this.#of(controller)?.point ?? '') + path, file), String(value));
  }

  async #drop(dir: string): Promise<void> {
    try {
      // What died in it without being waited for may have left cgroups of its own.
      for (const e of await readdir(dir, { withFileTypes: true }))
        if (e.isDirectory()) await this.#drop(join(dir, e.name));
      await rmdir(dir);
    } catch (err) {
      if (code(err) !== 'ENOENT') this.#logger.warn({ err, dir }, 'a cgroup could not be removed');
    }
  }
}
