import type { ContainerCreateOptions } from 'dockerode';
import { sameJson } from '#api/meta/equal.ts';
import { familyOf } from '#api/meta/ip.ts';
import { LABEL } from './labels.ts';
import type { CgroupLimits, ContainerConfig, SandboxConfig } from './types.ts';

export interface DockerSettings {
  readonly node: string;
  readonly pauseImage: string;
  /** Docker network of the pod network. */
  readonly network: string;
  /** Parent cgroup; '' = Docker's own. */
  readonly cgroupParent: string;
  /** Negative OOM scores and --privileged need CAP_SYS_RESOURCE, which some hosts lack. */
  readonly mayLowerOomScore: boolean;
  /** Of each container's log, which Docker rotates. */
  readonly logs: { readonly maxBytes: number; readonly maxFiles: number };
  /** Processes of a pod; 0 or less: as many as it likes. */
  readonly podPidsLimit: number;
  /** Where this process sees a path of the node. */
  readonly atNode: (path: string) => string;
}

const PAUSE_OOM_SCORE = -998;
const CPU_PERIOD_US = 100_000;
const MAX_NAME = 200;

const logsOf = ({ logs }: DockerSettings) => ({
  Type: 'json-file',
  Config: { 'max-size': String(logs.maxBytes), 'max-file': String(logs.maxFiles), compress: 'false' },
});

/** What tells it from all others is in it, however long the name of its pod. */
function nameOf(kind: string, c: { pod: string; namespace: string; podUid: string; attempt: number }): string {
  const own = `_${c.podUid}_${c.attempt}`;
  return `cox_${kind}_${c.pod}_${c.namespace}`.slice(0, MAX_NAME - own.length) + own;
}

function labelsOf(
  s: DockerSettings,
  c: { podUid: string; namespace: string; pod: string; attempt: number },
  more: Record<string, string>,
) {
  return {
    [LABEL.managed]: 'true',
    [LABEL.node]: s.node,
    [LABEL.podUid]: c.podUid,
    [LABEL.podNamespace]: c.namespace,
    [LABEL.podName]: c.pod,
    [LABEL.attempt]: String(c.attempt),
    ...more,
  };
}

const oomScore = (s: DockerSettings, wanted: number): number => (s.mayLowerOomScore ? wanted : Math.max(0, wanted));

const parentOf = (s: DockerSettings, { cgroupParent = s.cgroupParent }: { cgroupParent?: string | undefined }) =>
  cgroupParent ? { CgroupParent: cgroupParent } : {};

/**
 * Pods have a resolv.conf of ours, so the name server that Docker would put into each of them, with eleven rules of iptables,
 * is of no use. Nothing turns it off; a Docker up to 25 gives it up where it cannot read this option, later ones pass over it.
 */
const NO_NAME_SERVER = ['ndots:off'];

/** Whether we make the network of a sandbox: Docker does so where ports of the node lead to the pod. */
export const isLinked = (c: Pick<SandboxConfig, 'addresses' | 'ports'>): boolean =>
  c.addresses !== undefined && c.ports.length === 0;

/** The addresses Docker gives a pod are chosen by us, too, so that none is given twice. */
function endpointOf(s: DockerSettings, { addresses }: SandboxConfig): Pick<ContainerCreateOptions, 'NetworkingConfig'> {
  if (addresses === undefined) return {};
  const [IPv4Address] = addresses.filter((a) => familyOf(a) === 'IPv4');
  const [IPv6Address] = addresses.filter((a) => familyOf(a) === 'IPv6');
  const IPAMConfig = { ...(IPv4Address ? { IPv4Address } : {}), ...(IPv6Address ? { IPv6Address } : {}) };
  return { NetworkingConfig: { EndpointsConfig: { [s.network]: { IPAMConfig } } } };
}

/** The pause container that holds a pod's namespaces. */
export function sandboxOptions(s: DockerSettings, c: SandboxConfig): ContainerCreateOptions {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const p of c.empty || c.hostNetwork ? [] : c.ports) {
    const port = `${p.containerPort}/${p.protocol.toLowerCase()}`;
    const binding = { HostIp: p.hostIp, HostPort: String(p.hostPort) };
    const known = bindings[port] ?? [];
    // Several ports of the node may lead to one; an init container may name the same as those after it.
    bindings[port] = known.some((b) => sameJson(b, binding)) ? known : [...known, binding];
  }
  const linked = isLinked(c);
  const own = { [LABEL.type]: 'sandbox', [LABEL.container]: '', [LABEL.hash]: '', [LABEL.sandboxId]: '' };
  return {
    name: nameOf('POD', c),
    Image: s.pauseImage,
    ...(c.hostNetwork ? {} : { Hostname: c.hostname }),
    Labels: labelsOf(s, c, {
      ...own,
      ...(c.addresses ? { [LABEL.addresses]: c.addresses.join() } : {}),
      ...(linked ? { [LABEL.linked]: 'true' } : {}),
    }),
    // A network namespace of its own, with which Docker does nothing.
    ...(linked ? { NetworkDisabled: true } : endpointOf(s, c)),
    ExposedPorts: Object.fromEntries(Object.keys(bindings).map((k) => [k, {}])),
    HostConfig: {
      ...(linked ? {} : { NetworkMode: c.hostNetwork ? 'host' : c.empty ? 'none' : s.network }),
      ...(linked || c.hostNetwork || c.empty ? {} : { DnsOptions: NO_NAME_SERVER }),
      IpcMode: c.hostIpc ? 'host' : 'shareable',
      ...(c.hostPid ? { PidMode: 'host' } : {}),
      PortBindings: bindings,
      OomScoreAdj: oomScore(s, PAUSE_OOM_SCORE),
      Sysctls: { ...c.sysctls },
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'none', Config: {} },
      ...parentOf(s, c),
    },
  };
}

