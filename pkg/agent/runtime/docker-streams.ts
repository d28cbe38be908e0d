import { spawn } from 'node:child_process';
import { Duplex, PassThrough, type Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import type { Lister } from '#client/types.ts';
import { statusOf } from '../pods/containers.ts';
import { runtimeUid } from '../pods/mirror-pods.ts';
import type {
  ContainerHandle,
  ContainerStreams,
  ExecRequest,
  LogOptions,
  PodTarget,
  ProcessSession,
  StreamWishes,
} from '../streaming/backend.ts';
import { FrameSplitter, LogText } from './demux.ts';
import type { DockerRuntime } from './docker.ts';
import { killExec } from './docker-kill.ts';
import type { ContainerRecord } from './types.ts';
import type { RuntimeView } from './view.ts';

export interface DockerStreamsDeps {
  readonly runtime: DockerRuntime;
  readonly view: RuntimeView;
  readonly pods: Lister<Pod>;
}

/** What a container that ended has written is delivered by then, milliseconds. */
const LAST_OUTPUT_MS = 2_000;
/** How a container is said to wait for its image, by the reason in its status. */
const PULLING: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};
const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** Logs, exec, attach and port-forward over Docker's hijacked connections. */
export class DockerStreams implements ContainerStreams {
  readonly #d: DockerStreamsDeps;
  /** Commands that are being ended because their clients are gone. */
  readonly #ending = new Set<Promise<void>>();

  constructor(deps: DockerStreamsDeps) {
    this.#d = deps;
  }

  #pod(target: PodTarget): Stored<Pod> {
    const pod = this.#d.pods.get(target.pod, target.namespace);
    if (!pod || (target.uid && pod.metadata.uid !== target.uid)) {
      const e = errors.notFound({ group: '', plural: 'pods', kind: 'Pod' }, target.pod);
      e.status.message = `pod "${target.pod}" does not exist`;
      throw e;
    }
    return pod;
  }

  async resolve(target: PodTarget, container: string | undefined): Promise<ContainerHandle> {
    const pod = this.#pod(target);
    const app = pod.spec?.containers ?? [];
    const all = [...app, ...(pod.spec?.initContainers ?? []), ...(pod.spec?.ephemeralContainers ?? [])].map(
      (c) => c.name,
    );
    const name =
      container ?? pod.metadata.annotations?.[DEFAULT_CONTAINER] ?? (app.length === 1 ? app[0]?.name : undefined);
    if (name === undefined) {
      throw errors.badRequest(
        `a container name must be specified for pod ${target.pod}, choose one of: [${all.join(' ')}]`,
      );
    }
    if (!all.includes(name)) throw errors.badRequest(`container ${name} is not valid for pod ${target.pod}`);
    const uid = runtimeUid(pod);
    return {
      namespace: target.namespace,
      pod: target.pod,
      uid,
      container: name,
      id: this.#records(uid, name)[0]?.id ?? '',
    };
  }

  #records(uid: string, name: string): readonly ContainerRecord[] {
    return this.#d.view.pod(uid).containers.get(name) ?? [];
  }

  /** In the words of the field. */
  #waitsFor({ namespace, pod, container }: ContainerHandle): string {
    const found = this.#d.pods.get(pod, namespace);
    const reason = (found && statusOf(found, container)?.state?.waiting?.reason) || 'ContainerCreating';
    return PULLING[reason] ?? reason;
  }

  #running(handle: ContainerHandle): ContainerRecord {
    const r = this.#records(handle.uid, handle.container)[0];
    if (r?.state !== 'running') throw errors.internal(`container not found ("${handle.container}")`);
    return r;
  }

  async exec(handle: ContainerHandle, request: ExecRequest, signal: AbortSignal): Promise<ProcessSession> {
    const exec = await this.#d.runtime.streams.getContainer(this.#running(handle).id).exec({
      Cmd: [...request.command],
      AttachStdin: request.stdin,
      AttachStdout: request.stdout,
      AttachStderr: request.stderr && !request.tty,
      Tty: request.tty,
    });
    const stream = await exec.start({ hijack: true, stdin: request.stdin, Tty: request.tty });
    return session(stream, request, signal, {
      exitCode: async () => (await exec.inspect()).ExitCode ?? 0,
      resize: (w, h) => exec.resize({ w, h }) as Promise<unknown>,
      abandoned: () => this.#end(exec),
    });
  }

  #end(exec: Docker.Exec): void {
    const ending = killExec(exec)
      .catch(() => {})
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  /** Resolves when all commands have ended whose clients are gone: nobody would know of them after the agent. */
  async settled(): Promise<void> {
    await Promise.all(this.#ending);
  }

  async attach(handle: ContainerHandle, wishes: StreamWishes, signal: AbortSignal): Promise<ProcessSession> {
    const container = this.#d.runtime.streams.getContainer(this.#running(handle).id);
    const { Config } = await container.inspect();
    const tty = Config.Tty;
    const stream = (await container.attach({
      stream: true,
      hijack: true,
      stdin: wishes.stdin,
      stdout: wishes.stdout,
      stderr: wishes.stderr && !tty,
    })) as unknown as Duplex;
    endWith(container, stream);
    return session(stream, { ...wishes, tty }, signal, {
      exitCode: async () => 0,
      resize: (w, h) => container.resize({ w, h }) as Promise<unknown>,
      abandoned: () => {},
    });
  }

  async logs(handle: ContainerHandle, o: LogOptions, signal: AbortSignal): Promise<Readable> {
    const records = this.#records(handle.uid, handle.container);
    const record = o.previous ? records[1] : records[0];
    if (!record || (!o.previous && record.state === 'created')) {
      throw errors.badRequest(
        o.previous
          ? `previous terminated container "${handle.container}" in pod "${handle.pod}" not found`
          : `container "${handle.container}" in pod "${handle.pod}" is waiting to start: ${this.#waitsFor(handle)}`,
      );
    }
    const sinceSeconds = o.sinceTime
      ? Date.parse(o.sinceTime) / 1000
      : o.sinceSeconds === undefined
        ? undefined
        : Date.now() / 1000 - o.sinceSeconds;
    const { stream, multiplexed } = await this.#d.runtime.logs(
      record.id,
      {
        follow: o.follow && record.state === 'running',
        timestamps: o.timestamps,
        stdout: o.stream !== 'Stderr',
        stderr: o.stream !== 'Stdout',
        ...(o.tailLines === undefined ? {} : { tail: o.tailLines }),
        ...(sinceSeconds === undefined ? {} : { since: sinceSeconds }),
      },
      signal,
    );
    const text = new LogText(multiplexed, o.limitBytes);
    stream.on('error', () => text.end());
    text.on('close', () => stream.destroy());
    return stream.pipe(text);
  }

  /** Inside the pod's network namespace, so that listeners on localhost are reached too. */
  async portForward(target: PodTarget, port: number, signal: AbortSignal): Promise<Duplex> {
    const uid = runtimeUid(this.#pod(target));
    const { sandbox } = this.#d.view.pod(uid);
    if (sandbox?.state !== 'running')
      throw errors.internal(`unable to do port forwarding: pod "${target.pod}" is not running`);
    const pid = await this.#d.runtime.pidOf(sandbox.id);
    if (pid === 0) throw errors.internal('unable to do port forwarding: sandbox is not running');
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', RELAY, String(port)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal,
    });
    return relayed(child);
  }

  pods(): object {
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: [...this.#d.pods.list()] };
  }
}

