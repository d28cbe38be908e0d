import type { Node } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { versionInfo } from '#process/version.ts';
import type { DeviceAmounts } from '../devices/device-manager.ts';
import type { ImageInfo } from '../runtime/types.ts';

export interface NodeFacts {
  readonly name: string;
  /** One of each address family, that of the primary one first. */
  readonly ips: readonly string[];
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly maxPods: number;
  /** What pods cannot have, because the machine itself needs it. */
  readonly reserved: { readonly cpuMilli: number; readonly memoryBytes: number; readonly diskBytes: number };
  readonly kernel: string;
  readonly os: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly runtimeVersion: string;
}

const MAX_IMAGES = 50;
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

const architecture = (): string => ARCHITECTURES[process.arch] ?? process.arch;

/** Labels every node has ("Well-Known Labels, Annotations and Taints"). */
export const nodeLabels = (f: NodeFacts): Record<string, string> => ({
  'kubernetes.io/hostname': f.name,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': architecture(),
  'beta.kubernetes.io/os': 'linux',
  'beta.kubernetes.io/arch': architecture(),
  ...f.labels,
});

const kib = (bytes: number): string => `${Math.max(0, Math.floor(bytes / 1024))}Ki`;

const capacity = (f: NodeFacts): Record<string, string> => ({
  cpu: String(f.cpus),
  memory: kib(f.memoryBytes),
  'ephemeral-storage': kib(f.diskBytes),
  pods: String(f.maxPods),
});

/** What is left for pods ("Reserve Compute Resources for System Daemons", node allocatable). */
function allocatable({ reserved, ...f }: NodeFacts): Record<string, string> {
  const milli = Math.max(0, f.cpus * 1000 - reserved.cpuMilli);
  return {
    cpu: milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`,
    memory: kib(f.memoryBytes - reserved.memoryBytes),
    'ephemeral-storage': kib(f.diskBytes - reserved.diskBytes),
    pods: String(f.maxPods),
  };
}

type Status = NonNullable<Node['status']>;

/** Extended resources that somebody else wrote into the Node: they stay, and can be had as a whole. */
function othersOf(old: Status, devices: DeviceAmounts): Record<string, string> {
  const extended = (name: string): boolean => name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name);
  const all = Object.entries(old.capacity ?? {});
  return Object.fromEntries(all.filter(([name]) => extended(name) && !(name in devices.capacity)));
}

/** Whether somebody wrote an extended resource into the Node that cannot be had yet. Pure. */
export const hasNewResource = ({ status = {} }: Node, devices: DeviceAmounts): boolean =>
  Object.entries(othersOf(status, devices)).some(([name, amount]) => status.allocatable?.[name] !== amount);
type Condition = NonNullable<Status['conditions']>[number];

export interface Readiness {
  readonly ready: boolean;
  readonly message: string;
  /** Conditions of what runs short. */
  readonly pressures: readonly string[];
}

const PRESSURES = [
  {
    type: 'MemoryPressure',
    no: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    yes: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
  },
  {
    type: 'DiskPressure',
    no: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    yes: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
  },
  {
    type: 'PIDPressure',
    no: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    yes: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
  },
] as const;

function conditionsOf(old: Status, r: Readiness, nowText: string): Condition[] {
  const one = (type: string, ok: boolean, reason: string, message: string): Condition => {
    const before = old.conditions?.find((c) => c.type === type);
    const status = ok ? 'True' : 'False';
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? nowText) : nowText;
    return { type, status, reason, message, lastHeartbeatTime: nowText, lastTransitionTime } as Condition;
  };
  const own = [
    ...PRESSURES.map(({ type, no, yes }) => {
      const short = r.pressures.includes(type);
      const [reason, message] = short ? yes : no;
      return one(type, short, reason, message);
    }),
    one('Ready', r.ready, r.ready ? 'KubeletReady' : 'KubeletNotReady', r.message),
  ];
  // A node-problem-detector or the like has its word too.
  return [...own, ...(old.conditions ?? []).filter((c) => !own.some((o) => o.type === c.type))];
}

/** The status an agent reports of its node. Pure. */
export function nodeStatus(
  old: Status,
  f: NodeFacts,
  o: { readiness: Readiness; images: readonly ImageInfo[]; devices: DeviceAmounts; now: number },
): Status {
  const nowText = apiTime(o.now);
  const version = versionInfo.gitVersion;
  const others = othersOf(old, o.devices);
  return {
    ...old,
    capacity: { ...capacity(f), ...others, ...o.devices.capacity },
    allocatable: { ...allocatable(f), ...others, ...o.devices.allocatable },
    addresses: [...f.ips.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: f.name }],
    conditions: conditionsOf(old, o.readiness, nowText),
    daemonEndpoints: { kubeletEndpoint: { Port: f.port } },
    nodeInfo: {
      architecture: architecture(),
      bootID: f.bootId,
      containerRuntimeVersion: `docker://${f.runtimeVersion}`,
      kernelVersion: f.kernel,
      kubeProxyVersion: '',
      kubeletVersion: version,
      machineID: f.machineId,
      operatingSystem: 'linux',
      osImage: f.os,
      systemUUID: f.systemUuid,
    },
    images: [...o.images]
      .filter((i) => i.names.length > 0)
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, MAX_IMAGES)
      .map((i) => ({ names: [...i.names], sizeBytes: i.sizeBytes })),
  };
}