/** All capabilities but the one the host cannot give: what --privileged becomes where it is refused. */
const PRIVILEGED_STAND_IN = { CapAdd: ['ALL'], CapDrop: ['SYS_RESOURCE'], SecurityOpt: ['seccomp=unconfined'] };

function security(s: DockerSettings, c: ContainerConfig) {
  if (c.privileged && !s.mayLowerOomScore) return PRIVILEGED_STAND_IN;
  return {
    Privileged: c.privileged,
    CapAdd: [...c.capAdd],
    CapDrop: [...c.capDrop],
    SecurityOpt: [
      ...(c.noNewPrivileges ? ['no-new-privileges'] : []),
      ...(c.appArmor ? [`apparmor=${c.appArmor}`] : []),
      ...(c.seccomp ? [`seccomp=${c.seccomp}`] : []),
      ...Object.entries(c.seLinux).map(([kind, label]) => `label=${kind}:${label}`),
    ],
    ...(c.unmaskedProc ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  };
}

/** Bounds as Docker takes them; without swap, as in Kubernetes. */
export const resourceOptions = ({ cpuShares, cpuQuotaUs, memoryBytes }: CgroupLimits) => ({
  CpuShares: cpuShares,
  ...(cpuQuotaUs > 0 ? { CpuPeriod: CPU_PERIOD_US, CpuQuota: cpuQuotaUs } : {}),
  ...(memoryBytes > 0 ? { Memory: memoryBytes, MemorySwap: memoryBytes } : {}),
});

/** Docker has annotations since 24; to read them back, and for those before, they are labels too. */
const ANNOTATION = 'annotation.';

function devicesOf({ devices, namedDevices, annotations }: ContainerConfig) {
  return {
    Devices: devices.map((d) => ({
      PathOnHost: d.source,
      PathInContainer: d.target,
      CgroupPermissions: d.permissions,
    })),
    ...(namedDevices.length > 0 ? { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: [...namedDevices] }] } : {}),
    ...(Object.keys(annotations).length > 0 ? { Annotations: { ...annotations } } : {}),
  };
}

export function containerOptions(s: DockerSettings, c: ContainerConfig): ContainerCreateOptions {
  const sandbox = `container:${c.sandboxId}`;
  return {
    name: nameOf(c.name, c),
    Image: c.image,
    ...(c.command.length > 0 ? { Entrypoint: [...c.command] } : {}),
    // A new entry point drops the image's arguments, as in Kubernetes.
    ...(c.args.length > 0 ? { Cmd: [...c.args] } : c.command.length > 0 ? { Cmd: [] } : {}),
    Env: [...c.env],
    ...(c.workingDir ? { WorkingDir: c.workingDir } : {}),
    Tty: c.tty,
    OpenStdin: c.stdin,
    StdinOnce: c.stdinOnce,
    ...(c.user ? { User: c.user } : {}),
    Labels: labelsOf(s, c, {
      [LABEL.type]: 'container',
      [LABEL.container]: c.name,
      [LABEL.hash]: c.hash,
      [LABEL.sandboxId]: c.sandboxId,
      ...Object.fromEntries(Object.entries(c.annotations).map(([k, v]) => [ANNOTATION + k, v])),
    }),
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: sandbox,
      IpcMode: c.hostIpc ? 'host' : sandbox,
      ...(c.hostPid ? { PidMode: 'host' } : c.pidOf ? { PidMode: `container:${c.pidOf}` } : {}),
      Mounts: c.mounts.map((m) => ({
        Type: 'bind' as const,
        Source: m.source,
        Target: m.target,
        ReadOnly: m.readOnly,
        ...(m.propagation ? { BindOptions: { Propagation: m.propagation } } : {}),
      })),
      ...devicesOf(c),
      GroupAdd: [...c.groups],
      ReadonlyRootfs: c.readOnlyRoot,
      ...security(s, c),
      ...resourceOptions(c.limits),
      OomScoreAdj: oomScore(s, c.oomScoreAdj),
      LogConfig: logsOf(s),
      // Where the pod has a cgroup, that is bounded.
      ...(s.podPidsLimit > 0 && c.cgroupParent === undefined ? { PidsLimit: s.podPidsLimit } : {}),
      ...parentOf(s, c),
    },
  };
}
