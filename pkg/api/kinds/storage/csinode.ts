import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError, required } from '../../meta/fielderrors.ts';
import { arr, f, int32, mapList, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.storage.v1';
const obj = objectsIn(PKG);

export const VolumeNodeResources = obj('VolumeNodeResources', 'How many volumes fit.', {
  count: f(1, int32, 'Most volumes that can be attached.', { ptr: true }),
});
export type VolumeNodeResources = TypeOf<typeof VolumeNodeResources>;

export const CSINodeDriver = obj('CSINodeDriver', 'A driver on a node.', {
  name: req(1, str, 'Name of the driver.'),
  nodeID: req(2, str, "The node's name to the driver."),
  topologyKeys: req(3, arr(str), 'Labels that tell where the node is.'),
  allocatable: f(4, VolumeNodeResources, 'How many volumes fit.'),
});
export type CSINodeDriver = TypeOf<typeof CSINodeDriver>;

export const CSINodeSpec = obj('CSINodeSpec', 'Drivers on a node.', {
  drivers: req(1, mapList(CSINodeDriver, 'name'), 'The drivers.'),
});
export type CSINodeSpec = TypeOf<typeof CSINodeSpec>;

export const CSINodeSchema = topLevel(PKG, 'CSINode', 'What CSI drivers there are on a node; named like the node.', {
  spec: req(2, CSINodeSpec, 'The drivers.'),
});
export type CSINode = TypeOf<typeof CSINodeSchema>;

function validateDrivers(o: CSINode): FieldError[] {
  const names = new Set<string>();
  return (o.spec?.drivers ?? []).flatMap((d, i) => {
    const path = `spec.drivers[${i}]`;
    const found: FieldError[] = d.name ? [] : [required(`${path}.name`)];
    if (!d.nodeID) found.push(required(`${path}.nodeID`));
    if (names.has(d.name)) found.push(duplicate(`${path}.name`, d.name));
    names.add(d.name);
    return found;
  });
}

export const CSINodes = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  schema: CSINodeSchema,
  validate: validateDrivers,
  columns: [nameColumn, numberColumn('Drivers', 'Number of drivers.', (o) => o.spec?.drivers?.length ?? 0), ageColumn],
});
