import { isFinal } from '#api/kinds/core/pod/phase.ts';
import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Pod, PodStatus } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';
import { buildStatus, outcomeOf } from '../status/build.ts';
import { toldFailure } from '../status/conditions.ts';
import type { StatusInput } from '../status/input.ts';
import { removePod } from '../status/replaced.ts';
import { rejection } from './admission.ts';
import { appArmorRefusal } from './apparmor.ts';
import { specHash } from './container-config.ts';
import { allContainers } from './containers.ts';
import { deadlineOf, deadlinePassed, type Failure } from './deadline.ts';
import { type Action, plan, restarts, type Unhealthy } from './plan.ts';
import { PodContext, type PodWorkerDeps } from './pod-context.ts';
import { type PendingResize, pendingResize, type Resize, resizeOf } from './resize.ts';
import { Starter } from './starter.ts';
import { Stopper } from './stopper.ts';
import { LastWords } from './termination-message.ts';

const RETRY_MS = 1_000;
/** Bounds that cannot be changed now are tried again after this; others may have left the node. */
const RESIZE_RETRY_MS = 5_000;
/** A bound on the actions of one look at the pod; further ones come with the next. */
const MAX_STEPS = 50;
/** Volumes that could not be refreshed are tried again after this. */
const VOLUME_RETRY_MS = 10_000;

/** Everything one pod needs from start to end: observe → plan → one action → publish → repeat. */
export class PodWorker {
  readonly #pod: PodContext;
  readonly #starter: Starter;
  readonly #stopper: Stopper;
  readonly #startedAt: number;
  readonly #lastWords = new LastWords();
  /** What volumes or variables are made of changed. */
  #sourcesChanged = false;
  #released = false;
  /** Nothing will be started any more; something may still run. */
  #closing = false;
  /** The status of a static pod before the API shows it. */
  #unshown: PodStatus = {};
  #pendingResize: PendingResize | undefined;
  finished = false;

  constructor(deps: PodWorkerDeps, pod: Stored<Pod>) {
    this.#pod = new PodContext(deps, pod);
    this.#starter = new Starter(this.#pod);
    this.#stopper = new Stopper(this.#pod);
    this.#startedAt = deps.clock.now();
  }