/**
 * Connects inside the namespace and copies; says "+" once connected, or the error. Who does not listen on the IPv4 loopback
 * may do so on that of IPv6; when neither does, what is told is about the first.
 */
const RELAY = `const go=(host,other)=>{const s=require('net').connect({host,port:+process.argv[1],allowHalfOpen:true});let on=0;
s.on('connect',()=>{on=1;process.stdout.write('+');process.stdin.pipe(s);s.pipe(process.stdout)});
s.on('error',e=>{if(on||!other(e)){process.stderr.write(e.message);process.exit(1)}});s.on('close',()=>on&&process.exit(0))};
go('127.0.0.1',e=>{go('::1',()=>{process.stderr.write(e.message);process.exit(1)});return 1})`;

function relayed(child: ReturnType<typeof spawn>): Promise<Duplex> {
  const { stdin, stdout, stderr } = child as unknown as {
    stdin: PassThrough;
    stdout: PassThrough;
    stderr: PassThrough;
  };
  return new Promise((resolve, reject) => {
    let complaint = '';
    stderr.on('data', (c: Buffer) => {
      complaint = (complaint + c.toString()).slice(0, 500);
    });
    child.on('error', reject);
    child.on('close', () => reject(new Error(complaint || 'connection refused')));
    stdout.once('readable', () => {
      const first = stdout.read(1) as Buffer | null;
      if (first?.toString() !== '+') return;
      const duplex = Duplex.from({ readable: stdout, writable: stdin });
      duplex.on('close', () => child.kill());
      resolve(duplex);
    });
  });
}

interface Control {
  exitCode(): Promise<number>;
  resize(width: number, height: number): Promise<unknown>;
  abandoned(): void;
}

/** Docker's one hijacked stream as the separate streams of a session. */
function session(stream: Duplex, w: StreamWishes, signal: AbortSignal, control: Control): ProcessSession {
  const stdout = w.stdout || w.tty ? new PassThrough() : null;
  const stderr = w.stderr && !w.tty ? new PassThrough() : null;
  const splitter = w.tty ? undefined : new FrameSplitter();
  const outputs = { 1: stdout, 2: stderr };
  const deliver = (chunk: Buffer): void => {
    const frames = splitter ? splitter.push(chunk) : [{ stream: 1 as const, data: chunk }];
    for (const f of frames) {
      const out = outputs[f.stream];
      if (out && !out.write(f.data)) {
        stream.pause();
        out.once('drain', () => stream.resume());
      }
    }
  };
  const ended = Promise.withResolvers<void>();
  const end = (): void => {
    stdout?.end();
    stderr?.end();
    ended.resolve();
  };
  stream.on('data', deliver);
  stream.on('end', end);
  stream.on('close', end);
  stream.on('error', end);
  const leave = (): void => {
    stream.destroy();
    control.abandoned();
  };
  // The client may have left while Docker was asked.
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return {
    stdin: w.stdin ? stream : null,
    stdout,
    stderr,
    async resize(columns, rows) {
      if (w.tty) await control.resize(columns, rows).catch(() => {});
    },
    exitCode: ended.promise.then(() => control.exitCode()),
  };
}

/**
 * Ends an attached stream with its container. Docker does that itself, unless the container ended just before the stream was
 * there: nothing is ever heard of such a stream.
 */
function endWith(container: Docker.Container, stream: Duplex): void {
  const over = new AbortController();
  stream.on('close', () => over.abort());
  let heard = false;
  stream.on('data', () => {
    heard = true;
  });
  const end = (): void => {
    systemClock.after(
      LAST_OUTPUT_MS,
      () => {
        // Its reader takes his time.
        const more = heard || stream.isPaused();
        heard = false;
        if (stream.destroyed) return;
        if (more) end();
        else stream.destroy();
      },
      { unref: true },
    );
  };
  // Rejects when the client left, or the container was removed: nothing will come in either case.
  container.wait({ condition: 'not-running', abortSignal: over.signal }).then(end, end);
}
