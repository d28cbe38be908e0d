import { createHash } from 'node:crypto';
import type { Node, PersistentVolume, VolumeAttachment } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';

export type Attachment = Stored<VolumeAttachment>;

/** An unhealthy node keeps a volume that it still uses for so long at most, milliseconds. */
export const UNMOUNT_MS = 6 * 60_000;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const SHARED = ['ReadWriteMany', 'ReadOnlyMany'] as const;

/** Name of the attachment of a volume to a node: the same whoever asks for it, and however often. */
export function attachmentName({ spec }: PersistentVolume, node: string): string {
  const { driver = '', volumeHandle = '' } = spec?.csi ?? {};
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${node}`).digest('hex')}`;
}

/** What `volumesInUse` and `volumesAttached` of a Node call the volume. */
export const volumeId = ({ spec }: PersistentVolume): string =>
  `kubernetes.io/csi/${spec?.csi?.driver}^${spec?.csi?.volumeHandle}`;

/** Whether only one node may have it at a time ("Access Modes"). */
export function isExclusive({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && !SHARED.some((m) => modes.includes(m));
}

/** Asks the driver to attach the volume. */
export const attachmentOf = (volume: Stored<PersistentVolume>, node: string): VolumeAttachment => ({
  metadata: { name: attachmentName(volume, node) },
  spec: {
    attacher: volume.spec?.csi?.driver ?? '',
    nodeName: node,
    source: { persistentVolumeName: volume.metadata.name },
  },
});

/**
 * Milliseconds until a volume that no pod of the node wants may be taken from it; undefined while the node uses it and is
 * healthy. Pure.
 * @param heldMs how long it has been held though nobody wants it
 */
export function detachableIn(node: Node | undefined, volume: string | undefined, heldMs: number): number | undefined {
  const inUse = volume !== undefined && node?.status?.volumesInUse?.includes(volume);
  if (!node || !inUse || node.spec?.taints?.some((t) => t.key === OUT_OF_SERVICE)) return 0;
  return isReady(node) ? undefined : Math.max(0, UNMOUNT_MS - heldMs);
}
