import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseUnsafeSysctls } from '#agent/pods/sysctls.ts';
import { isQuantity, wholeValue } from '#api/meta/quantity.ts';
import {
  addressesFlag,
  boolFlag,
  cidrsFlag,
  durationFlag,
  durationsFlag,
  intFlag,
  intRangeFlag,
  keyValuesFlag,
  portFlag,
} from '#process/main.ts';

const MIB = 2 ** 20;
/** The most the kernel counts to (PID_MAX_LIMIT). */
const MAX_PIDS = 4_194_304;

/** What the command line says. Durations in milliseconds, unless said otherwise. */
export interface Flags {
  kubeconfig: string;
  networkKubeconfig?: string;
  nodeName: string;
  nodeIp?: readonly string[];
  dockerHost: string;
  rootDir: string;
  hostRoot: string;
  tlsCertFile?: string;
  tlsPrivateKeyFile?: string;
  certDir: string;
  rotateCertificates: boolean;
  clientCaFile: string;
  address: string;
  port: number;
  pauseImage: string;
  clusterDns: string;
  clusterDomain: string;
  clusterCidr: readonly string[];
  networkBackend: string;
  cniConfDir: string;
  cniBinDir: string;
  cgroupRoot: string;
  cgroupsPerQos: boolean;
  maxPods: number;
  nodeLabels: Record<string, string>;
  healthAddress: string;
  /** Seconds. */
  nodeLeaseDuration: number;
  evictionHard: string;
  evictionSoft: string;
  evictionMinimumReclaim: Record<string, string>;
  evictionSoftGracePeriod: Record<string, number>;
  /** Seconds. */
  evictionMaxPodGracePeriod: number;
  shutdownGracePeriod: number;
  shutdownGracePeriodCriticalPods: number;
  shutdownGracePeriodByPodPriority: Record<number, number>;
  shutdownTrigger: ShutdownTrigger;
  evictionPressureTransitionPeriod: number;
  podManifestPath: string;
  devicePluginDir: string;
  systemReserved: Record<string, string>;
  kubeReserved: Record<string, string>;
  /** Whether pods are kept to what is left. */
  enforceNodeAllocatable: boolean;
  /** Percent. */
  imageGcHighThreshold: number;
  imageGcLowThreshold: number;
  minimumImageTtlDuration: number;
  maxParallelImagePulls: number;
  /** Milliseconds. */
  restartBackOffReset: number;
  /** Bytes. */
  containerLogMaxSize: number;
  containerLogMaxFiles: number;
  /** 0 or less: as many as it likes. */
  podMaxPids: number;
  /** Patterns of names. */
  allowedUnsafeSysctls: readonly string[];
  /** In a second; 0: no limit. */
  registryQps: number;
  registryBurst: number;
  /** In a second. */
  eventQps: number;
  eventBurst: number;
}

function identityFlags(program: Command): Command {
  return program
    .requiredOption('--kubeconfig <file>', 'how to reach the API server')
    .option('--node-name <name>', 'name of the Node object', hostname().toLowerCase())
    .option(
      '--node-ip <ips>',
      'address other nodes reach this one at, or one of each family; default: the first that is not loopback',
      addressesFlag,
    )
    .option('--node-labels <list>', 'labels of the node, a=1,b=2', keyValuesFlag, {})
    .option('--max-pods <n>', 'how many pods this node takes', intFlag, 110)
    .option(
      '--node-lease-duration <s>',
      'seconds the node counts as alive without a heartbeat',
      intRangeFlag(1, 3600),
      40,
    );
}

const RESERVABLE: readonly string[] = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

/** "cpu=200m,memory=1Gi" @throws InvalidArgumentError naming what is wrong */
function amountsFlag(text: string): Record<string, string> {
  const amounts = keyValuesFlag(text);
  for (const [name, q] of Object.entries(amounts)) {
    if (!RESERVABLE.includes(name))
      throw new InvalidArgumentError(`cannot reserve "${name}": ${RESERVABLE.join(', ')}`);
    if (!isQuantity(q)) throw new InvalidArgumentError(`${name}: "${q}" is no quantity`);
  }
  return amounts;
}

/** @throws InvalidArgumentError for what is neither pods nor none */
function enforcedFlag(text: string): boolean {
  if (text !== 'pods' && text !== 'none' && text !== '') throw new InvalidArgumentError('pods or none');
  return text === 'pods';
}

