import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';

/** Something that happened in the cluster and may let a waiting pod fit. */
export type EventType =
  | 'node-added'
  | 'node-removed'
  | 'node-resources'
  | 'node-labels'
  | 'node-taints'
  /** A pod left its node, or is over. */
  | 'pod-gone'
  /** A pod got a node. */
  | 'pod-bound'
  /** A pod that has a node got other labels, or began to end. */
  | 'pod-labels'
  /** A pod that has a node asks for less now. */
  | 'pod-shrunk'
  /** The waiting pod itself. */
  | 'pod-changed'
  | 'namespace-labels'
  | 'claim'
  | 'volume'
  | 'storage-class'
  | 'csi-node'
  /** A volume is no longer attached to a node. */
  | 'volume-detached'
  /** A CSI driver has more space, or no longer tells how much. */
  | 'storage-capacity';

export interface ClusterEvent {
  readonly type: EventType;
  /** The node of a node event, as it is now. */
  readonly node?: Stored<Node>;
  /** The pod of a pod event, as it is now or was last. */
  readonly pod?: Stored<Pod>;
  /** The pod as it was before, when it changed. */
  readonly before?: Stored<Pod>;
  readonly claim?: Stored<PersistentVolumeClaim>;
  readonly volume?: Stored<PersistentVolume>;
  readonly storageClass?: Stored<StorageClass>;
  readonly csiNode?: Stored<CSINode>;
}

/** A queueing hint: whether the event may turn a rejection of the waiting pod into a fit. */
export type Hint = (waiting: Stored<Pod>, event: ClusterEvent) => boolean;
export type WakesOn = Readonly<Partial<Record<EventType, Hint | true>>>;

/** Whether a pod rejected by something that wakes on `wakesOn` should be tried again. */
export function mayHelp(wakesOn: WakesOn, waiting: Stored<Pod>, event: ClusterEvent): boolean {
  const hint = wakesOn[event.type];
  return hint === true || hint?.(waiting, event) === true;
}

/** Hint for node events: helps if the node, as it is now, passes. */
export const ifNode =
  (passes: (waiting: Stored<Pod>, node: Stored<Node>) => boolean): Hint =>
  (waiting, { node }) =>
    node === undefined || passes(waiting, node);

/** Hint for pod events: helps if that pod is one the plugin looks at. */
export const ifPod =
  (concerns: (waiting: Stored<Pod>, pod: Stored<Pod>, before?: Stored<Pod>) => boolean): Hint =>
  (waiting, { pod, before }) =>
    pod === undefined || concerns(waiting, pod, before);

/** Hint for claims: helps if the waiting pod uses this one. */
export const ifOwnClaim: Hint = (waiting, { claim }) =>
  claim === undefined || claimKeys(waiting).includes(`${claim.metadata.namespace}/${claim.metadata.name}`);
