import type { Readable } from 'node:stream';

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
  readonly image: string;
  state: 'created' | 'running' | 'exited';
  exitCode: number;
  oomKilled: boolean;
  createdAt: number;
  startedAt: number;
  finishedAt: number;
  /** Why it could not be started, when it could not. */
  error?: string;
}

/** Something that happened to a container of ours. */
export interface RuntimeEvent {
  readonly type: 'create' | 'start' | 'die' | 'oom' | 'destroy';
  readonly record: ContainerRecord;
}

export interface SandboxConfig {
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly attempt: number;
  readonly hostname: string;
  readonly hostNetwork: boolean;
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

export interface ContainerConfig {
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
  readonly sharePid: boolean;
  readonly hostPid: boolean;
  /** Millicores; 0 = none. */
  readonly cpuRequestMilli: number;
  readonly cpuLimitMilli: number;
  /** Bytes; 0 = none. */
  readonly memoryLimit: number;
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

/** The verbs of CRI: sandbox, container, image. "Already so" is success. Errors carry the runtime's words. */
export interface Runtime {
  /** Every container of ours on this node, sandboxes included. */
  list(): Promise<ContainerRecord[]>;
  /** Events from `sinceMs` on; ends with the signal, throws when the stream breaks. */
  events(sinceMs: number, signal: AbortSignal): AsyncIterable<RuntimeEvent>;
  createSandbox(config: SandboxConfig): Promise<string>;
  createContainer(config: ContainerConfig): Promise<string>;
  start(id: string): Promise<void>;
  /** SIGTERM, then SIGKILL after the grace. Resolves when it is down. */
  stop(id: string, graceSeconds: number): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Address in the pod network; '' while there is none. */
  addressOf(id: string): Promise<string>;
  /** Process id of the container's main process on this host, 0 when it does not run. */
  pidOf(id: string): Promise<number>;
  images(): Promise<ImageInfo[]>;
  pull(image: string, signal: AbortSignal): Promise<void>;
  /** Runs a command to its end. Output beyond 10 kB is dropped. */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<{ code: number; output: string }>;
  logs(id: string, request: LogRequest, signal: AbortSignal): Promise<{ stream: Readable; multiplexed: boolean }>;
  info(): Promise<{
    version: string;
    kernel: string;
    os: string;
    architecture: string;
    cpus: number;
    memoryBytes: number;
  }>;
}
