import {
  type CSINode,
  CSINodes,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  type StorageClass,
  StorageClasses,
  type VolumeAttachment,
  VolumeAttachments,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { boundVolume } from '#api/scheduling/volume-binding.ts';
import { claimKeys, SELECTED_NODE, storageClassOf } from '#api/scheduling/volume-match.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, Informer, InformerFactory } from '#client/types.ts';
import type { ClusterEvent } from '../framework/events.ts';
import { isClaimBound, type Storage } from '../snapshot/storage.ts';
import { Capacities } from './capacities.ts';
import { type Choice, choose, claimKey, claimsOf } from './choice.ts';
import { Reservations } from './reservations.ts';
import { VolumeWrites } from './writes.ts';

const BY_CLASS = 'class';
const BY_NODE = 'node';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

/** What the claims of a pod were promised when it was assumed on a node. */
export interface Promised extends Choice {
  readonly pod: string;
  readonly node: Stored<Node>;
}

/**
 * Claims, volumes and classes as informers show them, and the binding of claims that waited for a node. What was promised
 * to a pod counts at once, as pods do that are assumed on a node: nobody else is given the same volume.
 */
export class Volumes implements Storage {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #csiNodes: Informer<CSINode>;
  readonly #attachments: Informer<VolumeAttachment>;
  readonly #capacities: Capacities;
  /** By the name of the volume: the claim it was promised to. */
  readonly #takers: Reservations<Claim>;
  /** By the key of the claim: the node for which it is to get a volume. */
  readonly #nodes: Reservations<string>;
  readonly #writes: VolumeWrites;
  readonly #changed: (event: ClusterEvent) => void;

  /** @param changed called when storage changed in a way that may help a waiting pod. */
  constructor(client: Client, clock: Clock, informers: InformerFactory, changed: (event: ClusterEvent) => void) {
    this.#changed = changed;
    this.#claims = informers.informer(PersistentVolumeClaims);
    this.#volumes = informers.informer(PersistentVolumes);
    this.#classes = informers.informer(StorageClasses);
    this.#csiNodes = informers.informer(CSINodes);
    this.#attachments = informers.informer(VolumeAttachments);
    this.#attachments.addIndex(BY_NODE, (a) => [a.spec?.nodeName ?? '']);
    this.#capacities = new Capacities(informers, changed);
    this.#volumes.addIndex(BY_CLASS, (v) => [storageClassOf(v)]);
    const versionOf = (o: Claim | Volume | undefined): string | undefined => o?.metadata.resourceVersion;
    this.#takers = new Reservations(
      (claim) => claim.metadata.uid,
      (name) => versionOf(this.#volumes.lister.get(name)),
    );
    this.#nodes = new Reservations(
      (node) => node,
      (key) => versionOf(this.#cachedClaim(key)),
    );
    this.#writes = new VolumeWrites({
      ...{ client, clock, takers: this.#takers, nodes: this.#nodes },
      claim: (key) => this.#cachedClaim(key),
      volume: (name) => this.#volumes.lister.get(name),
    });
    this.#listen();
  }

  #listen(): void {
    const claimSeen = (claim: Claim): void => {
      this.#nodes.seen(claimKey(claim));
      this.#writes.look();
      this.#changed({ type: 'claim', claim });
    };
    this.#claims.addHandlers({ onAdd: claimSeen, onUpdate: (_, c) => claimSeen(c), onDelete: claimSeen });
    const volumeMoved = (volume: Volume): void => {
      this.#takers.seen(volume.metadata.name);
      this.#writes.look();
    };
    const volumeSeen = (volume: Volume): void => {
      volumeMoved(volume);
      this.#changed({ type: 'volume', volume });
    };
    this.#volumes.addHandlers({ onAdd: volumeSeen, onUpdate: (_, v) => volumeSeen(v), onDelete: volumeMoved });
    const classSeen = (storageClass: Stored<StorageClass>): void =>
      this.#changed({ type: 'storage-class', storageClass });
    this.#classes.addHandlers({ onAdd: classSeen, onUpdate: (_, c) => classSeen(c) });
    const nodeSeen = (csiNode: Stored<CSINode>): void => this.#changed({ type: 'csi-node', csiNode });
    this.#csiNodes.addHandlers({ onAdd: nodeSeen, onUpdate: (_, n) => nodeSeen(n) });
    this.#attachments.addHandlers({ onDelete: () => this.#changed({ type: 'volume-detached' }) });
  }

  get needs(): readonly Informer<never>[] {
    const own = [this.#claims, this.#volumes, this.#classes, this.#csiNodes, this.#attachments];
    return [...(own as unknown as Informer<never>[]), ...this.#capacities.needs];
  }

  #cachedClaim(key: string): Claim | undefined {
    const [namespace, name = ''] = key.split('/');
    return this.#claims.lister.get(name, namespace);
  }

  claim(key: string): Claim | undefined {
    const claim = this.#cachedClaim(key);
    const node = claim && this.#nodes.of(key);
    if (node === undefined || isClaimBound(claim as Claim)) return claim;
    const annotations = { ...claim?.metadata.annotations, [SELECTED_NODE]: node };
    return { ...claim, metadata: { ...claim?.metadata, annotations } } as Claim;
  }

  #promised(volume: Volume): Volume {
    const claim = this.#takers.of(volume.metadata.name);
    return claim && !volume.spec?.claimRef?.uid ? boundVolume(volume, claim) : volume;
  }

  volume(name: string): Volume | undefined {
    const volume = this.#volumes.lister.get(name);
    return volume && this.#promised(volume);
  }

  volumeOf({ metadata, spec }: Claim): Volume | undefined {
    const name = spec?.volumeName || this.#takers.keyOf(metadata.uid);
    return name ? this.#volumes.lister.get(name) : undefined;
  }

  volumesOf(storageClass: string): readonly Volume[] {
    const volumes = this.#volumes.lister.byIndex(BY_CLASS, storageClass);
    return this.#takers.size === 0 ? volumes : volumes.map((v) => this.#promised(v));
  }

  storageClass = (name: string): Stored<StorageClass> | undefined => this.#classes.lister.get(name);
  csiNode = (node: string): Stored<CSINode> | undefined => this.#csiNodes.lister.get(node);

  attachmentsOf = (node: string): readonly Stored<VolumeAttachment>[] =>
    this.#attachments.lister.byIndex(BY_NODE, node);
  hasSpace = (claim: Claim, storageClass: Stored<StorageClass>, node: Stored<Node>): boolean =>
    this.#capacities.hasSpace(claim, storageClass, node);

  /**
   * Chooses what those claims of a pod get that wait for its node, and keeps it for the pod until `release`.
   * @returns null when there are none
   * @throws Error when one of them gets nothing there
   */
  reserve(pod: Stored<Pod>, node: Stored<Node>): Promised | null {
    if (claimKeys(pod).length === 0) return null;
    const claims = claimsOf(pod, this, (name) => name === node.metadata.name);
    if (typeof claims === 'string') throw new Error(claims);
    if (claims.open.length === 0) return null;
    const choice = choose(claims.open, node, this);
    if (typeof choice === 'string') {
      const what = choice === 'space' ? 'space left for volumes' : 'volumes left to bind';
      throw new Error(`node "${node.metadata.name}" has no ${what}`);
    }
    const { uid } = pod.metadata;
    for (const { volume, claim } of choice.taken) this.#takers.keep(volume.metadata.name, claim, uid);
    for (const claim of choice.made) this.#nodes.keep(claimKey(claim), node.metadata.name, uid);
    return { ...choice, pod: uid, node };
  }

  /**
   * Writes what was promised, and waits until all claims are bound.
   * @param timeoutMs making a volume may take long; after this the pod is tried again, perhaps elsewhere
   * @throws Error when one is not bound by then, is bound to what the node does not reach, or the node was turned down
   */
  bind(promised: Promised, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#writes.bind(promised, timeoutMs, signal);
  }

  /** The pod is bound, or will be tried again: what was not written is free for others. */
  release({ pod }: Promised): void {
    for (const key of this.#nodes.release(pod)) {
      const claim = this.#cachedClaim(key);
      if (claim) this.#changed({ type: 'claim', claim });
    }
    for (const name of this.#takers.release(pod)) {
      const volume = this.#volumes.lister.get(name);
      if (volume) this.#changed({ type: 'volume', volume });
    }
  }
}
