import { createHash } from 'node:crypto';
import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import type { ContainerAllocateResponse } from '../devices/messages.ts';
import type { CgroupLimits, ContainerConfig, Mount, SandboxConfig } from '../runtime/types.ts';
import { qosOf } from './containers.ts';
import { ConfigError, expand } from './env.ts';
import { fqdnOf, hostnameOf } from './etc-files.ts';
import { sysctlName } from './sysctls.ts';

/** Identifies the part of a container's spec that can change in place: a new image means a new container. */
export const specHash = (c: Container): string =>
  createHash('sha256')
    .update(JSON.stringify([c.name, c.image]))
    .digest('hex')
    .slice(0, 16);

const quantity = (q: string | undefined, of: (q: string) => number): number => (q === undefined ? 0 : of(q));

const MIN_SHARES = 2;
const MIN_QUOTA_US = 1000;
const US_PER_MILLI = 100;

/** Amounts as bounds of a cgroup ("Resource Management for Pods and Containers"); 0: no limit. */
export const boundsOf = (o: { cpuRequestMilli: number; cpuLimitMilli: number; memoryBytes: number }): CgroupLimits => ({
  cpuShares: Math.max(MIN_SHARES, Math.floor((o.cpuRequestMilli * 1024) / 1000)),
  cpuQuotaUs: o.cpuLimitMilli > 0 ? Math.max(MIN_QUOTA_US, o.cpuLimitMilli * US_PER_MILLI) : 0,
  memoryBytes: o.memoryBytes,
});

/** Requests and limits of a container as bounds of its cgroup. */
export function cgroupLimits(c: Container): CgroupLimits {
  const { requests, limits } = c.resources ?? {};
  return boundsOf({
    cpuRequestMilli: quantity(requests?.cpu, milliValue),
    cpuLimitMilli: quantity(limits?.cpu, milliValue),
    memoryBytes: quantity(limits?.memory, wholeValue),
  });
}

const SPARED = -997;
const memoryRequest = (c: Container): number => quantity(c.resources?.requests?.memory, wholeValue);

/**
 * OOM score adjustment by quality of service ("Node-pressure Eviction", node out of memory behavior). A sidecar goes no
 * earlier than the containers it is there for. Pure. @param nodeMemory bytes
 */
export function oomScoreAdj(pod: Pod, c: Container, nodeMemory: number): number {
  const qos = qosOf(pod);
  if (qos === 'Guaranteed' || pod.spec?.priorityClassName === 'system-node-critical') return SPARED;
  if (qos === 'BestEffort' || nodeMemory === 0) return 1000;
  const served = isSidecar(c) ? Math.min(...(pod.spec?.containers ?? []).map(memoryRequest)) : 0;
  const score = 1000 - Math.floor((1000 * Math.max(memoryRequest(c), served)) / nodeMemory);
  return Math.min(999, Math.max(3, score));
}

/** Ports of the node that lead to a pod. */
export function portsOf({ spec }: Pod): SandboxConfig['ports'] {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort && !spec?.hostNetwork
        ? [
            {
              containerPort: p.containerPort,
              hostPort: p.hostPort,
              hostIp: p.hostIP ?? '',
              protocol: p.protocol ?? 'TCP',
            },
          ]
        : [],
    ),
  );
}

/** @throws Error when the host name is too long */
export function sandboxConfig(pod: Stored<Pod>, attempt: number, clusterDomain: string): Omit<SandboxConfig, 'empty'> {
  const { spec } = pod;
  return {
    podUid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    attempt,
    hostname: spec?.setHostnameAsFQDN ? fqdnOf(pod, clusterDomain) : hostnameOf(pod),
    hostNetwork: spec?.hostNetwork ?? false,
    hostPid: spec?.hostPID ?? false,
    hostIpc: spec?.hostIPC ?? false,
    sysctls: Object.fromEntries((spec?.securityContext?.sysctls ?? []).map((s) => [sysctlName(s.name), s.value])),
    ports: portsOf(pod),
  };
}

export interface ContainerInputs {
  readonly sandboxId: string;
  readonly attempt: number;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly nodeMemory: number;
  /** What it needs for its devices. */
  readonly granted?: readonly ContainerAllocateResponse[];
  /** See `asksImageUser`. */
  readonly imageUser?: string | undefined;
  /** See `ContainerConfig`. */
  readonly appArmor: string;
  readonly seccomp: string;
  /** The container whose processes it shares (ephemeral containers). */
  readonly pidOf?: string | undefined;
}

