import type { Node } from '#api/kinds/index.ts';
import { versionInfo } from '#process/version.ts';
import type { ImageInfo } from '../runtime/types.ts';

export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly maxPods: number;
  readonly kernel: string;
  readonly os: string;
  readonly machineId: string;
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

const capacity = (f: NodeFacts): Record<string, string> => ({
  cpu: String(f.cpus),
  memory: `${Math.floor(f.memoryBytes / 1024)}Ki`,
  'ephemeral-storage': `${Math.floor(f.diskBytes / 1024)}Ki`,
  pods: String(f.maxPods),
});

type Status = NonNullable<Node['status']>;
type Condition = NonNullable<Status['conditions']>[number];

export interface Readiness {
  readonly ready: boolean;
  readonly message: string;
}

function conditionsOf(old: Status, r: Readiness, nowText: string): Condition[] {
  const one = (type: string, ok: boolean, reason: string, message: string): Condition => {
    const before = old.conditions?.find((c) => c.type === type);
    const status = ok ? 'True' : 'False';
    const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? nowText) : nowText;
    return { type, status, reason, message, lastHeartbeatTime: nowText, lastTransitionTime } as Condition;
  };
  return [
    one('MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    one('DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    one('PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    one('Ready', r.ready, r.ready ? 'KubeletReady' : 'KubeletNotReady', r.message),
  ];
}

/** The status an agent reports of its node. Pure. */
export function nodeStatus(
  old: Status,
  f: NodeFacts,
  o: { readiness: Readiness; images: readonly ImageInfo[]; now: number },
): Status {
  const nowText = `${new Date(o.now).toISOString().slice(0, 19)}Z`;
  const version = versionInfo.gitVersion;
  return {
    ...old,
    capacity: capacity(f),
    allocatable: capacity(f),
    addresses: [
      { type: 'InternalIP', address: f.ip },
      { type: 'Hostname', address: f.name },
    ],
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
      systemUUID: f.machineId,
    },
    images: [...o.images]
      .filter((i) => i.names.length > 0)
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, MAX_IMAGES)
      .map((i) => ({ names: [...i.names], sizeBytes: i.sizeBytes })),
  };
}
