import { createHash } from 'node:crypto';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';
import type { ContainerConfig, Mount, SandboxConfig } from '../runtime/types.ts';
import { ConfigError, expand } from './env.ts';
import { hostnameOf } from './etc-files.ts';

/** Identifies the part of a container's spec that can change in place: a new image means a new container. */
export const specHash = (c: Container): string =>
  createHash('sha256')
    .update(JSON.stringify([c.name, c.image]))
    .digest('hex')
    .slice(0, 16);

const quantity = (q: string | undefined, of: (q: string) => number): number => (q === undefined ? 0 : of(q));

/** OOM score adjustment by quality of service ("Node-pressure Eviction", node out of memory behavior). */
export function oomScoreAdj(qos: string | undefined, memoryRequest: number, nodeMemory: number): number {
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort' || nodeMemory === 0) return 1000;
  const score = 1000 - Math.floor((1000 * memoryRequest) / nodeMemory);
  return Math.min(999, Math.max(3, score));
}

export function sandboxConfig(pod: Stored<Pod>, attempt: number): SandboxConfig {
  const { spec } = pod;
  const ports = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].flatMap((c) =>
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
  return {
    podUid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    attempt,
    hostname: hostnameOf(pod),
    hostNetwork: spec?.hostNetwork ?? false,
    hostPid: spec?.hostPID ?? false,
    hostIpc: spec?.hostIPC ?? false,
    sysctls: Object.fromEntries((spec?.securityContext?.sysctls ?? []).map((s) => [s.name, s.value])),
    ports,
  };
}

export interface ContainerInputs {
  readonly sandboxId: string;
  readonly attempt: number;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly nodeMemory: number;
}

function userOf(pod: Pod, c: Container): string {
  const user = c.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser;
  const group = c.securityContext?.runAsGroup ?? pod.spec?.securityContext?.runAsGroup;
  const mustNotBeRoot = c.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot;
  if (mustNotBeRoot && user === 0) throw new ConfigError("container's runAsUser breaks non-root policy");
  if (user === undefined) return group === undefined ? '' : `0:${group}`;
  return group === undefined ? String(user) : `${user}:${group}`;
}

/** A container as the runtime is to make it. @throws ConfigError */
export function containerConfig(pod: Stored<Pod>, c: Container, i: ContainerInputs): ContainerConfig {
  const security = c.securityContext ?? {};
  const podSecurity = pod.spec?.securityContext;
  const { requests, limits } = c.resources ?? {};
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
    env: [...i.env].map(([k, v]) => `${k}=${v}`),
    workingDir: c.workingDir ?? '',
    mounts: i.mounts,
    tty: c.tty ?? false,
    stdin: c.stdin ?? false,
    stdinOnce: c.stdinOnce ?? false,
    user: userOf(pod, c),
    groups: [
      ...(podSecurity?.supplementalGroups ?? []),
      ...(podSecurity?.fsGroup === undefined ? [] : [podSecurity.fsGroup]),
    ].map(String),
    readOnlyRoot: security.readOnlyRootFilesystem ?? false,
    privileged: security.privileged ?? false,
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    capAdd: security.capabilities?.add ?? [],
    capDrop: security.capabilities?.drop ?? [],
    sharePid: pod.spec?.shareProcessNamespace ?? false,
    hostPid: pod.spec?.hostPID ?? false,
    cpuRequestMilli: quantity(requests?.cpu, milliValue),
    cpuLimitMilli: quantity(limits?.cpu, milliValue),
    memoryLimit: quantity(limits?.memory, wholeValue),
    oomScoreAdj: oomScoreAdj(pod.status?.qosClass, quantity(requests?.memory, wholeValue), i.nodeMemory),
  };
}
