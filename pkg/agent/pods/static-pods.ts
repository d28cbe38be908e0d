import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Pod, Pods } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { decodeObject } from '#api/schema/decode.ts';
import { applyDefaults } from '#api/schema/defaults.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { CONFIG_HASH, CONFIG_SOURCE } from './mirror-pods.ts';

export interface StaticPodsDeps {
  /** Folder of manifests, one pod each. */
  readonly dir: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with all static pods whenever they may have changed. */
  readonly changed: (pods: readonly Stored<Pod>[]) => void;
}

/** The folder is read again this often, should a change not have been told, milliseconds. */
const RESCAN_MS = 20_000;
/** Files are written in more than one step. */
const SETTLE_MS = 200;
const MAX_FILES = 250;

/** The content of a manifest is the identity of its pod: a changed one is another pod. */
function identity(nodeName: string, file: string, text: string): string {
  const h = createHash('sha256').update(`${nodeName}\0${file}\0${text}`).digest('hex');
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20, 32)}`;
}

/** A manifest as the pod that runs ("Create static Pods"). @throws Error that says what is wrong */
export function staticPod(nodeName: string, file: string, text: string): Stored<Pod> {
  const json: unknown = parse(text);
  const { apiVersion, kind } = (json ?? {}) as { apiVersion?: string; kind?: string };
  if (apiVersion !== 'v1' || kind !== 'Pod') throw new Error(`it holds a ${kind ?? 'nothing'}, not a Pod of v1`);
  const pod = decodeObject(Pods.schema, json).object as Pod;
  applyDefaults(Pods.schema, pod);
  const { name } = pod.metadata ?? {};
  if (!name || !pod.spec) throw new Error('metadata.name and spec are required');
  const uid = identity(nodeName, file, text);
  pod.metadata = {
    ...pod.metadata,
    name: `${name}-${nodeName}`,
    namespace: pod.metadata?.namespace || 'default',
    uid,
    annotations: { ...pod.metadata?.annotations, [CONFIG_HASH]: uid, [CONFIG_SOURCE]: 'file' },
  };
  pod.spec.nodeName = nodeName;
  // The node runs it whatever its taints are: that its mirror is taken away for one would change nothing.
  pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
  Pods.defaults?.(pod);
  const problems = Pods.validate?.(pod) ?? [];
  const [first] = problems;
  if (first) throw new Error(`${first.field}: ${first.message}`);
  return pod as Stored<Pod>;
}

/** Pods that run because their manifest lies on this node. */
export class StaticPods {
  readonly #d: StaticPodsDeps;
  readonly #complained = new Map<string, string>();

  constructor(deps: StaticPodsDeps) {
    this.#d = deps;
  }

  /** Reads the folder. A file that cannot be read, or has a pod that another has, is left out and told of once. */
  async read(): Promise<Stored<Pod>[]> {
    const { dir, nodeName, logger } = this.#d;
    await mkdir(dir, { recursive: true });
    const files = (await readdir(dir, { withFileTypes: true }))
      .filter((e) => !e.isDirectory() && !e.name.startsWith('.'))
      .map((e) => e.name)
      .sort()
      .slice(0, MAX_FILES);
    const pods = new Map<string, Stored<Pod>>();
    for (const file of files) {
      try {
        const pod = staticPod(nodeName, file, await readFile(join(dir, file), 'utf8'));
        const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
        if (pods.has(name)) throw new Error(`there is another manifest of ${name}`);
        pods.set(name, pod);
        this.#complained.delete(file);
      } catch (e) {
        const { message } = e as Error;
        if (this.#complained.get(file) !== message) logger.warn({ file, message }, 'a manifest is no static pod');
        this.#complained.set(file, message);
      }
    }
    return [...pods.values()];
  }

  /** Follows the folder until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, changed } = this.#d;
    let touched = new AbortController();
    const watcher = this.#watch(() => touched.abort());
    const end = (): void => touched.abort();
    signal.addEventListener('abort', end, { once: true });
    while (!signal.aborted) {
      await clock.sleep(RESCAN_MS, touched.signal).catch(() => {});
      touched = new AbortController();
      if (signal.aborted) break;
      await clock.sleep(SETTLE_MS, signal).catch(() => {});
      try {
        changed(await this.read());
      } catch (err) {
        logger.warn({ err }, 'the folder of manifests cannot be read');
      }
    }
    watcher?.close();
  }

  /** The kernel has only so many watches to give. */
  #watch(touched: () => void): FSWatcher | undefined {
    const { dir, logger } = this.#d;
    const complain = (err: unknown): void =>
      logger.warn({ err }, 'the folder of manifests cannot be watched, it is read instead');
    try {
      return watch(dir, touched).on('error', complain);
    } catch (err) {
      complain(err);
      return undefined;
    }
  }
}
