import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Exec } from '#process/exec.ts';
import { succeed } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { boundsOf } from '../pods/container-config.ts';
import type { CgroupLimits } from '../runtime/types.ts';
import { hierarchies } from '../stats/cgroup-paths.ts';
import { workingSetOf } from '../stats/usage.ts';
import { ClassShares } from './class-shares.ts';
import { podBounds } from './limits.ts';
import { namesOf } from './names.ts';
import type { Enforced, PodCgroups } from './pod-cgroups.ts';
import { weightOf } from './shares.ts';
import { killWhole } from './whole.ts';

const TIMEOUT_MS = 10_000;
/** CPUQuota is a share of one processor; a quota of ours is for each tenth of a second. */
const PERCENT_OF_QUOTA = 1000;

/** The slice that a cgroup is to systemd: names are joined by dashes, so those within become underscores. Pure. */
export const sliceOf = (names: readonly string[]): string =>
  `${names.map((n) => n.replace(/\.slice$/, '').replaceAll('-', '_')).join('-')}.slice`;

/** Where a slice lies: each in the one that its name begins with. Pure. */
export function foldersOf(slice: string): string[] {
  const names = slice.replace(/\.slice$/, '').split('-');
  return names.map((_, n) => `${names.slice(0, n + 1).join('-')}.slice`);
}

/** UID of the pod that a slice is of. Pure. */
export const podOfSlice = (slice: string): string | undefined =>
  /^(?:.*-)?kubepods(?:-(?:burstable|besteffort))?-pod([^-]+)\.slice$/.exec(slice)?.[1]?.replaceAll('_', '-');

/**
 * What `systemctl set-property` is told of a slice. Pure.
 * @param memory whether memory is bounded here too
 * @param pids processes of the pod; 0 or less: as many as it likes
 */
export function propertiesOf(
  b: CgroupLimits,
  { memory, pids }: { readonly memory: boolean; readonly pids: number },
): string[] {
  return [
    `CPUWeight=${weightOf(b.cpuShares)}`,
    `CPUQuota=${b.cpuQuotaUs > 0 ? `${Math.ceil(b.cpuQuotaUs / PERCENT_OF_QUOTA)}%` : ''}`,
    ...(memory ? [`MemoryMax=${b.memoryBytes > 0 ? b.memoryBytes : 'infinity'}`] : []),
    ...(pids > 0 ? [`TasksMax=${pids}`] : []),
  ];
}

export interface SystemdOptions {
  /** Parent of all; '': the root. */
  readonly root: string;
  readonly exec: Exec;
  readonly logger: Logger;
  /** /proc/self/mountinfo. */
  readonly mountinfo: string;
  /** Processes of a pod; 0 or less: as many as it likes. */
  readonly podPidsLimit: number;
}

