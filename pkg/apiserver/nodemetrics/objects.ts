import {
  amounts,
  type Node,
  type NodeMetrics,
  NodeMetricses,
  Nodes,
  type Pod,
  type PodMetrics,
  PodMetricses,
  Pods,
} from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { LiveObjects, ResourceTable } from '../registry/resource.ts';
import type { AgentStats, Measured, NodeSummary } from './agents.ts';

/** What a rate is taken over when the agent does not say. */
const WINDOW_MS = 10_000;
const NODE_REF = { group: NodeMetricses.group, plural: 'nodemetrics', kind: NodeMetricses.kind };
const POD_REF = { group: PodMetricses.group, plural: 'podmetrics', kind: PodMetricses.kind };
const API = { apiVersion: 'metrics.k8s.io/v1beta1' };

type Match = Parameters<LiveObjects['list']>[1];

/** A Go duration, to the millisecond. */
const windowOf = (m: Measured): string => {
  const ms = m.cpu?.windowMs || WINDOW_MS;
  return `${Number((ms / 1000).toFixed(3))}s`;
};

/** Undefined until there is a rate. */
function usageOf({ cpu, memory }: Measured): Record<string, string> | undefined {
  if (cpu?.usageNanoCores === undefined || memory?.workingSetBytes === undefined) return undefined;
  return amounts(cpu.usageNanoCores, memory.workingSetBytes);
}

const metadataOf = ({ metadata }: Stored<KubeObject>, time: string) => ({
  name: metadata.name,
  ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
  creationTimestamp: time,
  ...(metadata.labels ? { labels: metadata.labels } : {}),
});

/** A node's metrics; undefined when there are none. Pure. */
export function nodeMetrics(node: Stored<Node>, { node: m }: NodeSummary): NodeMetrics | undefined {
  const usage = usageOf(m);
  const time = m.cpu?.time;
  if (!usage || !time) return undefined;
  return { kind: 'NodeMetrics', ...API, metadata: metadataOf(node, time), timestamp: time, window: windowOf(m), usage };
}

/** A pod's metrics; undefined when none of its containers has been measured. Pure. */
export function podMetrics(pod: Stored<Pod>, summary: NodeSummary): PodMetrics | undefined {
  const measured = summary.pods.find(({ podRef: r }) => r.uid === pod.metadata.uid)?.containers ?? [];
  const containers = measured.flatMap((c) => {
    const usage = usageOf(c);
    return usage ? [{ name: c.name, usage }] : [];
  });
  const [first] = measured;
  if (!first?.cpu || containers.length === 0) return undefined;
  const { time } = first.cpu;
  const metadata = metadataOf(pod, time);
  return { kind: 'PodMetrics', ...API, metadata, timestamp: time, window: windowOf(first), containers };
}

/** metrics.k8s.io nodes. */
export function liveNodeMetrics(resources: ResourceTable, agents: AgentStats): LiveObjects {
  const measure = async (node: Stored<Node>): Promise<NodeMetrics | undefined> => {
    const summary = await agents.of(node.metadata.name);
    return summary && nodeMetrics(node, summary);
  };
  return {
    async get(_namespace, name) {
      const node = resources.of(Nodes).cache.get(name)?.object as Stored<Node> | undefined;
      const found = node && (await measure(node));
      if (!found) throw errors.notFound(NODE_REF, name);
      return found;
    },
    async list(_namespace, match) {
      const nodes = matching<Node>(resources.of(Nodes).cache.list(''), match);
      return (await Promise.all(nodes.map(measure))).filter((o) => o !== undefined);
    },
  };
}

/** metrics.k8s.io pods: only the agents of nodes with pods that are asked for are asked. */
export function livePodMetrics(resources: ResourceTable, agents: AgentStats): LiveObjects {
  const measure = async (pod: Stored<Pod>): Promise<PodMetrics | undefined> => {
    const node = pod.status?.phase === 'Running' ? pod.spec?.nodeName : undefined;
    const summary = node ? await agents.of(node) : undefined;
    return summary && podMetrics(pod, summary);
  };
  return {
    async get(namespace, name) {
      const pod = resources.of(Pods).cache.get(`${namespace}/${name}`)?.object as Stored<Pod> | undefined;
      const found = pod && (await measure(pod));
      if (!found) throw errors.notFound(POD_REF, `${namespace}/${name}`);
      return found;
    },
    async list(namespace, match) {
      const pods = matching<Pod>(resources.of(Pods).cache.list(namespace && `${namespace}/`), match);
      return (await Promise.all(pods.map(measure))).filter((o) => o !== undefined);
    },
  };
}

const matching = <T extends KubeObject>(entries: readonly { readonly object: unknown }[], match: Match): Stored<T>[] =>
  entries.flatMap(({ object }) => (match(object as Stored<KubeObject>) ? [object as Stored<T>] : []));
