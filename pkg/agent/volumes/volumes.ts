import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, Volume } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import type { Mount } from '../runtime/types.ts';
import { writeAtomically } from './atomic-writer.ts';
import { claimedPath, claimNameOf } from './claims.ts';
import { contentOf, type PodPlace } from './content.ts';
import { emptyDir, inMemory, memoryBytes } from './empty-dir.ts';
import { VolumeError } from './errors.ts';
import { giveToGroup } from './group.ts';
import { hostPath } from './host-path.ts';
import { isMounted, unmountBelow } from './mount-table.ts';
import { NodeRoot } from './node-root.ts';
import type { PodObjects } from './objects.ts';
import { referencesOf } from './references.ts';
import { expandedSubPath } from './sub-path.ts';
import { SubPathMounts } from './sub-path-mounts.ts';
import { Tokens } from './tokens.ts';

export interface VolumeDeps {
  readonly rootDir: string;
  readonly node: NodeRoot;
  readonly objects: PodObjects;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly allocatable: () => Readonly<Record<string, string>>;
}

const PROPAGATION = {
  None: {},
  HostToContainer: { propagation: 'rslave' },
  Bidirectional: { propagation: 'rshared' },
} as const;

/** The file system as this process sees it. */
const HERE = new NodeRoot();

/** Secrets never reach a disk. */
const isConfidential = (v: Volume): boolean => v.configMap === undefined;

/** Volumes whose content is an API object are read-only, whatever the mount says ("Volumes", configMap). */
const isReadOnly = (v: Volume | undefined): boolean =>
  Boolean(v?.configMap ?? v?.secret ?? v?.downwardAPI ?? v?.projected ?? v?.persistentVolumeClaim?.readOnly);

const volumeDirOf = (rootDir: string, uid: string, name: string): string => join(rootDir, 'pods', uid, 'volumes', name);
const memoryOf = (rootDir: string): string => join(rootDir, 'memory');

/** Where the files lie that an agent made for a volume; what is confidential is in memory. */
export const filesOf = (rootDir: string, uid: string, v: Volume): string =>
  v.emptyDir || !isConfidential(v) ? volumeDirOf(rootDir, uid, v.name) : join(memoryOf(rootDir), uid, v.name);

/** Makes the volumes of pods on this node and takes them away again. */
export class Volumes {
  readonly #d: VolumeDeps;
  readonly #tokens: Tokens;
  readonly #subPaths: SubPathMounts;

  constructor(deps: VolumeDeps) {
    this.#d = deps;
    this.#subPaths = new SubPathMounts({ ...deps, podDir: (uid) => this.podDir(uid) });
    this.#tokens = new Tokens(deps.objects, deps.clock);
  }