/** What a container may be asked to run as; its own word counts before the pod's. */
const identityOf = (pod: Pod, c: Container) => ({
  user: c.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser,
  group: c.securityContext?.runAsGroup ?? pod.spec?.securityContext?.runAsGroup,
  nonRoot: c.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot ?? false,
});

/** Whether the user of the image must be known to make the container. */
export function asksImageUser(pod: Pod, c: Container): boolean {
  const { user, group, nonRoot } = identityOf(pod, c);
  return user === undefined && (nonRoot || group !== undefined);
}

function userOf(pod: Stored<Pod>, c: Container, imageUser: string): string {
  const { user, group, nonRoot } = identityOf(pod, c);
  const [image = ''] = imageUser.split(':');
  if (nonRoot) {
    const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${c.name})`;
    if (user === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    if (user === undefined && (image === '' || Number(image) === 0))
      throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
    if (user === undefined && !/^\d+$/.test(image))
      throw new ConfigError(
        `container has runAsNonRoot and image has non-numeric user (${image}), cannot verify user is non-root ${where}`,
      );
  }
  if (group === undefined) return user === undefined ? '' : String(user);
  return `${user ?? (image || '0')}:${group}`;
}

/** What device plugins want in a container; the pod's own variables and mounts count before theirs. */
function devicesOf(granted: readonly ContainerAllocateResponse[]) {
  return {
    env: Object.entries(Object.assign({}, ...granted.map((g) => g.envs ?? {})) as Record<string, string>),
    mounts: granted
      .flatMap((g) => g.mounts ?? [])
      .map((m) => ({ source: m.hostPath ?? '', target: m.containerPath ?? '', readOnly: m.readOnly ?? false })),
    devices: granted
      .flatMap((g) => g.devices ?? [])
      .map((d) => ({ source: d.hostPath ?? '', target: d.containerPath ?? '', permissions: d.permissions || 'mrw' })),
    namedDevices: granted.flatMap((g) => g.cdiDevices ?? []).map((d) => d.name ?? ''),
    annotations: Object.assign({}, ...granted.map((g) => g.annotations ?? {})) as Record<string, string>,
  };
}

/** A container as the runtime is to make it. @throws ConfigError */
export function containerConfig(pod: Stored<Pod>, c: Container, i: ContainerInputs): ContainerConfig {
  const security = c.securityContext ?? {};
  const podSecurity = pod.spec?.securityContext;
  const { env, mounts, ...devices } = devicesOf(i.granted ?? []);
  const taken = new Set(i.mounts.map((m) => m.target));
  const words = (list: readonly string[] | undefined): string[] => (list ?? []).map((w) => expand(w, i.env));
  return {
    podUid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    name: c.name,
    attempt: i.attempt,
    hash: specHash(c),
    sandboxId: i.sandboxId,
    image: c.image ?? '',
    command: words(c.command),
    args: words(c.args),
    env: [...new Map([...env, ...i.env])].map(([k, v]) => `${k}=${v}`),
    workingDir: c.workingDir ?? '',
    mounts: [...i.mounts, ...mounts.filter((m) => !taken.has(m.target))],
    ...devices,
    tty: c.tty ?? false,
    stdin: c.stdin ?? false,
    stdinOnce: c.stdinOnce ?? false,
    user: userOf(pod, c, i.imageUser ?? ''),
    groups: [
      ...(podSecurity?.supplementalGroups ?? []),
      ...(podSecurity?.fsGroup === undefined ? [] : [podSecurity.fsGroup]),
    ].map(String),
    readOnlyRoot: security.readOnlyRootFilesystem ?? false,
    privileged: security.privileged ?? false,
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    capAdd: security.capabilities?.add ?? [],
    capDrop: security.capabilities?.drop ?? [],
    appArmor: i.appArmor,
    seccomp: i.seccomp,
    seLinux: { ...(security.seLinuxOptions ?? podSecurity?.seLinuxOptions) },
    unmaskedProc: security.procMount === 'Unmasked',
    pidOf: i.pidOf ?? (pod.spec?.shareProcessNamespace ? i.sandboxId : ''),
    hostPid: pod.spec?.hostPID ?? false,
    hostIpc: pod.spec?.hostIPC ?? false,
    limits: cgroupLimits(c),
    oomScoreAdj: oomScoreAdj(pod, c, i.nodeMemory),
  };
}
