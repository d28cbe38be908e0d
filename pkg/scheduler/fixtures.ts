import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { ClusterState, type GroupOf } from './snapshot/cluster-state.ts';
import type { NodeInfo } from './snapshot/node-info.ts';
import type { Storage } from './snapshot/storage.ts';

export interface PodOptions {
  readonly labels?: Record<string, string>;
  readonly namespace?: string;
  readonly spec?: object;
  readonly status?: object;
  readonly metadata?: object;
  readonly cpu?: string;
  readonly priority?: number;
}

/** For tests: a pod of namespace "ns" whose uid is its name. */
export const makePod = (name: string, o: PodOptions = {}): Stored<Pod> =>
  ({
    metadata: { name, uid: name, namespace: o.namespace ?? 'ns', labels: o.labels ?? {}, ...o.metadata },
    spec: {
      ...(o.cpu ? { containers: [{ resources: { requests: { cpu: o.cpu } } }] } : {}),
      ...(o.priority === undefined ? {} : { priority: o.priority }),
      ...o.spec,
    },
    status: o.status ?? {},
  }) as unknown as Stored<Pod>;

/** For tests: a node with 4 CPUs, 4 GiB and room for 110 pods. */
export const makeNode = (name: string, labels: Record<string, string> = {}, more: object = {}): Stored<Node> =>
  ({
    metadata: { name, uid: name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '4Gi', pods: '110' } },
    ...more,
  }) as unknown as Stored<Node>;

/** For tests: a cluster of these nodes with these pods on them. */
export function makeState(
  nodes: readonly Stored<Node>[],
  pods: Readonly<Record<string, readonly Stored<Pod>[]>> = {},
  groupOf?: GroupOf,
  storage?: Storage,
): ClusterState {
  const state = new ClusterState(groupOf, storage);
  for (const n of nodes) state.setNode(n);
  for (const [node, list] of Object.entries(pods)) {
    for (const p of list) state.setPod({ ...p, spec: { ...p.spec, nodeName: node } } as Stored<Pod>);
  }
  return state;
}

export function nodeOf(state: ClusterState, name: string): NodeInfo {
  const info = state.node(name);
  if (!info) throw new Error(`no node ${name}`);
  return info;
}
