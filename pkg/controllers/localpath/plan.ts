import { posix } from 'node:path';
import type { Node, PersistentVolume, Pod, StorageClass } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { LOCAL_PATH, PROVISIONED_BY } from '#api/scheduling/local-path.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const MODES: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod']);
/** Where the pod that removes a folder sees the folder around it. */
const MOUNT = '/local-path';
const REMOVES = 'local-path.coxswain.io/removes';

export interface LocalPathSettings {
  /** Folder on every node in which the volumes lie. */
  readonly dir: string;
  /** Image with `rm`, by which folders are removed. */
  readonly helperImage: string;
}

export const isOurs = (v: PersistentVolume): boolean => v.metadata?.annotations?.[PROVISIONED_BY] === LOCAL_PATH;

/** Value of the label that volumes are bound to a node by. */
export const nodeHostname = ({ metadata }: Node): string => metadata?.labels?.[HOSTNAME] ?? metadata?.name ?? '';

/** The volume that is made for a claim. */
export const volumeNameOf = (claim: Claim): string => `pvc-${claim.metadata.uid}`;

/** Why no folder can serve the claim; undefined when one can. Pure. */
export function obstacle({ spec }: Claim): string | undefined {
  if (spec?.selector) return 'claim.Spec.Selector is not supported';
  if (spec?.volumeMode === 'Block') return `${LOCAL_PATH} does not make block volumes`;
  const mode = spec?.accessModes?.find((m) => !MODES.has(m));
  return mode && `${LOCAL_PATH} only supports ReadWriteOnce and ReadWriteOncePod access modes, not ${mode}`;
}

/** A volume for the claim on that node: the agent makes the folder when the first pod mounts it. Pure. */
export function volumeFor(
  claim: Claim,
  { dir, node, storageClass }: { dir: string; node: Node; storageClass: Stored<StorageClass> },
): PersistentVolume {
  const { name, namespace, uid } = claim.metadata;
  const volume = volumeNameOf(claim);
  const attributes = claim.spec?.volumeAttributesClassName;
  const onNode = { matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [nodeHostname(node)] }] };
  return {
    metadata: { name: volume, annotations: { [PROVISIONED_BY]: LOCAL_PATH } },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.storage ?? '0' },
      accessModes: claim.spec?.accessModes ?? [],
      volumeMode: 'Filesystem',
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      ...(attributes ? { volumeAttributesClassName: attributes } : {}),
      ...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
      hostPath: { path: posix.join(dir, `${volume}_${namespace}_${name}`), type: 'DirectoryOrCreate' },
      nodeAffinity: { required: { nodeSelectorTerms: [onNode] } },
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid },
    },
  } as PersistentVolume;
}

/** Value of the node label that the volume is bound to. */
export const hostnameOf = (v: Volume): string =>
  v.spec?.nodeAffinity?.required?.nodeSelectorTerms?.[0]?.matchExpressions?.find((e) => e.key === HOSTNAME)
    ?.values?.[0] ?? '';

/** The volume whose folder a pod removes. */
export const removedBy = (pod: Pod): string | undefined => pod.metadata?.annotations?.[REMOVES];

/**
 * The pod that removes a volume's folder on its node; the garbage collector takes it away with the volume. Pure.
 * @throws RangeError for a folder that is none of ours
 */
export function remover(volume: Volume, nodeName: string, { dir, helperImage }: LocalPathSettings): Pod {
  const { name, uid } = volume.metadata;
  const path = volume.spec?.hostPath?.path ?? '';
  const folder = posix.basename(path);
  if (posix.join(dir, folder) !== path || !folder.startsWith(`${name}_`))
    throw new RangeError(`${path} is not a folder of ${name} in ${dir}: it is not removed`);
  return {
    metadata: {
      name: `remove-${name}`,
      namespace: 'kube-system',
      annotations: { [REMOVES]: name },
      ownerReferences: [{ apiVersion: 'v1', kind: 'PersistentVolume', name, uid }],
    },
    spec: {
      nodeName,
      restartPolicy: 'OnFailure',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'remove',
          image: helperImage,
          imagePullPolicy: 'IfNotPresent',
          command: ['rm', '-rf', '--', posix.join(MOUNT, folder)],
          volumeMounts: [{ name: 'folders', mountPath: MOUNT }],
        },
      ],
      volumes: [{ name: 'folders', hostPath: { path: dir, type: 'DirectoryOrCreate' } }],
    },
  } as Pod;
}