function machineFlags(program: Command): Command {
  return program
    .option('--docker-host <url>', 'Docker socket', 'unix:///var/run/docker.sock')
    .option('--host-root <dir>', "where the node's file system is seen: /host, say, for an agent in a container", '/')
    .option('--root-dir <dir>', 'where volumes and state of pods are kept', '/var/lib/coxswain/agent')
    .option('--pause-image <image>', 'image of the sandbox container', 'coxswain/pause:1')
    .option('--cgroup-root <path>', 'parent cgroup of all pods', '')
    .option(
      '--system-reserved <list>',
      'what pods cannot have, because daemons of the machine need it: cpu=200m,memory=500Mi,ephemeral-storage=1Gi',
      amountsFlag,
      {},
    )
    .option('--kube-reserved <list>', 'the same for this agent and its like; both add up', amountsFlag, {})
    .option(
      '--enforce-node-allocatable <list>',
      'who is kept to what is reserved: pods (the others have what these leave), or none',
      enforcedFlag,
      true,
    )
    .option('--cgroups-per-qos [bool]', 'cgroups of pods and classes of pods, where this can be', boolFlag, true)
    .option('--pod-manifest-path <dir>', 'folder with manifests of static pods; empty: none', '')
    .option(
      '--device-plugin-dir <dir>',
      'folder on the node where device plugins have their sockets',
      '/var/lib/kubelet/device-plugins',
    );
}

function serverFlags(program: Command): Command {
  return program
    .option('--tls-cert-file <file>', 'serving certificate; without it the cluster is asked for one')
    .option('--tls-private-key-file <file>', 'its key')
    .option('--cert-dir <dir>', 'where certificates are kept that the cluster has signed', '/var/lib/coxswain/pki')
    .option('--rotate-certificates [bool]', 'ask for new ones before they end', boolFlag, true)
    .requiredOption('--client-ca-file <file>', 'CA of the clients that may ask for logs and exec')
    .option('--address <ip>', 'address to listen on', '0.0.0.0')
    .option('--port <port>', 'port to listen on', portFlag, 10250)
    .option(
      '--health-address <host:port>',
      'where /livez, /readyz and /metrics are served; empty: nowhere',
      '127.0.0.1:10248',
    );
}

function networkFlags(program: Command): Command {
  return program
    .option('--cluster-dns <ips>', "addresses of the cluster DNS, comma-separated; empty: the node's resolvers", '')
    .option('--cluster-domain <domain>', 'domain of the cluster', 'cluster.local')
    .option('--cluster-cidr <cidrs>', 'the pod network, or one of each address family', cidrsFlag, ['10.244.0.0/16'])
    .option(
      '--network-kubeconfig <file>',
      "how the pods' network reaches the API server, as which it may read all nodes, pods and policies; default: network.conf beside --kubeconfig, or a certificate the cluster is asked for",
    )
    .option('--network-backend <name>', 'how pods reach those of other nodes: host-gw, vxlan or none', 'host-gw')
    .option('--cni-conf-dir <dir>', "folder with a CNI configuration, whose plugins make the pods' network instead", '')
    .option('--cni-bin-dir <dirs>', 'folders of CNI plugins, separated by colons', '/opt/cni/bin:/usr/lib/cni');
}

function pressureFlags(program: Command): Command {
  return program
    .option(
      '--eviction-hard <list>',
      'what must be left, as signal<quantity or signal<percent%; pods are evicted below it',
      'memory.available<100Mi,nodefs.available<1Gi,imagefs.available<1Gi,nodefs.inodesFree<1%',
    )
    .option('--eviction-soft <list>', 'the same, but pods are evicted only when it has lasted', '')
    .option(
      '--eviction-soft-grace-period <list>',
      'how long each soft signal may be short: signal=duration',
      durationsFlag,
      {},
    )
    .option(
      '--eviction-minimum-reclaim <list>',
      'how much more than its threshold must be left of a signal once it was crossed: signal=quantity or percentage',
      keyValuesFlag,
      {},
    )
    .option(
      '--eviction-max-pod-grace-period <s>',
      'seconds a pod gets to end that is evicted for a soft signal',
      intFlag,
      0,
    )
    .option('--eviction-pressure-transition-period <d>', 'how long a pressure lasts at least', durationFlag, 300_000)
    .option(
      '--image-gc-high-threshold <%>',
      'disk use from which on unused images are removed',
      intRangeFlag(0, 100),
      85,
    )
    .option('--image-gc-low-threshold <%>', 'disk use down to which they are', intRangeFlag(0, 100), 80)
    .option(
      '--minimum-image-ttl-duration <d>',
      'how long an image is unused before it is removed',
      durationFlag,
      120_000,
    );
}

