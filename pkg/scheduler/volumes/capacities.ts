import {
  type CSIDriver,
  CSIDrivers,
  CSIStorageCapacities,
  type CSIStorageCapacity,
  type Node,
  type PersistentVolumeClaim,
  type StorageClass,
} from '#api/kinds/index.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { storageOf } from '#api/scheduling/volume-match.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import type { ClusterEvent } from '../framework/events.ts';

const BY_CLASS = 'class';

/** Size of the largest volume that could be made; undefined: none is told. */
const largest = (c: CSIStorageCapacity): string | undefined => c.maximumVolumeSize ?? c.capacity;

const isReached = ({ nodeTopology }: CSIStorageCapacity, node: Node): boolean =>
  nodeTopology !== undefined && compileLabelSelector(nodeTopology).matches(node.metadata?.labels ?? {});

/** What CSI drivers say of the space they have left, for volumes that are still to be made ("Storage Capacity"). */
export class Capacities {
  readonly #drivers: Informer<CSIDriver>;
  readonly #capacities: Informer<CSIStorageCapacity>;

  /** @param changed called when there may be space for more than before */
  constructor(informers: InformerFactory, changed: (event: ClusterEvent) => void) {
    this.#drivers = informers.informer(CSIDrivers);
    this.#capacities = informers.informer(CSIStorageCapacities);
    this.#capacities.addIndex(BY_CLASS, (c) => [c.storageClassName ?? '']);
    const more = (): void => changed({ type: 'storage-capacity' });
    this.#capacities.addHandlers({
      onAdd: more,
      onUpdate: (old, now) => {
        if (compareQuantities(largest(now) ?? '0', largest(old) ?? '0') > 0) more();
      },
    });
    this.#drivers.addHandlers({
      onUpdate: (old, now) => {
        if (old.spec?.storageCapacity && !now.spec?.storageCapacity) more();
      },
    });
  }

  get needs(): readonly Informer<never>[] {
    return [this.#drivers, this.#capacities] as unknown as Informer<never>[];
  }

  /** Whether a volume for the claim could be made for the node, as far as its driver tells. */
  hasSpace(claim: PersistentVolumeClaim, storageClass: Stored<StorageClass>, node: Node): boolean {
    if (!this.#drivers.lister.get(storageClass.provisioner ?? '')?.spec?.storageCapacity) return true;
    const wanted = storageOf(claim.spec?.resources?.requests);
    return this.#capacities.lister
      .byIndex(BY_CLASS, storageClass.metadata.name)
      .some((c) => compareQuantities(largest(c) ?? '-1', wanted) >= 0 && isReached(c, node));
  }
}
