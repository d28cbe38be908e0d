import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, Volume } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Exec } from '#process/exec.ts';
import { expand, fieldValue, resourceValue } from '../pods/env.ts';
import type { Mount } from '../runtime/types.ts';
import { type VolumeFile, writeAtomically } from './atomic-writer.ts';
import type { PodObjects } from './objects.ts';

export interface VolumeDeps {
  readonly rootDir: string;
  readonly objects: PodObjects;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly allocatable: () => Readonly<Record<string, string>>;
}

/** What the downward API needs to know of the pod's place. */
export interface PodPlace {
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
}

/** A volume that cannot be made (yet): reason FailedMount. */
export class VolumeError extends Error {}

type Files = Map<string, VolumeFile>;
type Items = readonly { readonly key: string; readonly path: string; readonly mode?: number }[] | undefined;

const DEFAULT_MODE = 0o644;
/** Tokens are renewed when this share of their life is over. */
const RENEW_SHARE = 0.8;

function pick(
  files: Files,
  data: Readonly<Record<string, Buffer>>,
  items: Items,
  mode: number,
  what: string,
  optional: boolean,
): void {
  if (!items) {
    for (const [k, v] of Object.entries(data)) files.set(k, { content: v, mode });
    return;
  }
  for (const i of items) {
    const content = data[i.key];
    if (content) files.set(i.path, { content, mode: i.mode ?? mode });
    else if (!optional) throw new VolumeError(`${what} references non-existent key: ${i.key}`);
  }
}

/** Makes the volumes of pods on this node and takes them away again. */
export class Volumes {
  readonly #d: VolumeDeps;
  readonly #tokens = new Map<string, { content: string; renewAt: number }>();

  constructor(deps: VolumeDeps) {
    this.#d = deps;
  }

  podDir(uid: string): string {
    return join(this.#d.rootDir, 'pods', uid);
  }

  #dir(uid: string, volume: string): string {
    return join(this.podDir(uid), 'volumes', volume);
  }

