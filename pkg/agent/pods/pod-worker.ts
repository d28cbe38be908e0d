import { type Container, type Node, type Pod, Pods, type Service } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type Backoff, createBackoff } from '#async/backoff.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { ImageError, type Images } from '../images/images.ts';
import type { Prober } from '../probes/prober.ts';
import { runProbe } from '../probes/run.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';
import { buildStatus } from '../status/build.ts';
import type { StatusPublisher } from '../status/publisher.ts';
import type { PodObjects } from '../volumes/objects.ts';
import { VolumeError, type Volumes } from '../volumes/volumes.ts';
import { containerConfig, sandboxConfig, specHash } from './container-config.ts';
import { buildEnv, ConfigError } from './env.ts';
import { type DnsSettings, writeEtcFiles } from './etc-files.ts';
import { type Action, type Kill, plan, restarts, type Start } from './plan.ts';
import { serviceVariables } from './service-env.ts';

export interface PodWorkerDeps {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly view: RuntimeView;
  readonly images: Images;
  readonly prober: Prober;
  readonly publisher: StatusPublisher;
  readonly volumes: Volumes;
  readonly objects: PodObjects;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly services: Lister<Service>;
  readonly node: () => Stored<Node> | undefined;
  readonly nodeName: string;
  readonly hostIp: string;
  readonly nodeMemory: number;
  readonly dns: DnsSettings;
  /** Resolves when pods can be given addresses. */
  readonly networkReady: () => Promise<void>;
  /** Called when the address of a pod is known, before its containers start. */
  readonly attached: (podIp: string) => Promise<void>;
  /** Look at the pod again after `ms`. */
  readonly again: (uid: string, ms: number) => void;
}

interface Waiting {
  readonly reason: string;
  readonly message: string;
  readonly until: number;
}

const CRASH_BACKOFF_MS = 10_000;
const MAX_CRASH_BACKOFF_MS = 300_000;
const CRASH_RESET_MS = 600_000;
const CONFIG_RETRY_MS = 5_000;
/** Time for the pod to leave the endpoints of its services before its processes are told to end. */
const ENDPOINTS_DROP_MS = 1_000;
/** Projected volumes are looked at again this often, milliseconds. */
const VOLUME_REFRESH_MS = 60_000;

/** Everything one pod needs from start to end: observe → plan → one action → publish → repeat. */
export class PodWorker {
  readonly #d: PodWorkerDeps;
  readonly uid: string;
  #pod: Stored<Pod>;
  #podIp = '';
  #paths: Map<string, string> | undefined;
  #volumesAt = 0;
  readonly #startedAt: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #crashes: Backoff;
  readonly #restartAt = new Map<string, { attempt: number; at: number }>();
  readonly #stopping = new Map<string, number>();
  #terminatingSince = 0;
  readonly #abort = new AbortController();
  /** The pod left the API: nobody waits for its status. */
  orphan = false;
  finished = false;

