/** String values shared by several types. */
import { map, oneOf, quantity, type TypeOf } from '../../schema/schema.ts';

/** Resource name to quantity, e.g. `{ cpu: "500m", memory: "1Gi" }`. */
export const ResourceList = map(quantity);
export type ResourceList = TypeOf<typeof ResourceList>;

export const Protocol = oneOf('TCP', 'UDP', 'SCTP');
export type Protocol = TypeOf<typeof Protocol>;

export const ConditionStatus = oneOf('True', 'False', 'Unknown');
export type ConditionStatus = TypeOf<typeof ConditionStatus>;

export const PullPolicy = oneOf('Always', 'IfNotPresent', 'Never');
export type PullPolicy = TypeOf<typeof PullPolicy>;

export const TaintEffect = oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute');
export type TaintEffect = TypeOf<typeof TaintEffect>;

export const PreemptionPolicy = oneOf('Never', 'PreemptLowerPriority');
export const NodeInclusionPolicy = oneOf('Honor', 'Ignore');
export const RecursiveReadOnlyMode = oneOf('Disabled', 'IfPossible', 'Enabled');
export const PersistentVolumeReclaimPolicy = oneOf('Recycle', 'Delete', 'Retain');
export const PersistentVolumeAccessMode = oneOf('ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod');
export const PersistentVolumeMode = oneOf('Block', 'Filesystem');
export const IPFamily = oneOf('IPv4', 'IPv6');
