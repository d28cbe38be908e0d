import { defineKind, type Kind, topLevel } from '../../kind.ts';
import { wholeValue } from '../../meta/quantity.ts';
import { duration, map, mapList, objectsIn, quantity, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.metrics.pkg.apis.metrics.v1beta1';
const obj = objectsIn(PKG);

/** Amounts by resource: cpu in cores, memory in bytes of the working set. */
const usage = map(quantity);

export const ContainerMetrics = obj('ContainerMetrics', 'What a container uses.', {
  name: req(1, str, 'Name of the container.'),
  usage: req(2, usage, 'Amounts by resource, cpu and memory (the working set).'),
});
export type ContainerMetrics = TypeOf<typeof ContainerMetrics>;

export const NodeMetricsSchema = topLevel(PKG, 'NodeMetrics', 'What a node uses.', {
  timestamp: req(2, time, 'End of the time that was measured.', { ptr: true }),
  window: req(3, duration, 'Length of the time that was measured.', { ptr: true }),
  usage: req(4, usage, 'Amounts by resource, cpu and memory (the working set).'),
});
export type NodeMetrics = TypeOf<typeof NodeMetricsSchema>;

export const PodMetricsSchema = topLevel(PKG, 'PodMetrics', 'What the containers of a pod use.', {
  timestamp: req(2, time, 'End of the time that was measured.', { ptr: true }),
  window: req(3, duration, 'Length of the time that was measured.', { ptr: true }),
  containers: req(4, mapList(ContainerMetrics, 'name'), 'The containers that run.'),
});
export type PodMetrics = TypeOf<typeof PodMetricsSchema>;

const GROUP = { group: 'metrics.k8s.io', version: 'v1beta1', verbs: ['get', 'list'] as const, singular: '' };

const KIB = 1024;
const nanoOf = (cpu: string | undefined): number => (cpu?.endsWith('n') ? Number(cpu.slice(0, -1)) : 0);
const kibOf = (memory: string | undefined): number => (memory ? wholeValue(memory) / KIB : 0);

/** The amounts of several containers as one. Reads only what `amounts` wrote. */
const sum = (containers: readonly ContainerMetrics[]): Record<string, string> =>
  amounts(
    containers.reduce((n, c) => n + nanoOf(c.usage.cpu), 0),
    containers.reduce((n, c) => n + kibOf(c.usage.memory), 0) * KIB,
  );

/** Resource amounts as this API tells them. @param nanoCores cores × 10⁹ @param bytes of the working set */
export const amounts = (nanoCores: number, bytes: number): Record<string, string> => ({
  cpu: nanoCores === 0 ? '0' : `${Math.round(nanoCores)}n`,
  memory: `${Math.round(bytes / KIB)}Ki`,
});

const cpuColumn = 'What is used of the processors, in cores.';
const memoryColumn = 'Working set.';
const windowColumn = 'Length of the time that was measured.';

export const NodeMetricses = defineKind<NodeMetrics>({
  ...GROUP,
  kind: 'NodeMetrics',
  plural: 'nodes',
  namespaced: false,
  schema: NodeMetricsSchema,
  columns: [
    nameColumn,
    column('cpu', cpuColumn, (o) => o.usage.cpu ?? '0'),
    column('memory', memoryColumn, (o) => o.usage.memory ?? '0'),
    column('Window', windowColumn, (o) => o.window ?? ''),
  ],
});

export const PodMetricses = defineKind<PodMetrics>({
  ...GROUP,
  kind: 'PodMetrics',
  plural: 'pods',
  schema: PodMetricsSchema,
  columns: [
    nameColumn,
    column('cpu', cpuColumn, (o) => sum(o.containers).cpu ?? '0'),
    column('memory', memoryColumn, (o) => sum(o.containers).memory ?? '0'),
    column('Window', windowColumn, (o) => o.window ?? ''),
  ],
});

/** Kinds that are measured when they are asked for, never stored ("Resource metrics pipeline"). */
export const measuredKinds = [NodeMetricses, PodMetricses] as unknown as readonly Kind[];
