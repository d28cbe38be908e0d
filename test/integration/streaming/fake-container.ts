import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { type Duplex, PassThrough, type Readable, Transform } from 'node:stream';
import type {
  ContainerHandle,
  ContainerStreams,
  ExecRequest,
  PodTarget,
  ProcessSession,
  StreamWishes,
} from '../../../pkg/agent/streaming/backend.ts';
import { errors } from '../../../pkg/api/meta/errors.ts';

/** What the container's main process and its log are. */
const MAIN_PROCESS = 'while read line; do echo "got $line"; done';
export const LOG = 'for i in 1 2 3; do echo "line $i"; sleep 0.2; done';

/** A container of pod "p" that is the test's own machine: processes, ports and all. */
export class FakeContainer implements ContainerStreams {
  /** Processes alive now. */
  running = 0;
  /** How many sessions were ended by their signal. */
  aborted = 0;
  /** Bytes read from the outputs of all processes. */
  produced = 0;
  /** Bytes the processes took from stdin. */
  consumed = 0;
  connections = 0;
  log = LOG;

  async resolve({ namespace, pod }: PodTarget, container = 'c'): Promise<ContainerHandle> {
    if (pod !== 'p') throw errors.notFound({ group: '', plural: 'pods', kind: 'Pod' }, pod);
    if (container !== 'c') throw errors.badRequest(`container ${container} is not valid for pod ${pod}`);
    return { namespace, pod, uid: 'u', container, id: 'id' };
  }

  async exec(_handle: ContainerHandle, request: ExecRequest, signal: AbortSignal): Promise<ProcessSession> {
    const [program = '', ...args] = request.command;
    if (program === 'missing') throw new Error('exec: "missing": executable file not found in $PATH');
    return this.#start([program, ...args], request, signal);
  }

  async attach(_handle: ContainerHandle, wishes: StreamWishes, signal: AbortSignal): Promise<ProcessSession> {
    return this.#start(['sh', '-c', MAIN_PROCESS], wishes, signal);
  }

  async logs(_handle: ContainerHandle, options: { follow: boolean }, signal: AbortSignal): Promise<Readable> {
    const script = options.follow ? this.log : LOG;
    const session = this.#start(
      ['sh', '-c', script],
      { tty: false, stdin: false, stdout: true, stderr: false },
      signal,
    );
    if (!session.stdout) throw new Error('no output');
    return session.stdout;
  }

  portForward(_target: PodTarget, port: number, signal: AbortSignal): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
      const end = () => socket.destroy();
      signal.addEventListener('abort', end);
      socket.once('error', reject);
      socket.once('connect', () => {
        this.connections++;
        socket.once('close', () => this.connections--);
        resolve(socket);
      });
      socket.once('close', () => signal.removeEventListener('abort', end));
    });
  }

  pods(): object {
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [] };
  }

  #start(command: string[], wishes: StreamWishes, signal: AbortSignal): ProcessSession {
    const child = spawn(command[0] ?? '', command.slice(1), { stdio: 'pipe', detached: true });
    this.running++;
    const { promise: exitCode, resolve, reject } = Promise.withResolvers<number>();
    child.once('error', reject);
    child.once('exit', (code, killedBy) => {
      this.running--;
      resolve(code ?? (killedBy === 'SIGKILL' ? 137 : 1));
    });
    signal.addEventListener('abort', () => {
      this.aborted++;
      if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
    });
    const stdout = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.produced += chunk.length;
        done(null, chunk);
      },
    });
    child.stdout.pipe(stdout);
    // Piped, because Node throws away what nobody reads of a child once it has exited.
    const stderr = wishes.tty ? null : child.stderr.pipe(new PassThrough());
    if (wishes.tty) child.stderr.pipe(stdout, { end: false });
    const write = child.stdin.write.bind(child.stdin) as (chunk: Buffer, ...rest: never[]) => boolean;
    child.stdin.write = ((chunk: Buffer, ...rest: never[]) => {
      this.consumed += chunk.length;
      return write(chunk, ...rest);
    }) as typeof child.stdin.write;
    return {
      stdin: wishes.stdin ? child.stdin : null,
      stdout: wishes.stdout ? stdout : null,
      stderr: wishes.stderr ? stderr : null,
      resize: async (columns, rows) => {
        if (wishes.tty) stdout.push(`size ${columns}x${rows}\n`);
      },
      exitCode,
    };
  }
}
