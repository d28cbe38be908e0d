import {
  type CSINode,
  CSINodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  type StorageClass,
  StorageClasses,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys, SELECTED_NODE, storageClassOf } from '#api/scheduling/volume-match.ts';
import type { Clock } from '#async/clock.ts';
import { abortable, timeoutSignal } from '#async/signals.ts';
import { isNewer } from '#client/resource-version.ts';
import type { Client, Informer, InformerFactory } from '#client/types.ts';
import type { ClusterEvent } from './framework/events.ts';
import { isClaimBound, type Storage } from './snapshot/storage.ts';

const BY_CLASS = 'class';

/** Claims, volumes and classes as informers show them, and the binding of claims that waited for a node. */
export class Volumes implements Storage {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #csiNodes: Informer<CSINode>;
  /** Called at every change of a claim. */
  readonly #waiting = new Set<() => void>();

  /** @param changed called when storage changed in a way that may help a waiting pod. */
  constructor(client: Client, clock: Clock, informers: InformerFactory, changed: (event: ClusterEvent) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#claims = informers.informer(PersistentVolumeClaims);
    this.#volumes = informers.informer(PersistentVolumes);
    this.#classes = informers.informer(StorageClasses);
    this.#csiNodes = informers.informer(CSINodes);
    this.#volumes.addIndex(BY_CLASS, (v) => [storageClassOf(v)]);
    const seen = (claim: Stored<PersistentVolumeClaim>): void => {
      for (const w of [...this.#waiting]) w();
      changed({ type: 'claim', claim });
    };
    this.#claims.addHandlers({ onAdd: seen, onUpdate: (_, c) => seen(c), onDelete: seen });
    const volumeSeen = (volume: Stored<PersistentVolume>): void => changed({ type: 'volume', volume });
    this.#volumes.addHandlers({ onAdd: volumeSeen, onUpdate: (_, v) => volumeSeen(v) });
    const classSeen = (storageClass: Stored<StorageClass>): void => changed({ type: 'storage-class', storageClass });
    this.#classes.addHandlers({ onAdd: classSeen, onUpdate: (_, c) => classSeen(c) });
    const nodeSeen = (csiNode: Stored<CSINode>): void => changed({ type: 'csi-node', csiNode });
    this.#csiNodes.addHandlers({ onAdd: nodeSeen, onUpdate: (_, n) => nodeSeen(n) });
  }

  get needs(): readonly Informer<never>[] {
    return [this.#claims, this.#volumes, this.#classes, this.#csiNodes] as unknown as Informer<never>[];
  }

  claim(key: string): Stored<PersistentVolumeClaim> | undefined {
    const [namespace, name = ''] = key.split('/');
    return this.#claims.lister.get(name, namespace);
  }

  volume = (name: string): Stored<PersistentVolume> | undefined => this.#volumes.lister.get(name);
  storageClass = (name: string): Stored<StorageClass> | undefined => this.#classes.lister.get(name);
  csiNode = (node: string): Stored<CSINode> | undefined => this.#csiNodes.lister.get(node);
  volumesOf = (storageClass: string): readonly Stored<PersistentVolume>[] =>
    this.#volumes.lister.byIndex(BY_CLASS, storageClass);

  /** Claims of the pod that get their volume now that its node is known. */
  open(pod: Stored<Pod>): string[] {
    return claimKeys(pod).filter((key) => {
      const claim = this.claim(key);
      return claim !== undefined && !isClaimBound(claim);
    });
  }

  /**
   * Tells whoever binds or makes volumes which node the claims are for, and waits until all are bound.
   * @param timeoutMs making a volume may take long; after this the pod is tried again, perhaps elsewhere
   * @throws Error when one is not bound by then, or the node was turned down
   */
  async bind(
    keys: readonly string[],
    { node, timeoutMs }: { node: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    const noted = new Map<string, string>();
    for (const key of keys) {
      const [namespace = '', name = ''] = key.split('/');
      const body = { metadata: { annotations: { [SELECTED_NODE]: node } } };
      const patch = { type: 'merge', body } as const;
      const { metadata } = await this.#client.patch(PersistentVolumeClaims, { name, namespace }, patch, { signal });
      noted.set(key, metadata.resourceVersion);
    }
    const limit = timeoutSignal(this.#clock, timeoutMs, signal);
    try {
      await Promise.all([...noted].map(([key, version]) => this.#bound(key, { node, version }, limit.signal)));
    } finally {
      limit.dispose();
    }
  }

  /** @param noted the node that was noted on the claim, and the version of the claim that has the note first */
  async #bound(key: string, noted: { node: string; version: string }, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { node, version } = noted;
    const check = (): void => {
      const claim = this.claim(key);
      if (!claim) {
        reject(new Error(`persistentvolumeclaim "${key}" not found`));
        return;
      }
      const { annotations, resourceVersion } = claim.metadata;
      if (isClaimBound(claim)) resolve();
      // Whoever makes volumes takes the note away when there can be none for that node; older versions do not have it yet.
      else if (annotations?.[SELECTED_NODE] !== node && !isNewer(version, resourceVersion)) {
        reject(new Error(`no volume for claim "${key}" on node "${node}"`));
      }
    };
    this.#waiting.add(check);
    try {
      check();
      await abortable(promise, signal);
    } finally {
      this.#waiting.delete(check);
    }
  }
}
