import type { Duplex, Readable } from 'node:stream';
import Docker from 'dockerode';
import { createSemaphore } from '#async/semaphore.ts';
import { LineSplitter } from '#client/json-lines.ts';
import type { RegistryCredentials } from '../images/keyring.ts';
import { FrameSplitter } from './demux.ts';
import { containerOptions, type DockerSettings, resourceOptions, sandboxOptions } from './docker-config.ts';
import { killExec } from './docker-kill.ts';
import { containerLog, type LogFacts, type LogStream, logPlace } from './docker-log.ts';
import { logSize } from './json-log.ts';
import { LABEL } from './labels.ts';
import type { OomLog } from './oom-log.ts';
import {
  type CgroupLimits,
  type ContainerConfig,
  type ContainerFiles,
  type ContainerRecord,
  type ImageInfo,
  type LogRequest,
  type Runtime,
  type RuntimeEvent,
  type SandboxConfig,
  StartError,
} from './types.ts';

/** Requests to Docker at a time; more only queue inside the daemon. */
const PARALLEL = 8;
const CALL_TIMEOUT_MS = 120_000;
const EXEC_OUTPUT_LIMIT = 10 * 1024;
const EVENTS = ['create', 'start', 'die', 'oom', 'destroy'] as const;

interface DockerEvent {
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  timeNano: number;
}

const code = (e: unknown): number | undefined => (e as { statusCode?: number }).statusCode;
const words = (e: unknown): string => {
  const { json, message } = e as { json?: { message?: string }; message?: string };
  return json?.message ?? message ?? String(e);
};

function recordOf(id: string, labels: Record<string, string>, image: string): ContainerRecord {
  return {
    id,
    podUid: labels[LABEL.podUid] ?? '',
    namespace: labels[LABEL.podNamespace] ?? '',
    pod: labels[LABEL.podName] ?? '',
    name: labels[LABEL.container] ?? '',
    attempt: Number(labels[LABEL.attempt] ?? 0),
    hash: labels[LABEL.hash] ?? '',
    sandboxId: labels[LABEL.sandboxId] ?? '',
    image,
    addresses: labels[LABEL.addresses]?.split(',') ?? [],
    linked: labels[LABEL.linked] === 'true',
    state: 'created',
    exitCode: 0,
    oomKilled: false,
    createdAt: 0,
    startedAt: 0,
    finishedAt: 0,
  };
}

const time = (text: string | undefined): number => {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) || ms < 0 ? 0 : ms;
};

/** Runtime over the Docker API: the only file that talks to it, with docker-streams.ts beside it for hijacked streams. */
export class DockerRuntime implements Runtime {
  readonly docker: Docker;
  /** For streams and stops, which may be silent for as long as they like. */
  readonly #patient: Docker;
  readonly #settings: DockerSettings;
  readonly #oomLog: Pick<OomLog, 'has'> | undefined;
  readonly #limit = createSemaphore(PARALLEL);

  constructor(socketPath: string, settings: DockerSettings, oomLog?: Pick<OomLog, 'has'>) {
    this.#oomLog = oomLog;
    this.docker = new Docker({ socketPath, timeout: CALL_TIMEOUT_MS });
    this.#patient = new Docker({ socketPath });
    this.#settings = settings;
  }

  /** The client for hijacked streams. */
  get streams(): Docker {
    return this.#patient;
  }

