import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { addQuantities, wholeValue } from '#api/meta/quantity.ts';
import type { Exec } from '#process/exec.ts';
import type { Runtime } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';

export interface LocalStorageDeps {
  readonly runtime: Pick<Runtime, 'diskUse'>;
  readonly view: RuntimeView;
  readonly exec: Exec;
  /** Directory of a volume of a pod. */
  readonly volumeDir: (podUid: string, volume: string) => string;
}

const KIB = 1024;
const DU_TIMEOUT_MS = 30_000;
const RESOURCE = 'ephemeral-storage';

const without = (path: string | undefined): string[] => (path === undefined ? [] : [`--exclude=${path}`]);

/** Files and folders below a directory, on its own file system; without what lies below `except`. */
export async function inodeUse(exec: Exec, dir: string, except?: string): Promise<number> {
  const r = await exec('du', ['-sx', '--inodes', ...without(except), dir], { timeoutMs: DU_TIMEOUT_MS });
  return Number(r.stdout.split('\t')[0] ?? 0);
}

/** Bytes below a directory, on its own file system; without what lies below `except`. */
export async function diskUse(exec: Exec, dir: string, except?: string): Promise<number> {
  const r = await exec('du', ['-skx', ...without(except), dir], { timeoutMs: DU_TIMEOUT_MS });
  return Number(r.stdout.split('\t')[0] ?? 0) * KIB;
}

/** What pods write on the node's disk: emptyDir volumes, and the layers and logs of their containers. */
export class LocalStorage {
  readonly #d: LocalStorageDeps;

  constructor(deps: LocalStorageDeps) {
    this.#d = deps;
  }

  /**
   * Which limit a pod goes beyond, in words; undefined when none ("Local ephemeral storage"). Only what has a limit is
   * measured.
   */
  async excess(pod: Stored<Pod>): Promise<string | undefined> {
    const volumes = await this.#volumes(pod);
    const full = volumes.find((v) => v.limit !== undefined && v.used > wholeValue(v.limit));
    if (full) return `Usage of EmptyDir volume "${full.name}" exceeds the limit "${full.limit}". `;
    const limits = (pod.spec?.containers ?? []).flatMap((c) => c.resources?.limits?.[RESOURCE] ?? []);
    if (limits.length === 0) return undefined;
    let sum = volumes.reduce((n, v) => n + v.used, 0);
    for (const c of pod.spec?.containers ?? []) {
      const used = await this.#container(pod.metadata.uid, c.name);
      const limit = c.resources?.limits?.[RESOURCE];
      if (limit !== undefined && used > wholeValue(limit))
        return `Container ${c.name} exceeded its local ephemeral storage limit "${limit}". `;
      sum += used;
    }
    const total = limits.reduce((a, b) => addQuantities(a, b));
    if (sum <= wholeValue(total)) return undefined;
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
  }

  /** Bytes of the layers and logs of a pod's containers. */
  async written({ metadata: { uid } }: Stored<Pod>): Promise<number> {
    const names = [...this.#d.view.pod(uid).containers.keys()];
    const each = await Promise.all(names.map((name) => this.#container(uid, name)));
    return each.reduce((a, b) => a + b, 0);
  }

  /** emptyDir volumes on disk; those without a limit count only if their pod has one. */
  async #volumes(pod: Stored<Pod>): Promise<{ name: string; limit: string | undefined; used: number }[]> {
    const limited = (pod.spec?.containers ?? []).some((c) => c.resources?.limits?.[RESOURCE] !== undefined);
    const found = (pod.spec?.volumes ?? []).flatMap(({ name, emptyDir }) => {
      if (!emptyDir || emptyDir.medium) return [];
      const limit = emptyDir.sizeLimit && wholeValue(emptyDir.sizeLimit) > 0 ? emptyDir.sizeLimit : undefined;
      return limit || limited ? [{ name, limit }] : [];
    });
    const { exec, volumeDir } = this.#d;
    return Promise.all(
      found.map(async (v) => ({ ...v, used: await diskUse(exec, volumeDir(pod.metadata.uid, v.name)) })),
    );
  }

  /** Layer and log of the newest container of this name. */
  async #container(podUid: string, name: string): Promise<number> {
    const [newest] = this.#d.view.pod(podUid).containers.get(name) ?? [];
    return newest ? this.#d.runtime.diskUse(newest.id) : 0;
  }
}
