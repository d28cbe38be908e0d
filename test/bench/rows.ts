/** One figure of a run. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly value: number;
  /** Whether less is better. */
  readonly less: boolean;
  /** The value to reach, if one is set. */
  readonly goal?: number;
  /** The goal in multiples of the reference, if it is set in such, and of which row. */
  readonly times?: number;
  readonly of?: string;
  /** What the machine could do at most, measured in the same run. */
  readonly bound?: number;
  /** More about the value, such as percentiles. */
  readonly note?: string;
}

interface Declared {
  readonly title: string;
  readonly unit: string;
  readonly less?: boolean;
  /** What is asked for on any machine, or on the kind where the goals were set (see docs/benchmarks.md). */
  readonly goal?: number | Relative;
}

/** A goal that grows and falls with the machine. Its figure is that of the machine where it was set. */
type Relative =
  | { readonly figure: number; readonly times: number; readonly of?: string }
  | { readonly figure: number; readonly ofBound: number };

/** So many times better than the Go implementation, which reached `reference` on that machine; `of`: in another row. */
const times = (reference: number, factor: number, of?: string): Relative => ({
  figure: Math.round(reference * factor),
  times: factor,
  ...(of ? { of } : {}),
});
/** The same for what is better when it is less. */
const fraction = (reference: number, factor: number): Relative => ({ figure: reference / factor, times: factor });
/** Not more than so many times what the machine takes at least, which was `bound` on that machine. */
const within = (bound: number, figure: number): Relative => ({ figure, ofBound: figure / bound });

