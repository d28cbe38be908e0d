import type { Duplex, Readable, Writable } from 'node:stream';

/** A container that was found, and how the runtime knows it. */
export interface ContainerHandle {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  /** The container's name in the pod's spec. */
  readonly container: string;
  /** The runtime's identifier; only the implementation reads it. May be empty for a container that never started. */
  readonly id: string;
}

/** Which standard streams the client asked for. With `tty`, stdout carries both outputs and `stderr` is false. */
export interface StreamWishes {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface ExecRequest extends StreamWishes {
  readonly command: readonly string[];
}

/**
 * A running command (exec) or a connection to a container's main process (attach). A stream that was not asked for is
 * null. The outputs wait for their reader, who may come late: nothing is lost until then, nor when the process has
 * ended meanwhile. The server reads both to their end, honours the back-pressure of stdin, and ends stdin when the
 * client does.
 */
export interface ProcessSession {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Sets the terminal size in characters; does nothing without a terminal. Late calls after the end are ignored. */
  resize(columns: number, rows: number): Promise<void>;
  /**
   * Exec: the exit code, once the command has ended. Attach: 0, once the container has ended or its streams closed.
   * Rejects when the runtime lost the process.
   */
  readonly exitCode: Promise<number>;
}

/** Options of a log request, as `kubectl logs` sends them. */
export interface LogOptions {
  /** Keep streaming until the container ends or the signal aborts. */
  readonly follow: boolean;
  /** Of the container's previous run. */
  readonly previous: boolean;
  /** RFC 3339 prefix on every line. */
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  /** Bytes after which the stream ends. */
  readonly limitBytes?: number;
  /** 'All' unless only one is wanted. */
  readonly stream: 'All' | 'Stdout' | 'Stderr';
}

/** Identifies a pod; `uid` narrows it to one incarnation. */
export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly uid?: string;
}

/**
 * What the agent's streaming server needs from the runtime. Every method throws StatusError for what a client should
 * read; other errors become 500 with their message. An aborted signal means that the client is gone: the
 * implementation detaches, ends or destroys the streams it returned and frees what it holds.
 */
export interface ContainerStreams {
  /**
   * Finds a container. Without a name: the one named by the annotation kubectl.kubernetes.io/default-container, else
   * the only one.
   * @throws StatusError 404 `pod "p" does not exist` (pod or uid unknown here); 400 `container c is not valid for pod p`;
   * 400 `a container name must be specified for pod p, choose one of: [a b]`
   */
  resolve(target: PodTarget, container: string | undefined): Promise<ContainerHandle>;
  /** Starts a command. @throws StatusError 500 `container not found ("c")` when it does not run */
  exec(handle: ContainerHandle, request: ExecRequest, signal: AbortSignal): Promise<ProcessSession>;
  /** Connects to the main process; `tty` must agree with the container's own setting, which wins. */
  attach(handle: ContainerHandle, wishes: StreamWishes, signal: AbortSignal): Promise<ProcessSession>;
  /**
   * The log text, already filtered and formatted. With `follow` it ends when the container does.
   * @throws StatusError 400 `container "c" in pod "p" is waiting to start: ` with the reason, or
   * `previous terminated container "c" in pod "p" not found`
   */
  logs(handle: ContainerHandle, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  /**
   * Opens a TCP connection to a port inside the pod's network. The duplex honours half-close (`allowHalfOpen`).
   * Rejects with the dial error.
   */
  portForward(target: PodTarget, port: number, signal: AbortSignal): Promise<Duplex>;
  /** A v1 PodList of this node's pods, for `GET /pods`. */
  pods(): object;
}