/** Cgroups of pods where systemd keeps them: slices, made through systemctl and gone with the machine. */
export class SystemdTree implements PodCgroups {
  readonly #prefix: readonly string[];
  readonly #exec: Exec;
  readonly #unified: boolean;
  readonly #pids: number;
  /** Where the unified hierarchy is to be seen, if it is the only one. */
  readonly #point: string | undefined;
  /** Where memory is counted. */
  readonly #memory: string | undefined;
  readonly #logger: Logger;
  /** Slices of pods, by UID. */
  readonly #known = new Map<string, string>();
  readonly #classes = new ClassShares((name, shares) =>
    this.#set(`${this.#class(name)}.slice`, [`CPUWeight=${weightOf(shares)}`]),
  );

  private constructor({ root, exec, logger, mountinfo, podPidsLimit }: SystemdOptions) {
    this.#prefix = root.split('/').filter(Boolean);
    this.#exec = exec;
    this.#logger = logger;
    this.#pids = podPidsLimit;
    this.#unified = hierarchies(mountinfo, 'cgroup').length === 0;
    this.#memory = hierarchies(mountinfo, this.#unified ? 'cgroup2' : 'cgroup').find(
      (h) => this.#unified || h.options.includes('memory'),
    )?.point;
    this.#point = this.#unified ? hierarchies(mountinfo, 'cgroup2')[0]?.point : undefined;
  }

  /** Undefined where systemd does not run. */
  static async open(o: SystemdOptions): Promise<SystemdTree | undefined> {
    const asked = o.exec('systemctl', ['is-system-running'], { timeoutMs: TIMEOUT_MS });
    const state = await asked.then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
    if (state === '' || state === 'offline' || state === 'unknown') return undefined;
    return new SystemdTree(o);
  }

  #slice(names: readonly string[]): string {
    return sliceOf([...this.#prefix, ...names]);
  }

  pathOf(pod: Stored<Pod>): string {
    return this.#slice(namesOf(pod));
  }

  async ensure(pod: Stored<Pod>): Promise<void> {
    const slice = this.pathOf(pod);
    const bounds = podBounds(pod);
    await this.#set(slice, this.#properties(bounds));
    this.#known.set(pod.metadata.uid, slice);
    await this.#classes.set(pod.metadata.uid, slice.startsWith(this.#class('burstable')) ? bounds.cpuShares : 0);
  }

  #properties(bounds: CgroupLimits): string[] {
    return propertiesOf(bounds, { memory: this.#unified, pids: this.#pids });
  }

  async started(pod: Stored<Pod>, containerId: string): Promise<void> {
    if (this.#point === undefined) return;
    await killWhole(join(this.#point, ...foldersOf(this.pathOf(pod)), `docker-${containerId}.scope`));
  }

  async loosen(pod: Stored<Pod>): Promise<void> {
    const { cpuShares } = podBounds(pod);
    await this.#set(this.pathOf(pod), this.#properties({ cpuShares, cpuQuotaUs: 0, memoryBytes: 0 }));
  }

  async remove(uid: string): Promise<void> {
    const slice = this.#known.get(uid) ?? (await this.#slices()).find((s) => podOfSlice(s) === uid);
    this.#known.delete(uid);
    if (slice) await this.#systemctl('stop', slice).catch((e: unknown) => this.#warn(e));
    await this.#classes.drop(uid);
  }

  /** On version 1 memory is left to eviction, as in the tree of our own. */
  async enforce({ cpuMilli, memoryBytes }: Enforced): Promise<void> {
    const bounds = boundsOf({ cpuRequestMilli: cpuMilli, cpuLimitMilli: 0, memoryBytes });
    await this.#set(this.#slice(['kubepods']), propertiesOf(bounds, { memory: this.#unified, pids: 0 }));
  }

  async workingSet(): Promise<number | undefined> {
    if (this.#memory === undefined) return undefined;
    const dir = join(this.#memory, ...foldersOf(this.#slice(['kubepods'])));
    return workingSetOf(dir, this.#unified).catch(() => undefined);
  }

  async podUids(): Promise<Set<string>> {
    return new Set((await this.#slices()).flatMap((s) => podOfSlice(s) ?? []));
  }

  async #slices(): Promise<string[]> {
    const list = ['list-units', '--type=slice', '--all', '--plain', '--no-legend', '--no-pager'];
    const out = await this.#systemctl(...list, this.#slice(['kubepods']).replace(/\.slice$/, '-*'));
    return out.split('\n').flatMap((line) => line.trim().split(/\s+/)[0] || []);
  }

  #class(name: string): string {
    return this.#slice(['kubepods', name]).replace(/\.slice$/, '');
  }

  /**
   * A slice that is not there is made; it needs no file. Where that fails the pod starts all the same: with its containers
   * systemd makes their slice, and each of them has its own bounds.
   */
  async #set(slice: string, properties: readonly string[]): Promise<void> {
    try {
      await this.#systemctl('start', slice);
      await this.#systemctl('set-property', '--runtime', slice, ...properties);
    } catch (err) {
      this.#warn(err);
    }
  }

  #warn(err: unknown): void {
    this.#logger.warn({ err }, 'the cgroup of a pod is not as it should be');
  }

  #systemctl(...args: readonly string[]): Promise<string> {
    return succeed(this.#exec, 'systemctl', args, { timeoutMs: TIMEOUT_MS });
  }
}