const ROWS = {
  'create-configmap': { title: 'POST configmap, 64 in flight', unit: '/s', goal: times(1960, 1.8) },
  'create-pod': { title: 'POST pod', unit: '/s', goal: times(1710, 1.8) },
  'get-pod': { title: 'GET pod', unit: '/s', goal: times(3530, 3) },
  'patch-merge': { title: 'PATCH merge', unit: '/s', goal: times(1260, 2) },
  'patch-strategic': { title: 'PATCH strategic', unit: '/s', goal: times(1390, 2) },
  apply: { title: 'server-side apply, new object', unit: '/s', goal: times(1890, 1.3) },
  'list-cache': { title: 'LIST 2,000 pods from cache', unit: 'ms', less: true, goal: fraction(36, 5) },
  'list-quorum': { title: 'LIST 2,000 pods, most recent', unit: 'ms', less: true },
  'list-8': { title: 'LIST 2,000 pods, 8 clients', unit: '/s', goal: times(46, 4) },
  'list-label': { title: 'LIST by label, 40 of 2,000', unit: 'ms', less: true, goal: fraction(1.7, 2) },
  'list-page': { title: 'LIST limit=500', unit: 'ms', less: true },
  'fan-out': { title: 'watch fan-out, 100 watchers × 500 updates', unit: 'events/s', goal: times(95_000, 1.5) },
  'api-memory': { title: 'apiserver memory after that', unit: 'MB', less: true, goal: 250 },
  'delete-pod': { title: 'DELETE pod', unit: '/s' },
  schedule: { title: '2,000 pods on 500 nodes, create to bound', unit: '/s', goal: times(410, 800 / 410) },
  'schedule-5000': {
    title: '2,000 pods on 5,000 nodes, create to bound',
    unit: '/s',
    goal: times(410, 400 / 410, 'schedule'),
  },
  // Goals of these: what kube-scheduler's published benchmarks demand of it.
  'schedule-zoned': { title: '1,000 pods that want one of two zones, on 5,000 nodes', unit: '/s', goal: 220 },
  'schedule-even': { title: '1,000 pods spread evenly over zones', unit: '/s', goal: 85 },
  'schedule-apart': { title: '1,000 pods, no two on a node', unit: '/s', goal: 60 },
  'schedule-near': { title: '1,000 pods that want to be near each other', unit: '/s', goal: 35 },
  preempt: { title: '500 pods for which others must go, on 500 nodes', unit: '/s', goal: 18 },
  converge: { title: '10,000 pods of 100 Deployments on 5,000 nodes, all available', unit: 's', less: true },
  'scheduler-memory': { title: 'scheduler memory after that', unit: 'MB', less: true },
  'manager-memory': { title: 'controller manager memory after that', unit: 'MB', less: true },
  'daemon-pod': { title: 'a node is made, to its DaemonSet pod bound', unit: 's', less: true, goal: 1 },
  'manager-killed': {
    title: 'leading controller manager killed, to first write of the other',
    unit: 's',
    less: true,
    goal: 15,
  },
  'pod-ready': { title: 'one pod, create to Ready', unit: 's', less: true, goal: within(0.25, 0.4) },
  'deployment-ready': { title: 'Deployment of 30, all Ready', unit: 's', less: true, goal: within(4.3, 6) },
  'deployment-gone': { title: 'that Deployment deleted, all gone', unit: 's', less: true, goal: within(2.3, 5) },
  'plane-cpu': { title: 'idle CPU: control plane without nodes', unit: '% of a core', less: true },
  'plane-memory': { title: 'idle memory: control plane without nodes', unit: 'MB', less: true },
  'idle-cpu': { title: 'idle CPU: control plane, agent, proxy', unit: '% of a core', less: true, goal: 2 },
  'idle-cpu-etcd': { title: 'idle CPU: etcd × 3', unit: '% of a core', less: true },
  'idle-cpu-docker': { title: 'idle CPU: dockerd, shims, 10 pods', unit: '% of a core', less: true },
  'idle-cpu-dns': { title: 'idle CPU: name server of a node', unit: '% of a core', less: true },
  'idle-cpu-ingress': { title: 'idle CPU: Ingress of a node', unit: '% of a core', less: true },
  'idle-memory': { title: 'idle memory: control plane without etcd', unit: 'MB', less: true, goal: 400 },
  'idle-memory-node': { title: 'idle memory: agent and proxy', unit: 'MB', less: true },
  'proxy-load': { title: '10,000 services × 2 endpoints, all rules', unit: 's', less: true, goal: 1 },
  'proxy-change': { title: 'one of 10,000 services changed', unit: 'ms', less: true, goal: 20 },
  'proxy-connect': {
    ...{ title: 'new connection by one of 10,000 services', unit: '× a direct one', less: true, goal: 1.2 },
  },
  'proxy-load-iptables': { title: 'the same in the iptables mode', unit: 's', less: true },
  'proxy-change-iptables': { title: 'one changed, iptables mode', unit: 'ms', less: true },
  'dns-rate': { title: 'DNS answers of the cluster, per core', unit: '/s', goal: 20_000 },
  'ingress-rate': { title: 'GET through the Ingress, 64 connections', unit: '/s' },
  'ingress-cost': { title: 'CPU of the Ingress for one GET', unit: 'µs', less: true },
  'cox-get': { title: 'cox get pods', unit: 'ms', less: true, goal: within(150, 150) },
  'leader-killed': { title: 'etcd leader killed, to first write', unit: 's', less: true, goal: 1.5 },
} as const satisfies Record<string, Declared>;

export type RowId = keyof typeof ROWS;

/** A measured row: what is declared above and its value. */
export function row(id: RowId, value: number, more: { bound?: number | undefined; note?: string } = {}): Row {
  const { title, unit, less = false, goal }: Declared = ROWS[id];
  const { bound, note } = more;
  return {
    ...{ id, title, unit, less, value },
    ...(goal === undefined ? {} : goalOf(goal, bound)),
    ...(bound === undefined ? {} : { bound }),
    ...(note === undefined ? {} : { note }),
  };
}

function goalOf(goal: number | Relative, bound: number | undefined): Pick<Row, 'goal' | 'times' | 'of'> {
  if (typeof goal === 'number') return { goal };
  if ('times' in goal) {
    const { figure, ...multiple } = goal;
    return { goal: figure, ...multiple };
  }
  return { goal: bound === undefined ? goal.figure : bound * goal.ofBound };
}

/** The row with the goal it has on the machine where the reference reached `theirs`. */
export function besideReference(r: Row, theirs: readonly Row[]): Row {
  const reference = theirs.find((t) => t.id === (r.of ?? r.id))?.value;
  if (reference === undefined || r.times === undefined) return r;
  return { ...r, goal: r.less ? reference / r.times : reference * r.times };
}

/** Whether the goal is reached; undefined without goal. */
export function isMet(r: Row): boolean | undefined {
  if (r.goal === undefined) return undefined;
  return r.less ? r.value <= r.goal : r.value >= r.goal;
}