  /** Makes or refreshes every volume of a pod. @returns host path by volume name. @throws VolumeError */
  async prepare(pod: Stored<Pod>, place: PodPlace): Promise<Map<string, string>> {
    const paths = new Map<string, string>();
    for (const v of pod.spec?.volumes ?? []) paths.set(v.name, await this.#one(pod, v, place));
    return paths;
  }

  async #one(pod: Stored<Pod>, v: Volume, place: PodPlace): Promise<string> {
    if (v.hostPath) return this.#hostPath(v.hostPath.path, v.hostPath.type ?? '');
    const dir = this.#dir(pod.metadata.uid, v.name);
    if (v.emptyDir) return this.#emptyDir(dir, v.emptyDir, pod.spec?.securityContext?.fsGroup);
    const files: Files = new Map();
    const ns = pod.metadata.namespace ?? '';
    if (v.configMap) await this.#configMap(files, ns, v.configMap, v.configMap.defaultMode ?? DEFAULT_MODE);
    else if (v.secret)
      await this.#secret(
        files,
        ns,
        { ...v.secret, name: v.secret.secretName ?? '' },
        v.secret.defaultMode ?? DEFAULT_MODE,
      );
    else if (v.downwardAPI)
      this.#downward(files, pod, v.downwardAPI.items, v.downwardAPI.defaultMode ?? DEFAULT_MODE, place);
    else if (v.projected) await this.#projected(files, pod, v, place);
    else throw new VolumeError(`volume "${v.name}": this kind of volume is not supported on this node`);
    await writeAtomically(dir, files, pod.spec?.securityContext?.fsGroup);
    return dir;
  }

  async #hostPath(path: string, type: string): Promise<string> {
    const found = await stat(path).catch(() => undefined);
    if (type === 'DirectoryOrCreate' && !found) await mkdir(path, { recursive: true, mode: 0o755 });
    else if (type === 'FileOrCreate' && !found) await writeFile(path, '', { mode: 0o644, flag: 'a' });
    else if (type === 'Directory' && !found?.isDirectory())
      throw new VolumeError(`hostPath type check failed: ${path} is not a directory`);
    else if (type === 'File' && !found?.isFile())
      throw new VolumeError(`hostPath type check failed: ${path} is not a file`);
    else if (type === 'Socket' && !found?.isSocket())
      throw new VolumeError(`hostPath type check failed: ${path} is not a socket file`);
    else if (type === '' && !found) await mkdir(path, { recursive: true, mode: 0o755 });
    return path;
  }

  async #emptyDir(
    dir: string,
    source: { medium?: string; sizeLimit?: string },
    fsGroup: number | undefined,
  ): Promise<string> {
    const made = await mkdir(dir, { recursive: true });
    if (!made) return dir;
    if (source.medium === 'Memory') {
      const options = source.sizeLimit ? ['-o', `size=${source.sizeLimit.replace(/i$/, '')}`] : [];
      const r = await this.#d.exec('mount', ['-t', 'tmpfs', ...options, 'tmpfs', dir]);
      if (r.code !== 0) throw new VolumeError(`mounting a tmpfs failed: ${r.stderr.trim()}`);
    }
    await chmod(dir, 0o777);
    if (fsGroup !== undefined) await this.#d.exec('chgrp', [String(fsGroup), dir]);
    return dir;
  }

  async #configMap(
    files: Files,
    ns: string,
    s: { name?: string; items?: Items; optional?: boolean },
    mode: number,
  ): Promise<void> {
    const map = await this.#d.objects.configMap(ns, s.name ?? '');
    if (!map) {
      if (s.optional) return;
      throw new VolumeError(`configmap "${s.name}" not found`);
    }
    const data: Record<string, Buffer> = {};
    for (const [k, v] of Object.entries(map.data ?? {})) data[k] = Buffer.from(v);
    for (const [k, v] of Object.entries(map.binaryData ?? {})) data[k] = Buffer.from(v, 'base64');
    pick(files, data, s.items, mode, `configmap ${ns}/${s.name}`, s.optional ?? false);
  }

  async #secret(
    files: Files,
    ns: string,
    s: { name?: string; items?: Items; optional?: boolean },
    mode: number,
  ): Promise<void> {
    const data = await this.#d.objects.secret(ns, s.name ?? '');
    if (data) pick(files, data, s.items, mode, `secret ${ns}/${s.name}`, s.optional ?? false);
    else if (!s.optional) throw new VolumeError(`secret "${s.name}" not found`);
  }

  #downward(
    files: Files,
    pod: Pod,
    items: NonNullable<Volume['downwardAPI']>['items'],
    mode: number,
    place: PodPlace,
  ): void {
    for (const i of items ?? []) {
      const text = i.fieldRef
        ? fieldValue(pod, i.fieldRef.fieldPath, place)
        : i.resourceFieldRef
          ? resourceValue(pod, undefined, i.resourceFieldRef, this.#d.allocatable())
          : '';
      files.set(i.path, { content: Buffer.from(text), mode: i.mode ?? mode });
    }
  }

  async #projected(files: Files, pod: Stored<Pod>, v: Volume, place: PodPlace): Promise<void> {
    const ns = pod.metadata.namespace ?? '';
    const mode = v.projected?.defaultMode ?? DEFAULT_MODE;
    for (const s of v.projected?.sources ?? []) {
      if (s.configMap) await this.#configMap(files, ns, s.configMap, mode);
      else if (s.secret) await this.#secret(files, ns, s.secret, mode);
      else if (s.downwardAPI) this.#downward(files, pod, s.downwardAPI.items, mode, place);
      else if (s.serviceAccountToken) {
        const { path, audience, expirationSeconds } = s.serviceAccountToken;
        const content = await this.#token(pod, audience, expirationSeconds ?? 3600);
        files.set(path, { content: Buffer.from(content), mode });
      }
    }
  }

  async #token(pod: Stored<Pod>, audience: string | undefined, seconds: number): Promise<string> {
    const { uid, name, namespace = '' } = pod.metadata;
    const key = `${uid} ${audience ?? ''} ${seconds}`;
    const now = this.#d.clock.now();
    const known = this.#tokens.get(key);
    if (known && known.renewAt > now) return known.content;
    const account = pod.spec?.serviceAccountName ?? 'default';
    const { token, expiresAt } = await this.#d.objects.token({ namespace, name, uid }, account, audience, seconds);
    this.#tokens.set(key, { content: token, renewAt: now + (expiresAt - now) * RENEW_SHARE });
    return token;
  }

  /** Mounts of one container. */
  async mountsOf(
    pod: Stored<Pod>,
    c: Container,
    paths: ReadonlyMap<string, string>,
    env: ReadonlyMap<string, string>,
  ): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const m of c.volumeMounts ?? []) {
      const base = paths.get(m.name);
      if (base === undefined) throw new VolumeError(`volume "${m.name}" is not defined in pod ${pod.metadata.name}`);
      const sub = m.subPathExpr ? expand(m.subPathExpr, env) : (m.subPath ?? '');
      const source = sub ? join(base, sub) : base;
      if (sub && !(await stat(source).catch(() => undefined))) await mkdir(source, { recursive: true, mode: 0o755 });
      mounts.push({
        source,
        target: m.mountPath,
        readOnly: m.readOnly ?? false,
        ...(m.mountPropagation === 'HostToContainer' ? { propagation: 'rslave' as const } : {}),
        ...(m.mountPropagation === 'Bidirectional' ? { propagation: 'rshared' as const } : {}),
      });
    }
    return mounts;
  }

  /** Unmounts and removes everything of a pod. */
  async cleanUp(uid: string, volumes: readonly Volume[]): Promise<void> {
    for (const v of volumes) {
      if (v.emptyDir?.medium === 'Memory') await this.#d.exec('umount', ['-l', this.#dir(uid, v.name)]);
    }
    for (const key of this.#tokens.keys()) if (key.startsWith(uid)) this.#tokens.delete(key);
    await rm(this.podDir(uid), { recursive: true, force: true });
  }
}