/** A quantity of bytes, "10Mi". @throws InvalidArgumentError */
function bytesFlag(text: string): number {
  const bytes = isQuantity(text) ? wholeValue(text) : 0;
  if (bytes < LEAST_LOG_BYTES)
    throw new InvalidArgumentError('It must be an amount of bytes such as 10Mi, 4Ki or more.');
  return bytes;
}

/** Less than this is gone before anybody has read it. */
const LEAST_LOG_BYTES = 4096;

/** What one pod may take of the node besides CPU and memory. */
function boundFlags(program: Command): Command {
  return program
    .option('--max-parallel-image-pulls <n>', 'images pulled at a time, 1: one after the other', intRangeFlag(1, 64), 3)
    .option(
      '--container-log-max-size <quantity>',
      "size of a container's log file at which the next is begun",
      bytesFlag,
      10 * MIB,
    )
    .option('--container-log-max-files <n>', "how many files of a container's log are kept", intRangeFlag(2, 100), 3)
    .option('--pod-max-pids <n>', 'processes of one pod; -1: as many as it likes', intRangeFlag(-1, MAX_PIDS), -1)
    .option(
      '--restart-back-off-reset <d>',
      'how long a container must have run that what it did before does not hold its next start back',
      durationFlag,
      600_000,
    );
}

/** @throws InvalidArgumentError */
function sysctlsFlag(text: string): string[] {
  try {
    return parseUnsafeSysctls(text);
  } catch (e) {
    throw new InvalidArgumentError(`${(e as Error).message}.`);
  }
}

/** A whole number of which 0 stands for another, as Kubernetes has it for events. */
const orFlag =
  (instead: number) =>
  (text: string): number =>
    intFlag(text) || instead;

/** How often others are asked, and what pods may do to the kernel. */
function allowanceFlags(program: Command): Command {
  return program
    .option(
      '--allowed-unsafe-sysctls <list>',
      'sysctls that pods may set though they can harm others: names, or beginnings with a star: kernel.msg*,net.core.somaxconn',
      sysctlsFlag,
      [],
    )
    .option('--registry-qps <n>', 'pulls begun in a second, further ones wait; 0: no limit', intFlag, 5)
    .option('--registry-burst <n>', 'pulls begun at once after a pause', intFlag, 10)
    .option('--event-qps <n>', 'events written in a second, further ones wait; 0: 5', orFlag(5), 50)
    .option('--event-burst <n>', 'events written at once after a pause; 0: 10', orFlag(10), 100);
}

/** What makes the agent believe that its machine goes down: any SIGTERM, or one while systemd is stopping everything. */
export const SHUTDOWN_TRIGGERS = ['sigterm', 'systemd'] as const;
export type ShutdownTrigger = (typeof SHUTDOWN_TRIGGERS)[number];

function shutdownFlags(program: Command): Command {
  return program
    .option(
      '--shutdown-grace-period <d>',
      'what pods get to end when the node shuts down; 0: they are left',
      durationFlag,
      0,
    )
    .option('--shutdown-grace-period-critical-pods <d>', 'the last part of it, for critical pods', durationFlag, 0)
    .option(
      '--shutdown-grace-period-by-pod-priority <list>',
      'instead: priority=duration for pods of at least that priority, lower ones first',
      durationsFlag,
      {},
    )
    .addOption(
      new Option('--shutdown-trigger <what>', 'a SIGTERM, or one while systemd is shutting the machine down')
        .choices(SHUTDOWN_TRIGGERS)
        .default('systemd'),
    );
}

/** Declares the flags of the agent. */
export const agentFlags = (program: Command): Command =>
  [
    identityFlags,
    machineFlags,
    boundFlags,
    allowanceFlags,
    serverFlags,
    networkFlags,
    pressureFlags,
    shutdownFlags,
  ].reduce((p, add) => add(p), program);
