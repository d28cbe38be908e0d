import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { addQuantities, compareQuantities, wholeValue } from '#api/meta/quantity.ts';
import type { Exec } from '#process/exec.ts';
import type { Runtime } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';
import { diskUse } from '../stats/disk-use.ts';

export interface LocalStorageDeps {
  readonly runtime: Pick<Runtime, 'diskUse'>;
  readonly view: RuntimeView;
  readonly exec: Exec;
  /** Directory of a volume of a pod. */
  readonly volumeDir: (podUid: string, volume: string) => string;
}

const RESOURCE = 'ephemeral-storage';

const limitOf = (c: Container): string | undefined => c.resources?.limits?.[RESOURCE];

/** What the containers of a pod may write together: those that last, or an init container beside the sidecars before it. */
function storageLimit({ spec }: Pod): string | undefined {
  const sum = (limits: readonly (string | undefined)[]): string | undefined =>
    limits
      .filter((l) => l !== undefined)
      .reduce<string | undefined>((a, b) => (a === undefined ? b : addQuantities(a, b)), undefined);
  const init = spec?.initContainers ?? [];
  const sidecars = (until: number) => init.slice(0, until).filter(isSidecar).map(limitOf);
  const peaks = init.flatMap((c, n) => (isSidecar(c) ? [] : [sum([limitOf(c), ...sidecars(n)])]));
  const lasting = sum([...(spec?.containers ?? []).map(limitOf), ...sidecars(init.length)]);
  return [lasting, ...peaks].reduce((a, b) =>
    b === undefined || (a !== undefined && compareQuantities(a, b) >= 0) ? a : b,
  );
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
    const limit = storageLimit(pod);
    if (limit === undefined) return undefined;
    const each = await this.containers(pod);
    const sum = [...volumes.map((v) => v.used), ...each.values()].reduce((a, b) => a + b, 0);
    if (sum > wholeValue(limit))
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${limit}. `;
    for (const c of pod.spec?.containers ?? []) {
      const own = limitOf(c);
      if (own !== undefined && (each.get(c.name) ?? 0) > wholeValue(own))
        return `Container ${c.name} exceeded its local ephemeral storage limit "${own}". `;
    }
    return undefined;
  }

  /** Bytes of the layers and logs of a pod's containers, by their names. */
  async containers({ metadata: { uid } }: Stored<Pod>): Promise<ReadonlyMap<string, number>> {
    const names = [...this.#d.view.pod(uid).containers.keys()];
    return new Map(await Promise.all(names.map(async (name) => [name, await this.#container(uid, name)] as const)));
  }

  /** Bytes of the layers and logs of a pod's containers. */
  async written(pod: Stored<Pod>): Promise<number> {
    return [...(await this.containers(pod)).values()].reduce((a, b) => a + b, 0);
  }

  /** emptyDir volumes on disk; those without a limit count only if their pod has one. */
  async #volumes(pod: Stored<Pod>): Promise<{ name: string; limit: string | undefined; used: number }[]> {
    const limited = storageLimit(pod) !== undefined;
    const found = (pod.spec?.volumes ?? []).flatMap(({ name, emptyDir }) => {
      if (!emptyDir || emptyDir.medium) return [];
      const limit = emptyDir.sizeLimit && wholeValue(emptyDir.sizeLimit) > 0 ? emptyDir.sizeLimit : undefined;
      return limit || limited ? [{ name, limit }] : [];
    });
    const { exec, volumeDir } = this.#d;
    const dirOf = (v: { name: string }): string => volumeDir(pod.metadata.uid, v.name);
    const used = await diskUse(exec, found.map(dirOf), { count: 'bytes' });
    return found.map((v) => ({ ...v, used: used.get(dirOf(v)) ?? 0 }));
  }

  /** Layer and log of the newest container of this name. */
  async #container(podUid: string, name: string): Promise<number> {
    const [newest] = this.#d.view.pod(podUid).containers.get(name) ?? [];
    if (!newest) return 0;
    const { layer, log } = await this.#d.runtime.diskUse(newest.id);
    return layer + log;
  }
}