  podDir(uid: string): string {
    return join(this.#d.rootDir, 'pods', uid);
  }

  volumeDir(uid: string, name: string): string {
    return volumeDirOf(this.#d.rootDir, uid, name);
  }

  /** One tmpfs for the secrets of all pods. */
  get #memory(): string {
    return memoryOf(this.#d.rootDir);
  }

  /** Before anything else: gives secrets their place in memory. */
  async start(): Promise<void> {
    const { exec, logger } = this.#d;
    await mkdir(this.#memory, { recursive: true, mode: 0o711 });
    if (await isMounted(this.#memory)) return;
    const r = await exec('mount', ['-t', 'tmpfs', '-o', 'mode=0711', 'tmpfs', this.#memory]);
    if (r.code !== 0) logger.warn({ stderr: r.stderr.trim() }, 'no tmpfs can be mounted: secrets of pods are on disk');
  }

  /** Makes or refreshes every volume of a pod. @returns host path by volume name. @throws VolumeError */
  async prepare(pod: Stored<Pod>, place: PodPlace): Promise<Map<string, string>> {
    this.#d.objects.hold(pod.metadata.uid, referencesOf(pod));
    const all = pod.spec?.volumes ?? [];
    // All are waited for, so that none is being made any more when the pod is given up.
    const made = await Promise.allSettled(all.map((v) => this.#one(pod, v, place)));
    const paths = new Map<string, string>();
    for (const [i, m] of made.entries()) {
      const name = all[i]?.name ?? '';
      if (m.status === 'fulfilled') paths.set(name, m.value);
      else {
        const { message } = m.reason as Error;
        throw new VolumeError(`MountVolume.SetUp failed for volume "${name}" : ${message}`, { cause: m.reason });
      }
    }
    return paths;
  }

  async #one(pod: Stored<Pod>, v: Volume, place: PodPlace): Promise<string> {
    const { exec, objects, allocatable, node } = this.#d;
    const { uid } = pod.metadata;
    const fsGroup = pod.spec?.securityContext?.fsGroup;
    if (v.hostPath) return hostPath(node, v.hostPath.path, v.hostPath.type ?? '');
    const claim = claimNameOf(pod, v);
    if (claim) return this.#claimed(pod, v, claim);
    const dir = this.volumeDir(uid, v.name);
    if (v.emptyDir) {
      const memory = inMemory(v.emptyDir.medium);
      const bytes = memoryBytes(pod, v.emptyDir.sizeLimit, allocatable().memory);
      return emptyDir({ dir, memory, bytes, fsGroup }, exec);
    }
    const files = await contentOf({ objects, tokens: this.#tokens, allocatable }, pod, v, place);
    if (!files) throw new VolumeError('this kind of volume is not supported on this node');
    const target = filesOf(this.#d.rootDir, uid, v);
    await writeAtomically(target, files, fsGroup);
    return target;
  }

  /** The volume of a claim, given to the group of the pod: once, for what happens in it later is its containers' business. */
  async #claimed(pod: Stored<Pod>, v: Volume, claim: string): Promise<string> {
    const { objects, node } = this.#d;
    const { path, grouped } = await claimedPath({ objects, node }, pod, claim);
    const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
    if (!grouped || fsGroup === undefined || v.persistentVolumeClaim?.readOnly) return path;
    // Says that it was done, also to an agent that comes later, and goes with the pod's volumes.
    const done = this.volumeDir(pod.metadata.uid, v.name);
    const was = await access(done).then(
      () => true,
      () => false,
    );
    if (was) return path;
    await giveToGroup(node.at(await node.follow(path)), fsGroup, fsGroupChangePolicy);
    await mkdir(done, { recursive: true });
    return path;
  }

  /** When a pod's volumes must be refreshed though nothing changed, epoch milliseconds. */
  refreshAt(uid: string): number | undefined {
    return this.#tokens.renewAt(uid);
  }

  /** Where a volume is seen: our own where they were made, also what was mounted since the node was shown to this process. */
  #rootOf(pod: Pod, v: Volume | undefined): NodeRoot {
    return v && (v.hostPath || claimNameOf(pod, v)) ? this.#d.node : HERE;
  }

  /** Mounts of one container that is about to start. @throws VolumeError */
  async mountsOf(
    pod: Stored<Pod>,
    c: Container,
    paths: ReadonlyMap<string, string>,
    env: ReadonlyMap<string, string>,
  ): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const [index, m] of (c.volumeMounts ?? []).entries()) {
      const base = paths.get(m.name);
      if (base === undefined) throw new VolumeError(`volume "${m.name}" is not defined in pod ${pod.metadata.name}`);
      if (m.recursiveReadOnly === 'Enabled')
        throw new VolumeError(`volume "${m.name}": recursive read-only mounts are not supported by the runtime`);
      const sub = m.subPathExpr ? expandedSubPath(m.subPathExpr, env) : (m.subPath ?? '');
      const volume = pod.spec?.volumes?.find((v) => v.name === m.name);
      const place = { uid: pod.metadata.uid, volume: m.name, container: c.name, index };
      mounts.push({
        source: sub ? await this.#subPaths.mount(place, { base, root: this.#rootOf(pod, volume) }, sub) : base,
        target: m.mountPath,
        readOnly: m.readOnly || isReadOnly(volume),
        ...PROPAGATION[m.mountPropagation ?? 'None'],
      });
    }
    return mounts;
  }

  /** Pods of which anything is left on disk. */
  async podUids(): Promise<string[]> {
    return readdir(join(this.#d.rootDir, 'pods')).catch(() => []);
  }

  async #unmountBelow(dir: string): Promise<void> {
    for (const seen of this.#d.node.sightings(dir)) await unmountBelow(seen, this.#d.exec);
  }

  /** Takes the volumes of a pod that ended away; what its containers left to be read stays. */
  async release(uid: string): Promise<void> {
    this.#d.objects.release(uid);
    this.#tokens.forget(uid);
    await this.#subPaths.release(uid);
    await this.#unmountBelow(join(this.podDir(uid), 'volumes'));
    await rm(join(this.podDir(uid), 'volumes'), { recursive: true, force: true });
    await rm(join(this.#memory, uid), { recursive: true, force: true });
  }

  /** Unmounts and removes everything of a pod, also when nothing but its directory is known. */
  async cleanUp(uid: string): Promise<void> {
    await this.release(uid);
    await this.#unmountBelow(this.podDir(uid));
    await rm(this.podDir(uid), { recursive: true, force: true });
  }
}