  constructor(deps: PodWorkerDeps, pod: Stored<Pod>) {
    this.#d = deps;
    this.#pod = pod;
    this.uid = pod.metadata.uid;
    this.#startedAt = deps.clock.now();
    this.#crashes = createBackoff({
      clock: deps.clock,
      initialMs: CRASH_BACKOFF_MS,
      maxMs: MAX_CRASH_BACKOFF_MS,
      resetAfterMs: CRASH_RESET_MS,
    });
  }

  update(pod: Stored<Pod>): void {
    this.#pod = pod;
    this.#d.publisher.seen(pod);
    // A pull for a pod that goes away is pointless.
    if (this.#terminating) this.#abort.abort(new Error('the pod is being deleted'));
  }

  get #terminating(): boolean {
    return this.orphan || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  get #grace(): number {
    if (this.orphan) return 1;
    return this.#pod.metadata.deletionGracePeriodSeconds ?? this.#pod.spec?.terminationGracePeriodSeconds ?? 30;
  }

  /** Brings the pod one or more steps further, until only waiting is left. */
  async sync(): Promise<void> {
    for (let step = 0; step < 50 && !this.finished; step++) {
      this.#observe();
      const action = this.#plan();
      this.#publish();
      if (action.do === 'wait') {
        if (action.untilMs !== undefined) this.#d.again(this.uid, action.untilMs - this.#d.clock.now());
        await this.#refreshVolumes();
        return;
      }
      if (!(await this.#act(action))) return;
    }
  }

  /** Takes notice of containers that ended or run. */
  #observe(): void {
    const { view, prober } = this.#d;
    const runtime = view.pod(this.uid);
    const all = [...(this.#pod.spec?.initContainers ?? []), ...(this.#pod.spec?.containers ?? [])];
    for (const c of all) {
      const r = runtime.containers.get(c.name)?.[0];
      if (!r) continue;
      if (r.state === 'running') {
        this.#waiting.delete(c.name);
        if (!this.#terminating && this.#podIp) prober.watch(this.#pod, c, r, this.#podIp);
      } else if (r.state === 'exited') {
        prober.forget(r.id);
        this.#stopping.delete(r.id);
        this.#crashed(c, r);
      }
    }
  }

  /** Decides, once for each end of a container, when it may be started again. */
  #crashed(c: Container, r: ContainerRecord): void {
    const isInit = this.#pod.spec?.initContainers?.includes(c as never);
    const policy = c.restartPolicy ?? this.#pod.spec?.restartPolicy;
    const known = this.#restartAt.get(c.name);
    if (
      known?.attempt === r.attempt ||
      !restarts(policy, r.exitCode) ||
      (isInit && r.exitCode === 0 && c.restartPolicy !== 'Always')
    )
      return;
    // The first restart is immediate, and so is one after a long quiet life.
    const lived = r.finishedAt - r.startedAt;
    if (lived > CRASH_RESET_MS) this.#crashes.reset(c.name);
    const wait = known && lived <= CRASH_RESET_MS ? this.#crashes.next(c.name) : 0;
    const at = (r.finishedAt || this.#d.clock.now()) + wait;
    this.#restartAt.set(c.name, { attempt: r.attempt, at });
    if (wait === 0) return;
    const { name, namespace } = this.#pod.metadata;
    const message = `back-off ${Math.round(wait / 1000)}s restarting failed container=${c.name} pod=${name}_${namespace}(${this.uid})`;
    this.#waiting.set(c.name, { reason: 'CrashLoopBackOff', message, until: at });
    this.#event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${c.name} in pod ${name}_${namespace}(${this.uid})`,
    );
  }

  #plan(): Action {
    const runtime = this.#d.view.pod(this.uid);
    const unhealthy = new Set<string>();
    for (const records of runtime.containers.values()) {
      const r = records[0];
      if (r?.state === 'running' && this.#d.prober.unhealthy(r)) unhealthy.add(r.id);
    }
    const phase = this.#d.publisher.last(this.uid)?.phase ?? this.#pod.status?.phase;
    return plan({
      pod: this.#pod,
      runtime,
      terminating: this.#terminating,
      graceSeconds: this.#grace,
      now: this.#d.clock.now(),
      notBefore: (name) => Math.max(this.#restartAt.get(name)?.at ?? 0, this.#waiting.get(name)?.until ?? 0),
      unhealthy,
      stopping: this.#stillStopping(),
      hashOf: specHash,
      terminal: phase === 'Succeeded' || phase === 'Failed',
    });
  }

  /** A stop that was ordered with more time than is granted now is ordered anew. */
  #stillStopping(): Set<string> {
    const now = this.#d.clock.now();
    const hard = this.#terminating && this.#grace === 0;
    return new Set([...this.#stopping].filter(([, deadline]) => !hard || deadline <= now + 1000).map(([id]) => id));
  }

  #publish(): void {
    if (this.orphan) return;
    const { clock, publisher, prober, images, hostIp, view } = this.#d;
    const now = clock.now();
    const status = buildStatus({
      pod: { ...this.#pod, status: publisher.last(this.uid) ?? this.#pod.status ?? {} } as Pod,
      runtime: view.pod(this.uid),
      podIp: this.#podIp,
      hostIp,
      now,
      startedAt: this.#startedAt,
      waiting: (name) => {
        const w = this.#waiting.get(name);
        return w && { reason: w.reason, message: w.message };
      },
      ready: (r, c) => !this.#stopping.has(r.id) && prober.ready(r, c),
      started: (r, c) => prober.started(r, c),
      imageId: (image) => images.idOf(image),
    });
    publisher.publish(this.#pod, status);
  }

  /** @returns false when the next look comes by an event or timer. */
  async #act(action: Exclude<Action, { do: 'wait' }>): Promise<boolean> {
    switch (action.do) {
      case 'createSandbox':
        return this.#createSandbox(action.attempt);
      case 'removeSandboxes':
      case 'remove':
        await Promise.all(action.ids.map((id) => this.#remove(id)));
        return true;
      case 'start':
        return this.#startAll(action.containers);
      case 'kill':
        return this.#kill(action.targets);
      case 'finish':
        await this.#finish();
        return false;
    }
  }

  async #remove(id: string): Promise<void> {
    await this.#d.runtime.remove(id);
    this.#d.prober.forget(id);
    this.#d.view.drop(id);
  }

  async #createSandbox(attempt: number): Promise<boolean> {
    const { runtime, view, clock } = this.#d;
    try {
      if (!this.#pod.spec?.hostNetwork) await this.#d.networkReady();
      this.#paths = await this.#d.volumes.prepare(this.#pod, this.#place());
      this.#volumesAt = clock.now();
      const config = sandboxConfig(this.#pod, attempt);
      const id = await runtime.createSandbox(config);
      view.note(this.#record(id, '', attempt, ''));
      await runtime.start(id);
      view.started(id, clock.now());
      await this.#address(id);
      return true;
    } catch (e) {
      const mount = e instanceof VolumeError;
      this.#event(
        'Warning',
        mount ? 'FailedMount' : 'FailedCreatePodSandBox',
        mount
          ? `MountVolume.SetUp failed: ${(e as Error).message}`
          : `Failed to create pod sandbox: ${(e as Error).message}`,
      );
      this.#d.logger.warn({ err: e, pod: this.#pod.metadata.name }, 'the pod cannot be started yet');
      this.#d.again(this.uid, CONFIG_RETRY_MS);
      return false;
    }
  }

  async #address(sandboxId: string): Promise<void> {
    if (this.#pod.spec?.hostNetwork) {
      this.#podIp = this.#d.hostIp;
      return;
    }
    this.#podIp = await this.#d.runtime.addressOf(sandboxId);
    await this.#d.attached(this.#podIp);
  }

  #place() {
    return { podIp: this.#podIp, hostIp: this.#d.hostIp, nodeName: this.#d.nodeName };
  }

  #record(id: string, name: string, attempt: number, hash: string): ContainerRecord {
    const { namespace = '', name: pod } = this.#pod.metadata;
    const now = this.#d.clock.now();
    return {
      id,
      podUid: this.uid,
      namespace,
      pod,
      name,
      attempt,
      hash,
      image: '',
      state: 'created',
      exitCode: 0,
      oomKilled: false,
      createdAt: now,
      startedAt: 0,
      finishedAt: 0,
    };
  }

  /** After a restart of the agent: what the sandbox of a running pod is called, and where its volumes are. */
  async adopt(): Promise<void> {
    const { sandbox } = this.#d.view.pod(this.uid);
    if (sandbox?.state !== 'running' || this.#podIp) return;
    await this.#address(sandbox.id);
  }

  async #startAll(starts: readonly Start[]): Promise<boolean> {
    const results = await Promise.all(starts.map((s) => this.#startOne(s)));
    return results.every(Boolean);
  }

  async #startOne({ container: c, attempt, obsolete }: Start): Promise<boolean> {
    const { runtime, view, images, clock } = this.#d;
    try {
      await images.ensure(this.#pod, c, this.#abort.signal);
      await Promise.all(obsolete.map((id) => this.#remove(id)));
      const id = await this.#create(c, attempt);
      this.#event('Normal', 'Created', `Created container: ${c.name}`);
      await runtime.start(id);
      view.started(id, clock.now());
      this.#event('Normal', 'Started', `Started container ${c.name}`);
      if (c.lifecycle?.postStart) await this.#hook(c, id, c.lifecycle.postStart, 'PostStart');
      return true;
    } catch (e) {
      this.#startFailed(c, e as Error);
      return false;
    }
  }

  async #create(c: Container, attempt: number): Promise<string> {
    const { runtime, view, volumes, services, nodeMemory } = this.#d;
    const { sandbox } = view.pod(this.uid);
    this.#paths ??= await volumes.prepare(this.#pod, this.#place());
    const namespace = this.#pod.metadata.namespace ?? '';
    const links = this.#pod.spec?.enableServiceLinks === false ? [] : serviceVariables(services.list(), namespace);
    const env = await buildEnv(this.#pod, c, {
      configMap: (name) => this.#d.objects.configMap(namespace, name),
      secret: async (name) => {
        const data = await this.#d.objects.secret(namespace, name);
        return data && Object.fromEntries(Object.entries(data).map(([k, v]) => [k, v.toString()]));
      },
      ...this.#place(),
      services: links,
      allocatable: this.#d.node()?.status?.allocatable ?? {},
    });
    const mounts = await volumes.mountsOf(this.#pod, c, this.#paths, env);
    const etc = await writeEtcFiles(volumes.podDir(this.uid), this.#pod, this.#podIp, this.#d.dns);
    const own = new Set(mounts.map((m) => m.target));
    const config = containerConfig(this.#pod, c, {
      sandboxId: sandbox?.id ?? '',
      attempt,
      env,
      mounts: [...mounts, ...etc.filter((m) => !own.has(m.target))],
      nodeMemory,
    });
    const id = await runtime.createContainer(config);
    view.note(this.#record(id, c.name, attempt, config.hash));
    return id;
  }

  #startFailed(c: Container, e: Error): void {
    const now = this.#d.clock.now();
    if (this.#abort.signal.aborted) return;
    if (e instanceof ImageError)
      this.#waiting.set(c.name, { reason: e.reason, message: e.message, until: now + e.retryMs });
    else if (e instanceof ConfigError || e instanceof VolumeError) {
      this.#waiting.set(c.name, {
        reason: 'CreateContainerConfigError',
        message: e.message,
        until: now + CONFIG_RETRY_MS,
      });
      this.#event('Warning', 'Failed', `Error: ${e.message}`);
    } else {
      const wait = this.#crashes.next(c.name);
      this.#waiting.set(c.name, { reason: 'RunContainerError', message: e.message, until: now + wait });
      this.#event('Warning', 'Failed', `Error: ${e.message}`);
    }
    this.#publish();
    this.#d.again(this.uid, (this.#waiting.get(c.name)?.until ?? now) - now);
  }

  /** Orders the end of containers; their `die` events bring the next look. */
  async #kill(targets: readonly Kill[]): Promise<boolean> {
    const now = this.#d.clock.now();
    for (const t of targets) this.#stopping.set(t.record.id, now + t.graceSeconds * 1000);
    for (const t of targets) {
      this.#d.prober.forget(t.record.id);
      this.#event(
        'Normal',
        'Killing',
        t.reason === 'Stopping container' ? `Stopping container ${t.record.name}` : t.reason,
      );
    }
    this.#publish();
    const drop = this.#dropDelay(targets);
    for (const t of targets) {
      this.#stop(t, drop).catch((err: unknown) => {
        this.#stopping.delete(t.record.id);
        this.#d.logger.warn({ err, container: t.record.name }, 'stopping failed, will retry');
        this.#d.again(this.uid, 1000);
      });
    }
    return false;
  }

  /** Milliseconds to hold SIGTERM back so that no new connection is sent to a process that has stopped listening. */
  #dropDelay(targets: readonly Kill[]): number {
    if (!this.#terminating || this.orphan || this.#terminatingSince > 0) return 0;
    this.#terminatingSince = this.#d.clock.now();
    const served = this.#pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
    return served && targets.some((t) => t.graceSeconds >= 2) ? ENDPOINTS_DROP_MS : 0;
  }

  async #stop(t: Kill, delayMs: number): Promise<void> {
    const { clock, runtime } = this.#d;
    const deadline = clock.now() + t.graceSeconds * 1000;
    const c = this.#pod.spec?.containers.find((x) => x.name === t.record.name);
    if (delayMs > 0) await clock.sleep(delayMs);
    if (c?.lifecycle?.preStop && t.graceSeconds > 0)
      await this.#hook(c, t.record.id, c.lifecycle.preStop, 'PreStop', deadline - clock.now());
    if (t.graceSeconds === 0) await runtime.kill(t.record.id, 'SIGKILL');
    else await runtime.stop(t.record.id, Math.max(1, Math.round((deadline - clock.now()) / 1000)));
  }

  async #hook(
    c: Container,
    id: string,
    handler: NonNullable<NonNullable<Container['lifecycle']>['preStop']>,
    kind: string,
    limitMs = 30_000,
  ): Promise<void> {
    if (handler.sleep) {
      await this.#d.clock.sleep(Math.min(handler.sleep.seconds * 1000, Math.max(0, limitMs)));
      return;
    }
    const probe = { ...handler, timeoutSeconds: Math.max(1, Math.floor(limitMs / 1000)) };
    const r = await runProbe(probe as never, c, { containerId: id, podIp: this.#podIp }, this.#d.runtime);
    if (!r.ok) this.#event('Warning', `Failed${kind}Hook`, `${kind}Hook failed: ${r.message}`);
  }

  async #refreshVolumes(): Promise<void> {
    const now = this.#d.clock.now();
    const live = (this.#pod.spec?.volumes ?? []).some((v) => v.configMap || v.secret || v.projected || v.downwardAPI);
    if (this.#terminating || !live || !this.#podIp) return;
    if (now - this.#volumesAt >= VOLUME_REFRESH_MS) {
      this.#volumesAt = now;
      try {
        this.#paths = await this.#d.volumes.prepare(this.#pod, this.#place());
      } catch (e) {
        this.#d.logger.debug({ err: e, pod: this.#pod.metadata.name }, 'volumes could not be refreshed');
      }
    }
    this.#d.again(this.uid, VOLUME_REFRESH_MS);
  }

  async #finish(): Promise<void> {
    await this.#d.volumes.cleanUp(this.uid, this.#pod.spec?.volumes ?? []);
    this.#d.publisher.forget(this.uid);
    if (!this.orphan) {
      const { name, namespace } = this.#pod.metadata;
      try {
        await this.#d.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid: this.uid } });
      } catch (e) {
        if (!isNotFound(e) && !isConflict(e)) {
          this.#d.again(this.uid, 1000);
          this.#d.logger.warn({ err: e, pod: name }, 'the last step of the deletion failed, will retry');
          return;
        }
      }
    }
    this.finished = true;
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (!this.orphan) this.#d.events.event({ ...this.#pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
  }
}
