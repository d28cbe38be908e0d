import type { Readable } from 'node:stream';
import type { RegistryCredentials } from '../images/keyring.ts';

/** Bounds of a container's cgroup. */
export interface CgroupLimits {
  /** Weight against others; 1024 is one core. */
  readonly cpuShares: number;
  /** Microseconds of CPU time in each 100 ms; 0 = unbounded. */
  readonly cpuQuotaUs: number;
  /** 0 = unbounded. */
  readonly memoryBytes: number;
}

/** A container as the runtime shows it, with what its labels say. Times are epoch milliseconds. */
export interface ContainerRecord {
  readonly id: string;
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  /** '' for the sandbox. */
  readonly name: string;
  readonly attempt: number;
  readonly hash: string;
  /** The sandbox whose namespaces it joined; '' for a sandbox itself. */
  readonly sandboxId: string;
  readonly image: string;
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  oomKilled: boolean;
  createdAt: number;
  startedAt: number;
  finishedAt: number;
  /** Why it could not be started, when it could not. */
  error?: string;
  /** In force; unknown for what others made. */
  limits?: CgroupLimits;
  /** Those that we chose for a sandbox. */
  readonly addresses?: readonly string[];
  /** Whether we make the network of a sandbox, and not Docker. */
  readonly linked?: boolean;
}

/** Something that happened to a container of ours. */
export interface RuntimeEvent {
  readonly type: 'create' | 'start' | 'die' | 'oom' | 'destroy';
  readonly record: ContainerRecord;
}

export interface SandboxConfig {
  /** The cgroup it is made in; default: the one of the settings. */
  readonly cgroupParent?: string | undefined;
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly attempt: number;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** Its network is for plugins to make, ports included. */
  readonly empty: boolean;
  /** Of each family at most one; unset: the runtime chooses. */
  readonly addresses?: readonly string[] | undefined;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
    readonly protocol: string;
  }[];
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared';
}

/** A device node of the host in a container. */
export interface DeviceNode {
  readonly source: string;
  readonly target: string;
  /** What may be done with it: r, w, m (mknod). */
  readonly permissions: string;
}

export interface ContainerConfig {
  /** See `SandboxConfig`. */
  readonly cgroupParent?: string | undefined;
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly name: string;
  readonly attempt: number;
  readonly hash: string;
  readonly sandboxId: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly mounts: readonly Mount[];
  readonly devices: readonly DeviceNode[];
  /** Devices the runtime finds by name (Container Device Interface). */
  readonly namedDevices: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  /** "uid[:gid]" or ''. */
  readonly user: string;
  readonly groups: readonly string[];
  readonly readOnlyRoot: boolean;
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** Name of an AppArmor profile, 'unconfined', or '' for the runtime's own. */
  readonly appArmor: string;
  /** 'unconfined', the text of a profile, or '' for the runtime's own. */
  readonly seccomp: string;
  /** SELinux labels by their kind: user, role, type, level. A host without SELinux pays them no heed. */
  readonly seLinux: Readonly<Record<string, string>>;
  /** /proc as the kernel shows it, nothing hidden or read-only. */
  readonly unmaskedProc: boolean;
  /** The container whose process namespace it joins; '' for one of its own. */
  readonly pidOf: string;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly limits: CgroupLimits;
  readonly oomScoreAdj: number;
}

export interface ImageInfo {
  readonly id: string;
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

export interface LogRequest {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tail?: number;
  /** Epoch seconds. */
  readonly since?: number;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A container that is there but cannot be started: its command does not exist, a mount fails and the like. */
export class StartError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number, cause: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** What a runtime says of itself and its machine. */
export interface RuntimeInfo {
  readonly version: string;
  readonly cgroupDriver: string;
  readonly kernel: string;
  readonly os: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Folder on the node with images, layers and logs. */
  readonly rootDir: string;
  /** Whether root of a container is somebody else on the host. */
  readonly userNamespaces: boolean;
}

/** Bytes that a container wrote into its layer and its log. */
export interface ContainerFiles {
  readonly layer: number;
  readonly log: number;
}

/** The verbs of CRI: sandbox, container, image. "Already so" is success. Errors carry the runtime's words. */
export interface Runtime {
  /** Every container of ours on this node, sandboxes included. */
  list(): Promise<ContainerRecord[]>;
  /**
   * Resolves when the runtime tells of what happens from here on, and of what happened since `sinceMs` as far as it
   * remembers. Ends with the signal, throws when the stream breaks.
   */
  events(sinceMs: number, signal: AbortSignal): Promise<AsyncIterable<RuntimeEvent>>;
  createSandbox(config: SandboxConfig): Promise<string>;
  createContainer(config: ContainerConfig): Promise<string>;
  /** @throws StartError */
  start(id: string): Promise<void>;
  /** SIGTERM, then SIGKILL after the grace. Resolves when it is down. */
  stop(id: string, graceSeconds: number): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Changes the bounds of a running container. */
  resize(id: string, limits: CgroupLimits): Promise<void>;
  /** Addresses in the pod network, one of each family at most; none while it has none. */
  addressesOf(id: string): Promise<string[]>;
  /** Process id of the container's main process on this host, 0 when it does not run. */
  pidOf(id: string): Promise<number>;
  /** What a container wrote; nothing for one that is gone. */
  diskUse(id: string): Promise<ContainerFiles>;
  images(): Promise<ImageInfo[]>;
  /** The user an image runs as: a number or a name, with or without a group; '' for root. */
  imageUser(image: string): Promise<string>;
  /** Takes an image's name away; the image goes with its last name. One that is in use stays. @returns whether it went */
  removeImage(name: string): Promise<boolean>;
  pull(image: string, signal: AbortSignal, credentials?: RegistryCredentials): Promise<void>;
  /** Runs a command to its end. Output beyond 10 kB is dropped. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<{ code: number; output: string }>;
  logs(id: string, request: LogRequest, signal: AbortSignal): Promise<{ stream: Readable; multiplexed: boolean }>;
  info(): Promise<RuntimeInfo>;
}
