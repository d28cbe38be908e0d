import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { arr, f, int32, mapList, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { driverName, immutable, invalidFor, nonNegative } from '../check/check.ts';
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
  spec: req(2, CSINodeSpec, 'The drivers.', { default: {} }),
});
export type CSINode = TypeOf<typeof CSINodeSchema>;

const MAX_NODE_ID = 192;

function validateDriver(path: string, d: CSINodeDriver): FieldError[] {
  const found = driverName(`${path}.name`, d.name);
  if (!d.nodeID) found.push(required(`${path}.nodeID`));
  else if (d.nodeID.length > MAX_NODE_ID) {
    found.push(invalid(`${path}.nodeID`, d.nodeID, `must be ${MAX_NODE_ID} characters or less`));
  }
  found.push(...nonNegative(`${path}.allocatable.count`, d.allocatable?.count));
  const keys = d.topologyKeys ?? [];
  for (const [i, key] of keys.entries()) {
    if (!key) found.push(required(path));
    if (keys.indexOf(key) < i) found.push(duplicate(path, key));
    found.push(...invalidFor(path, keys, qualifiedName(key)));
  }
  return found;
}

/** Drivers come and go; what one has said of itself stays. */
function validateNode(o: CSINode, old?: CSINode): FieldError[] {
  const names = new Set<string>();
  const found = (o.spec?.drivers ?? []).flatMap((d, i) => {
    const path = `spec.drivers[${i}]`;
    const problems = validateDriver(path, d);
    if (names.has(d.name)) problems.push(duplicate(`${path}.name`, d.name));
    names.add(d.name);
    return problems;
  });
  for (const before of old?.spec?.drivers ?? []) {
    const now = o.spec?.drivers?.filter((d) => d.name === before.name) ?? [];
    found.push(...now.flatMap((d) => immutable('CSINodeDriver', d, before)));
  }
  return found;
}

export const CSINodes = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  needsVersion: true,
  namespaced: false,
  schema: CSINodeSchema,
  validate: validateNode,
  columns: [nameColumn, numberColumn('Drivers', 'Number of drivers.', (o) => o.spec?.drivers?.length ?? 0), ageColumn],
});
