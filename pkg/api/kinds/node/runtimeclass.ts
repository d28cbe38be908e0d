import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { duplicate, type FieldError } from '../../meta/fielderrors.ts';
import { validateLabels } from '../../meta/labels.ts';
import { dnsLabel } from '../../meta/names.ts';
import { arr, f, map, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor } from '../check/check.ts';
import { Toleration } from '../core/pod/affinity.ts';
import { validateResources } from '../core/pod/resource-validation.ts';
import { validateTolerations } from '../core/pod/scheduling-validation.ts';
import { ResourceList } from '../core/values.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.node.v1';
const obj = objectsIn(PKG);

export const Overhead = obj('Overhead', 'Resources a pod uses beside its containers.', {
  podFixed: f(1, ResourceList, 'The resources.'),
});
export type Overhead = TypeOf<typeof Overhead>;

export const Scheduling = obj('Scheduling', 'Nodes that have the runtime.', {
  nodeSelector: f(1, map(str, 'atomic'), 'Labels of those nodes.'),
  tolerations: f(2, arr(Toleration), 'Taints its pods put up with.'),
});
export type Scheduling = TypeOf<typeof Scheduling>;

export const RuntimeClassSchema = topLevel(PKG, 'RuntimeClass', 'A way to run containers.', {
  handler: req(2, str, "Name of the runtime's configuration; cannot be changed."),
  overhead: f(3, Overhead, 'Resources a pod uses beside its containers.'),
  scheduling: f(4, Scheduling, 'Nodes that have the runtime.'),
});
export type RuntimeClass = TypeOf<typeof RuntimeClassSchema>;

const repeatedTolerations = (path: string, list: readonly Toleration[]): FieldError[] =>
  list.flatMap((t, i) => (list.slice(0, i).some((x) => sameJson(x, t)) ? [duplicate(`${path}[${i}]`, t)] : []));

export const RuntimeClasses = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  needsVersion: true,
  namespaced: false,
  createOnUpdate: true,
  schema: RuntimeClassSchema,
  validate: (o, old) => [
    ...invalidFor('handler', o.handler ?? '', dnsLabel(o.handler ?? '')),
    ...validateResources('overhead', { limits: o.overhead?.podFixed }),
    ...validateLabels(o.scheduling?.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations('scheduling.tolerations', o.scheduling?.tolerations),
    ...repeatedTolerations('scheduling.tolerations', o.scheduling?.tolerations ?? []),
    ...(old ? immutable('handler', o.handler, old.handler) : []),
  ],
  columns: [nameColumn, column('Handler', "Name of the runtime's configuration.", (o) => o.handler), ageColumn],
});