  get #d(): PodWorkerDeps {
    return this.#pod.deps;
  }

  get pod(): Stored<Pod> {
    return this.#pod.pod;
  }

  update(pod: Stored<Pod>): void {
    const { labels, annotations } = this.#pod.pod.metadata;
    if (!sameJson([labels, annotations], [pod.metadata.labels, pod.metadata.annotations])) this.#sourcesChanged = true;
    this.#pod.renew(pod);
    this.#d.publisher.seen(pod);
    if (this.#pod.terminating) this.#pod.end();
  }

  /** An object changed that its volumes or variables refer to. */
  sourceChanged(): void {
    this.#sourcesChanged = true;
    for (const c of allContainers(this.#pod.pod)) {
      if (this.#pod.restarts.waiting(c.name)?.reason === 'CreateContainerConfigError') this.#pod.restarts.clear(c.name);
    }
  }

  /** What the API shows of this static pod now. */
  mirrored(mirror: Stored<Pod> | undefined): void {
    const before = this.#pod.mirror;
    if (before && before.metadata.uid !== mirror?.metadata.uid) {
      this.#unshown = this.#d.publisher.newest(before);
      this.#d.publisher.forget(before.metadata.uid);
    }
    this.#pod.mirror = mirror;
    if (mirror) this.#d.publisher.seen(mirror);
  }

  /** The node needs what the pod holds. */
  evict(failure: Failure): void {
    if (!this.#terminal && !this.#pod.terminating) this.#pod.fail(failure);
  }

  /** The pod left the API: what runs of it must go, and nobody is told. */
  abandon(): void {
    this.#pod.orphan = true;
    this.#pod.end();
  }

  /** The pod with the status this node gave it last, which the API may not show yet. */
  get #newest(): Stored<Pod> {
    const { pod } = this.#pod;
    const { shown } = this.#pod;
    const status = shown ? this.#d.publisher.newest(shown) : this.#unshown;
    return { ...pod, status };
  }

  /** Brings the pod one or more steps further, until only waiting is left. */
  async sync(): Promise<void> {
    for (let step = 0; step < MAX_STEPS && !this.finished; step++) {
      await this.#observe();
      // It may have ended since: nothing is told of an end before its last words are known.
      if (this.#lastWords.missing(this.pod, this.#d.view.pod(this.#pod.uid)).length > 0) continue;
      const action = this.#plan();
      // What it has come to changes what is to be done.
      if (!this.#leaves(action) && this.#publish()) continue;
      if (action.do === 'wait') {
        if (action.untilMs !== undefined) this.#again(action.untilMs);
        await (this.#terminal ? this.#releaseVolumes() : this.#refreshVolumes());
        return;
      }
      if (!(await this.#act(action))) return;
    }
    if (!this.finished) this.#d.again(this.#pod.uid, RETRY_MS);
  }

  /** It goes with this step, and how it ended was told: that its sandbox is gone as well is no news to anybody. */
  #leaves(action: Action): boolean {
    return action.do === 'finish' && !this.pod.metadata.finalizers?.length && isFinal(this.#newest.status?.phase);
  }

  #again(at: number): void {
    this.#d.again(this.#pod.uid, at - this.#d.clock.now());
  }

  /** Takes notice of containers that ended or run. */
  async #observe(): Promise<void> {
    const { view, prober, clock, volumes, runtime: docker } = this.#d;
    const { pod, uid } = this.#pod;
    const runtime = view.pod(uid);
    // A pod that ends needs none, and must not wait for a network that cannot give it one.
    const addressed = this.#pod.podIp !== '' || this.#pod.terminating || this.#terminal;
    if (runtime.sandbox?.state === 'running' && !addressed) await this.#starter.address(runtime.sandbox.id);
    await this.#lastWords.read(pod, view, { podDir: volumes.podDir(uid), runtime: docker });
    this.#considerResize(runtime);
    for (const c of allContainers(pod)) {
      const [r] = runtime.containers.get(c.name) ?? [];
      if (r?.state === 'running') {
        this.#pod.restarts.clear(c.name);
        const probed = this.#starter.hooked(r.id) && this.#pod.podIp !== '' && !this.#stopper.stopping.has(r.id);
        if (probed && !this.#pod.orphan) prober.watch(this.#newest, c, r, this.#pod.podIp);
      } else if (r?.state === 'exited') {
        this.#ended(r);
        const isInit = pod.spec?.initContainers?.includes(c as never) ?? false;
        const policy = c.restartPolicy ?? pod.spec?.restartPolicy;
        const done = isInit && r.exitCode === 0 && !isSidecar(c);
        if (done || !restarts(policy, r.exitCode)) continue;
        const news = this.#pod.restarts.ended(c, r, { pod: this.#pod.label, now: clock.now() });
        if (news?.reason === 'CrashLoopBackOff')
          this.#pod.event(
            'Warning',
            'BackOff',
            `Back-off restarting failed container ${c.name} in pod ${this.#pod.label}`,
          );
      }
    }
    const { containers } = runtime;
    const begun = containers.size > 0 || this.#terminal || this.#pod.terminating;
    const refused = begun ? undefined : await this.#refusal();
    if (refused && !this.#pod.terminating) this.#pod.fail(refused);
    const deadline = deadlineOf(this.#newest);
    if (deadline !== undefined && !this.#pod.terminating && !this.#terminal) {
      if (deadline > clock.now()) this.#again(deadline);
      else this.#pod.fail(deadlinePassed, 'Normal');
    }
  }

  /** Why this node does not start the pod, when it does not. */
  async #refusal(): Promise<Failure | undefined> {
    const { refusal, pressures, appArmor, admitted, unsafeSysctls: unsafe } = this.#d;
    const { pod } = this.#pod;
    return refusal() ?? rejection(pod, pressures(), unsafe) ?? appArmorRefusal(pod, appArmor) ?? admitted.admit(pod);
  }

  #ended(r: ContainerRecord): void {
    this.#d.prober.forget(r.id);
    this.#stopper.forget(r.id);
    this.#starter.forget(r.id);
  }

  get #terminal(): boolean {
    return this.#pod.failure !== undefined || this.#closing || isFinal(this.#newest.status?.phase);
  }

  /** Resolves when what is known of the pod's end is in the API. */
  async told(): Promise<void> {
    const { shown } = this.#pod;
    if (shown) await this.#d.publisher.written(shown.metadata.uid);
  }

  /** It is being ended, or has come to its end. */
  get ending(): boolean {
    return this.#pod.terminating || this.#terminal;
  }

  /** Everything is down, and this was handed over to be told. */
  get ended(): boolean {
    return this.over && (this.#pod.orphan || isFinal(this.#newest.status?.phase));
  }

  /** Everything is down, and nothing will be started any more. */
  get over(): boolean {
    if (!this.ending) return false;
    return [...this.#d.view.pod(this.#pod.uid).containers.values()].every(([r]) => r?.state !== 'running');
  }

  /** It is over, its volumes are given back, and the API shows how it ended. */
  get cleaned(): boolean {
    return this.finished || (this.#released && this.over && isFinal(this.pod.status?.phase));
  }

  #plan(): Action {
    const { view, prober, clock } = this.#d;
    const { uid, restarts: back } = this.#pod;
    const runtime = view.pod(uid);
    const unhealthy = new Map<string, Unhealthy>();
    for (const [r] of runtime.containers.values()) {
      const why = r?.state === 'running' ? (prober.unhealthy(r) ?? this.#starter.failedHook(r.id)) : undefined;
      if (r && why) unhealthy.set(r.id, why);
    }
    return plan({
      pod: this.#newest,
      runtime,
      terminating: this.#pod.terminating,
      graceSeconds: this.#stopper.graceSeconds,
      graceOver: this.#stopper.graceOver,
      now: clock.now(),
      notBefore: (name) => (this.#starter.pulling(name) ? Number.POSITIVE_INFINITY : back.notBefore(name)),
      unhealthy,
      started: (r, c) => this.#starter.hooked(r.id) && prober.started(r, c),
      stopping: this.#stopper.stopping,
      told: this.#stopper.told,
      hashOf: specHash,
      resizeOf: (c, r) => (this.#pendingResize ? undefined : resizeOf(c, r)),
      terminal: this.#terminal,
    });
  }

  /** @returns whether it turned out that the pod has come to its end. */
  #publish(): boolean {
    if (this.#pod.orphan) return false;
    const { clock, publisher, prober, images, hostIps, view } = this.#d;
    const { podIps, uid } = this.#pod;
    const input: StatusInput = {
      pod: this.#newest,
      runtime: view.pod(uid),
      podIps,
      hostIps,
      now: clock.now(),
      startedAt: this.#startedAt,
      failure: this.#pod.failure,
      pendingResize: this.#pendingResize,
      over: this.over,
      waiting: (name) => this.#pod.restarts.waiting(name),
      message: (id) => this.#lastWords.of(id),
      ready: (r, c) => !this.#stopper.withdrawn(r.id) && prober.ready(r, c),
      started: (r, c) => this.#starter.hooked(r.id) && prober.started(r, c),
      imageId: (image) => images.idOf(image),
    };
    const { shown } = this.#pod;
    const status = buildStatus(input);
    if (shown) publisher.publish(shown, status);
    else this.#unshown = status;
    const news = !this.#closing && isFinal(outcomeOf(input));
    this.#closing ||= news;
    return news;
  }

  /** @returns false when the next look comes by an event or timer. */
  async #act(action: Exclude<Action, { do: 'wait' }>): Promise<boolean> {
    switch (action.do) {
      case 'createSandbox':
        return this.#starter.sandbox(action.attempt);
      case 'removeSandboxes':
      case 'remove':
        await Promise.all(action.ids.map((id) => this.#starter.remove(id)));
        return true;
      case 'resize':
        return this.#resize(action.targets);
      case 'start':
        await this.#starter.all(action.containers);
        return true;
      case 'kill':
        this.#stopper.kill(action.targets, action.later);
        this.#publish();
        return false;
      case 'finish':
        await this.#finish();
        return false;
    }
  }

  async #resize(targets: readonly Resize[]): Promise<boolean> {
    const { runtime, clock, logger, cgroups } = this.#d;
    await cgroups?.loosen(this.#pod.pod);
    for (const { record, limits } of targets) {
      try {
        await runtime.resize(record.id, limits);
        record.limits = limits;
      } catch (err) {
        logger.warn({ err, container: record.name }, 'the bounds of a container could not be changed, will retry');
        this.#again(clock.now() + RESIZE_RETRY_MS);
        return false;
      }
    }
    await cgroups?.ensure(this.#pod.pod);
    return true;
  }

  /** Whether the node has room for what the pod asks for now, if that is not what it has. */
  #considerResize(runtime: PodRuntime): void {
    const { pods, node, clock } = this.#d;
    const { pod, uid, terminating } = this.#pod;
    const waiting = allContainers(pod).some((c) => {
      const [r] = runtime.containers.get(c.name) ?? [];
      return r?.state === 'running' && resizeOf(c, r) !== undefined;
    });
    this.#pendingResize = undefined;
    if (!waiting || terminating) return;
    const others = [...pods.list()].filter((p) => p.metadata.uid !== uid);
    this.#pendingResize = pendingResize(pod, others, node()?.status?.allocatable ?? {});
    if (this.#pendingResize) this.#again(clock.now() + RESIZE_RETRY_MS);
  }

  /** After a restart of the agent: finds what runs of the pod. */
  async adopt(): Promise<void> {
    const { sandbox, containers } = this.#d.view.pod(this.#pod.uid);
    if (sandbox || containers.size > 0) this.#d.admitted.note(this.#pod.uid);
    this.#sourcesChanged = true;
    this.#pod.failure = toldFailure(this.pod.status ?? {});
    if (sandbox?.state !== 'running') return;
    await this.#d.cgroups?.ensure(this.#pod.pod);
    await this.#starter.address(sandbox.id);
    await this.#d.networks.check(sandbox.id).catch((e: Error) => {
      this.#pod.event('Warning', 'NetworkCheckFailed', `The network of the pod is not as it was made: ${e.message}`);
    });
  }

  /** A pod that ended needs its volumes no more. */
  async #releaseVolumes(): Promise<void> {
    if (this.#released || this.#pod.terminating || !this.over) return;
    await this.#d.volumes.release(this.#pod.uid);
    this.#released = true;
  }

  /** Brings new content to a running pod. */
  async #refreshVolumes(): Promise<void> {
    const { clock, volumes, logger } = this.#d;
    const { pod, uid, terminating, podIp } = this.#pod;
    if (terminating || !podIp) return;
    const due = volumes.refreshAt(uid) ?? Number.POSITIVE_INFINITY;
    if (this.#sourcesChanged || due <= clock.now()) {
      this.#sourcesChanged = false;
      try {
        this.#pod.paths = await volumes.prepare(pod, this.#pod.place);
      } catch (e) {
        this.#sourcesChanged = true;
        this.#again(clock.now() + VOLUME_RETRY_MS);
        logger.debug({ err: e, pod: this.#pod.label }, 'volumes could not be refreshed');
        return;
      }
    }
    const next = volumes.refreshAt(uid);
    if (next !== undefined) this.#again(next);
  }

  async #finish(): Promise<void> {
    const { volumes, publisher, client, again, logger } = this.#d;
    const { pod, uid, orphan } = this.#pod;
    await volumes.cleanUp(uid);
    await Promise.all([this.#d.networks.release(uid), this.#d.cgroups?.remove(uid)]);
    // Whoever holds the pod back with a finalizer wants to know how it ended.
    if (!orphan && pod.metadata.finalizers?.length) await publisher.written(uid);
    publisher.forget(uid);
    this.#d.links?.free(uid);
    if (!orphan) {
      try {
        await removePod(client, pod);
      } catch (err) {
        again(uid, RETRY_MS);
        logger.warn({ err, pod: this.#pod.label }, 'the last step of the deletion failed, will retry');
        return;
      }
    }
    this.finished = true;
  }
}
