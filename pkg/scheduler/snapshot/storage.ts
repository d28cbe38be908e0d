import type {
  CSINode,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { BIND_COMPLETED } from '#api/scheduling/volume-binding.ts';

/** What the scheduler knows of storage, with what it has decided about pods that are being bound. */
export interface Storage {
  claim(key: string): Stored<PersistentVolumeClaim> | undefined;
  volume(name: string): Stored<PersistentVolume> | undefined;
  /** The volume that a claim is bound to, or that was chosen for it. */
  volumeOf(claim: Stored<PersistentVolumeClaim>): Stored<PersistentVolume> | undefined;
  storageClass(name: string): Stored<StorageClass> | undefined;
  /** What CSI drivers say of a node. */
  csiNode(node: string): Stored<CSINode> | undefined;
  /** Volumes of a storage class; '' for those of none. */
  volumesOf(storageClass: string): readonly Stored<PersistentVolume>[];
  /** What is attached to a node, whether a pod there uses it or not. */
  attachmentsOf(node: string): readonly Stored<VolumeAttachment>[];
  /** Whether a volume for the claim could be made for the node, as far as is known. */
  hasSpace(claim: Stored<PersistentVolumeClaim>, storageClass: Stored<StorageClass>, node: Stored<Node>): boolean;
}

export const NO_STORAGE: Storage = {
  claim: () => undefined,
  volume: () => undefined,
  volumeOf: () => undefined,
  storageClass: () => undefined,
  csiNode: () => undefined,
  volumesOf: () => [],
  attachmentsOf: () => [],
  hasSpace: () => true,
};

/** Bound from both sides. */
export const isClaimBound = ({ metadata, spec, status }: Stored<PersistentVolumeClaim>): boolean =>
  Boolean(spec?.volumeName) && (metadata.annotations?.[BIND_COMPLETED] !== undefined || status?.phase === 'Bound');

/** Whether volumes of the class are chosen only when the node of the first pod is known. */
export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