  #call<T>(fn: () => Promise<T>): Promise<T> {
    return this.#limit.run(async () => {
      try {
        return await fn();
      } catch (e) {
        throw Object.assign(new Error(words(e), { cause: e }), { statusCode: code(e) });
      }
    });
  }

  get #mine(): string[] {
    return [`${LABEL.managed}=true`, `${LABEL.node}=${this.#settings.node}`];
  }

  async list(): Promise<ContainerRecord[]> {
    const all = await this.#call(() => this.docker.listContainers({ all: true, filters: { label: this.#mine } }));
    const found = await Promise.all(
      all.map((c) =>
        this.#inspected(c.Id, c.Labels, c.Image).catch((e: unknown) => {
          // Docker is still carrying out a removal, perhaps one that an agent before us asked for.
          if (code(e) === 404) return undefined;
          throw e;
        }),
      ),
    );
    return found.filter((r) => r !== undefined);
  }

  async #inspected(id: string, labels: Record<string, string>, image: string): Promise<ContainerRecord> {
    const record = recordOf(id, labels, image);
    const { State, Created, HostConfig } = await this.#call(() => this.docker.getContainer(id).inspect());
    // One that could not be started stays "created" for Docker, with an exit code and the reason.
    const failed = State.Status === 'created' && State.ExitCode !== 0;
    record.state = State.Running ? 'running' : State.Status === 'created' && !failed ? 'created' : 'exited';
    record.exitCode = State.ExitCode;
    record.oomKilled = State.OOMKilled || (this.#oomLog?.has(id) ?? false);
    record.createdAt = time(Created);
    record.startedAt = time(State.StartedAt);
    record.finishedAt = time(State.FinishedAt);
    if (failed) record.finishedAt = record.createdAt;
    if (State.Error) record.error = State.Error;
    const { CpuShares = 0, CpuQuota = 0, Memory = 0 } = HostConfig;
    record.limits = { cpuShares: CpuShares, cpuQuotaUs: CpuQuota, memoryBytes: Memory };
    return record;
  }

  async events(sinceMs: number, signal: AbortSignal): Promise<AsyncIterable<RuntimeEvent>> {
    const options = {
      since: Math.floor(sinceMs / 1000),
      // Docker leaves out what is not named here, the commands of probes above all.
      filters: JSON.stringify({ type: ['container'], label: this.#mine, event: [...EVENTS] }),
      abortSignal: signal,
    };
    return this.#events((await this.#patient.getEvents(options)) as Readable, signal);
  }

  async *#events(stream: Readable, signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    try {
      const lines = new LineSplitter();
      for await (const chunk of stream) {
        const batch: RuntimeEvent[] = [];
        lines.push(chunk as Buffer, (line) => {
          const e = this.#event(JSON.parse(line.toString()) as DockerEvent);
          if (e) batch.push(e);
        });
        yield* batch;
      }
    } catch (e) {
      if (!signal.aborted) throw e;
    } finally {
      stream.destroy();
    }
  }

  #event(e: DockerEvent): RuntimeEvent | undefined {
    const type = EVENTS.find((t) => t === e.Action);
    if (!type) return undefined;
    const attributes = e.Actor.Attributes;
    const record = recordOf(e.Actor.ID, attributes, attributes.image ?? '');
    const at = e.timeNano / 1e6;
    if (type === 'create') record.createdAt = at;
    if (type === 'start') record.startedAt = at;
    if (type === 'die') {
      record.finishedAt = at;
      record.exitCode = Number(attributes.exitCode ?? 0);
      record.oomKilled = this.#oomLog?.has(record.id) ?? false;
    }
    return { type, record };
  }

  createSandbox(config: SandboxConfig): Promise<string> {
    return this.#create(sandboxOptions(this.#settings, config));
  }

  createContainer(config: ContainerConfig): Promise<string> {
    return this.#create(containerOptions(this.#settings, config));
  }

  /** A container of the same name is one we made before a crash: it is taken as it is. */
  #create(options: Docker.ContainerCreateOptions): Promise<string> {
    return this.#call(async () => {
      try {
        return (await this.docker.createContainer(options)).id;
      } catch (e) {
        if (code(e) !== 409 || !/already in use/.test(words(e))) throw e;
        return (await this.docker.getContainer(options.name ?? '').inspect()).Id;
      }
    });
  }

  async start(id: string): Promise<void> {
    try {
      await this.#tolerate([304], () => this.docker.getContainer(id).start());
    } catch (e) {
      const { State } = await this.#call(() => this.docker.getContainer(id).inspect());
      // It may be that only the answer was lost.
      if (State.Running) return;
      if (State.ExitCode === 0) throw e;
      throw new StartError(State.Error || (e as Error).message, State.ExitCode, e);
    }
  }

  async stop(id: string, graceSeconds: number): Promise<void> {
    // Outside the limit: a stop takes as long as the container likes.
    try {
      await this.#patient.getContainer(id).stop({ t: graceSeconds });
    } catch (e) {
      if (code(e) !== 304 && code(e) !== 404) throw new Error(words(e), { cause: e });
    }
  }

  async kill(id: string, signal: string): Promise<void> {
    await this.#tolerate([404, 409], () => this.docker.getContainer(id).kill({ signal }));
  }

  async remove(id: string): Promise<void> {
    await this.#tolerate([404, 409], () => this.docker.getContainer(id).remove({ force: true, v: true }));
  }

  async resize(id: string, limits: CgroupLimits): Promise<void> {
    await this.#call(() => this.docker.getContainer(id).update(resourceOptions(limits)));
  }

  async #tolerate(codes: readonly number[], fn: () => Promise<unknown>): Promise<void> {
    try {
      await this.#call(fn);
    } catch (e) {
      if (!codes.includes(code(e) ?? 0)) throw e;
    }
  }

  async addressesOf(id: string): Promise<string[]> {
    const { NetworkSettings } = await this.#call(() => this.docker.getContainer(id).inspect());
    const own = NetworkSettings.Networks[this.#settings.network];
    return [own?.IPAddress, own?.GlobalIPv6Address].flatMap((a) => a || []);
  }

  async pidOf(id: string): Promise<number> {
    const { State } = await this.#call(() => this.docker.getContainer(id).inspect());
    return State.Running ? State.Pid : 0;
  }

  async diskUse(id: string): Promise<ContainerFiles> {
    try {
      const container = this.docker.getContainer(id);
      // The option and the answer to it are missing from the library's types.
      const options = { size: true } as object;
      const found: LogFacts & { SizeRw?: number } = await this.#call(() => container.inspect(options));
      const log = logPlace(found, this.#settings.atNode);
      return { layer: found.SizeRw ?? 0, log: log ? await logSize(log) : 0 };
    } catch (e) {
      if (code(e) === 404) return { layer: 0, log: 0 };
      throw e;
    }
  }

  async images(): Promise<ImageInfo[]> {
    const all = await this.#call(() => this.docker.listImages());
    return all.map((i) => ({
      id: i.Id,
      names: [...(i.RepoTags ?? []), ...(i.RepoDigests ?? [])].filter((n) => !n.includes('<none>')),
      sizeBytes: i.Size,
    }));
  }

  async removeImage(name: string): Promise<boolean> {
    try {
      await this.#call(() => this.docker.getImage(name).remove({ force: false }));
      return true;
    } catch (e) {
      if (code(e) === 404 || code(e) === 409) return false;
      throw e;
    }
  }

  async imageUser(image: string): Promise<string> {
    const { Config } = await this.#call(() => this.docker.getImage(image).inspect());
    return Config.User ?? '';
  }

  async pull(image: string, signal: AbortSignal, credentials?: RegistryCredentials): Promise<void> {
    const auth = credentials ? { authconfig: credentials } : {};
    const stream = (await this.#patient.pull(image, { abortSignal: signal, ...auth }).catch((e: unknown) => {
      throw new Error(words(e), { cause: e });
    })) as Readable;
    const abort = (): void => void stream.destroy(new Error('the pull was called off'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.docker.modem.followProgress(stream, (e, output: readonly { error?: string }[]) => {
          // What goes wrong once Docker has begun to answer is told in the answer.
          const failure = e ?? output.find((line) => line.error)?.error;
          if (failure) reject(failure);
          else resolve();
        });
      });
    } catch (e) {
      throw new Error(words(e), { cause: e });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<{ code: number; output: string }> {
    const exec = await this.#call(() =>
      this.docker.getContainer(id).exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, Tty: false }),
    );
    const stream = (await exec.start({ hijack: true, Tty: false })) as Duplex;
    const splitter = new FrameSplitter();
    const chunks: Buffer[] = [];
    let size = 0;
    const ended = Promise.withResolvers<void>();
    const timer = AbortSignal.timeout(timeoutMs);
    const late = (): void =>
      ended.reject(new Error(`command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`));
    timer.addEventListener('abort', late, { once: true });
    stream.on('data', (c: Buffer) => {
      for (const { data } of splitter.push(c)) {
        size += data.length;
        if (size <= EXEC_OUTPUT_LIMIT) chunks.push(data);
      }
    });
    stream.on('end', ended.resolve);
    stream.on('error', ended.resolve);
    try {
      await ended.promise;
      const { ExitCode } = await this.#call(() => exec.inspect());
      return { code: ExitCode ?? -1, output: Buffer.concat(chunks).toString() };
    } catch (e) {
      await this.#call(() => killExec(exec));
      throw e;
    } finally {
      timer.removeEventListener('abort', late);
      stream.destroy();
    }
  }

  async logs(id: string, request: LogRequest, signal: AbortSignal): Promise<LogStream> {
    const { atNode } = this.#settings;
    return containerLog(this.#patient.getContainer(id), request, { signal, atNode });
  }

  async info() {
    const answer: unknown = await this.#call(() => this.docker.info());
    const i = answer as Record<string, string | number>;
    const { SecurityOptions } = answer as { SecurityOptions?: readonly string[] | null };
    return {
      version: String(i.ServerVersion),
      cgroupDriver: String(i.CgroupDriver),
      kernel: String(i.KernelVersion),
      os: String(i.OperatingSystem),
      architecture: String(i.Architecture),
      cpus: Number(i.NCPU),
      memoryBytes: Number(i.MemTotal),
      rootDir: String(i.DockerRootDir),
      userNamespaces: SecurityOptions?.some((o) => o.split(',').includes('name=userns')) ?? false,
    };
  }
}
