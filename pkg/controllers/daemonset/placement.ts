import type { DaemonSet, Node, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec, Toleration } from '#api/kinds/index.ts';
import { requiresNode } from '#api/scheduling/node-selector.ts';
import { tolerates, untolerated } from '#api/scheduling/taints.ts';

const NODE = 'node.kubernetes.io/';

/** A daemon stays where others must leave, and runs where others are kept away from ("Taints and tolerations", DaemonSet). */
const toleration = (key: string, effect: 'NoSchedule' | 'NoExecute'): Toleration => ({
  key: NODE + key,
  operator: 'Exists',
  effect,
});
const ALWAYS: readonly Toleration[] = [
  toleration('not-ready', 'NoExecute'),
  toleration('unreachable', 'NoExecute'),
  toleration('disk-pressure', 'NoSchedule'),
  toleration('memory-pressure', 'NoSchedule'),
  toleration('pid-pressure', 'NoSchedule'),
  toleration('unschedulable', 'NoSchedule'),
];
const ON_HOST_NETWORK = toleration('network-unavailable', 'NoSchedule');

const tolerationsOf = (spec: PodSpec | undefined): Toleration[] => [
  ...(spec?.tolerations ?? []),
  ...ALWAYS,
  ...(spec?.hostNetwork ? [ON_HOST_NETWORK] : []),
];

export interface Verdict {
  /** A pod is started on the node. */
  readonly run: boolean;
  /** A pod that is there may stay. */
  readonly stay: boolean;
}

/** Pure: whether the set's pods belong on the node. */
export function belongsOn(ds: DaemonSet, node: Node): Verdict {
  const spec = ds.spec?.template?.spec;
  if (spec?.nodeName && spec.nodeName !== node.metadata?.name) return { run: false, stay: false };
  if (!requiresNode(spec, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(spec);
  if (!untolerated(node.spec?.taints, tolerations)) return { run: true, stay: true };
  const evicting = (node.spec?.taints ?? []).some(
    (t) => t.effect === 'NoExecute' && !tolerations.some((x) => tolerates(x, t)),
  );
  return { run: false, stay: !evicting };
}

const pinTo = (name: string) => ({ key: 'metadata.name', operator: 'In' as const, values: [name] });

/** Adds "this node only" to every alternative the user gave; fields of the name itself are replaced. */
function pinned(terms: readonly NodeSelectorTerm[] | undefined, node: string): NodeSelectorTerm[] {
  if (!terms?.length) return [{ matchFields: [pinTo(node)] }];
  return terms.map((t) => ({ ...t, matchFields: [pinTo(node)] }));
}

/** The template as pods on `node` are made of it: tolerant as daemons are, and held to that node for the scheduler. */
export function templateFor(ds: DaemonSet, node: string, hash: string): PodTemplateSpec {
  const template = ds.spec?.template ?? {};
  const spec = template.spec;
  const affinity = spec?.affinity;
  const given = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const required = { nodeSelectorTerms: pinned(given, node) };
  return {
    ...template,
    metadata: {
      ...template.metadata,
      labels: { ...template.metadata?.labels, 'controller-revision-hash': hash },
    },
    spec: {
      ...spec,
      tolerations: tolerationsOf(spec),
      affinity: {
        ...affinity,
        nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required },
      },
    },
  } as PodTemplateSpec;
}

/** The node a daemon pod is on or, not yet bound, was made for. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const term of required?.nodeSelectorTerms ?? []) {
    const [field, ...more] = term.matchFields ?? [];
    if (field?.key === 'metadata.name' && field.operator === 'In' && more.length === 0 && field.values?.length === 1)
      return field.values[0];
  }
  return undefined;
}
