import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { claimKeys } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim, ifPod } from '../framework/events.ts';
import type { Plugin, Prepared, Reason } from '../framework/plugin.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';

const IN_USE: readonly Reason[] = [
  { text: 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode' },
];
const NO_DISK: readonly Reason[] = [{ text: 'node(s) had no available disk' }];

/** A disk that a pod mounts itself, and that a node cannot give to several pods. */
interface Disk {
  readonly type: 'gce' | 'aws' | 'iscsi' | 'rbd';
  /** Disks of a type with one of these in common are the same. */
  readonly names: readonly string[];
  /** Several pods may read it, if all only do that. */
  readonly readOnly: boolean;
}

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];

function diskOf(v: Volume): Disk | undefined {
  const { gcePersistentDisk: gce, awsElasticBlockStore: aws, iscsi, rbd } = v;
  if (gce) return { type: 'gce', names: [gce.pdName], readOnly: gce.readOnly ?? false };
  if (aws) return { type: 'aws', names: [aws.volumeID], readOnly: false };
  if (iscsi) return { type: 'iscsi', names: [iscsi.iqn], readOnly: iscsi.readOnly ?? false };
  if (!rbd) return undefined;
  const names = (rbd.monitors ?? []).map((m) => `${m} ${rbd.pool ?? ''} ${rbd.image}`);
  return { type: 'rbd', names, readOnly: rbd.readOnly ?? false };
}

const disksOf = (pod: Pod): Disk[] => (pod.spec?.volumes ?? []).flatMap((v) => diskOf(v) ?? []);

const clash = (a: Disk, b: Disk): boolean =>
  a.type === b.type && !(a.readOnly && b.readOnly) && a.names.some((n) => b.names.includes(n));

const disksClash = (wanted: readonly Disk[], pod: Pod): boolean =>
  wanted.length > 0 && disksOf(pod).some((d) => wanted.some((w) => clash(w, d)));

function exclusiveFilter(pod: Stored<Pod>, state: ClusterState): Prepared['filter'] {
  const exclusive = claimKeys(pod).filter((key) =>
    state.storage.claim(key)?.spec?.accessModes?.includes('ReadWriteOncePod'),
  );
  if (exclusive.length === 0) return undefined;
  const users = exclusive.map((key) =>
    state.counts.of({
      key: `claim ${key}`,
      namespaces: [pod.metadata.namespace ?? ''],
      matches: (p) => claimKeys(p).includes(key),
    }),
  );
  // Wherever the other pod is: only its end helps, which preemption can bring about on its node.
  return () => (users.some((nodes) => nodes.size > 0) ? IN_USE : null);
}

/** A claim with access mode ReadWriteOncePod is for one pod at a time; so are, on a node, some kinds of disks. */
export const volumeRestrictions: Plugin = {
  name: 'VolumeRestrictions',
  weight: 0,
  wakesOn: {
    claim: ifOwnClaim,
    'pod-gone': ifPod(
      (waiting, pod) =>
        claimKeys(waiting).some((key) => claimKeys(pod).includes(key)) || disksClash(disksOf(waiting), pod),
    ),
    'node-added': true,
  },
  prepare(pod, state) {
    const exclusive = exclusiveFilter(pod, state);
    const disks = disksOf(pod);
    if (!exclusive && disks.length === 0) return null;
    return {
      filter(node) {
        if (disks.length > 0) for (const p of node.pods.values()) if (disksClash(disks, p)) return NO_DISK;
        return exclusive?.(node) ?? null;
      },
    };
  },
};
