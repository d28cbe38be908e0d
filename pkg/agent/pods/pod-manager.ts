import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Timer } from '#async/clock.ts';
import { createLatestWorker, type LatestWorker } from '#async/latest-worker.ts';
import { abortable } from '#async/signals.ts';
import type { Informer } from '#client/types.ts';
import type { Failure } from './deadline.ts';
import { type MirrorPods, mirrored } from './mirror-pods.ts';
import type { PodWorkerDeps } from './pod-context.ts';
import { PodWorker } from './pod-worker.ts';

const RETRY_MS = 2000;
/** Between two looks at whether a pod has ended. */
const LOOK_MS = 100;

export interface PodManagerDeps extends PodWorkerDeps {
  readonly mirrors: MirrorPods;
}

/** One worker per pod of this node, woken by the API, the runtime, probes and timers. */
export class PodManager {
  readonly #deps: PodManagerDeps;
  readonly #pods: Informer<Pod>;
  readonly #workers = new Map<string, PodWorker>();
  readonly #timers = new Map<string, { at: number; timer: Timer }>();
  readonly #lanes: LatestWorker<true>;
  #static: ReadonlyMap<string, Stored<Pod>> = new Map();

  constructor(deps: Omit<PodManagerDeps, 'again'>, pods: Informer<Pod>) {
    this.#deps = { ...deps, again: (uid, ms) => this.#later(uid, ms) };
    this.#pods = pods;
    this.#lanes = createLatestWorker<true>({
      run: (uid) => this.#sync(uid),
      onError: (uid, err) => {
        deps.logger.warn({ err, uid }, 'pod sync failed, will retry');
        this.#later(uid, RETRY_MS);
      },
    });
  }

  /** Adopts what runs and follows the pods from here on. Informer and runtime view must be complete. */
  async start(statics: readonly Stored<Pod>[] = []): Promise<void> {
    const known = new Set<string>();
    const adopted: Promise<void>[] = [];
    for (const pod of [...this.#pods.lister.list(), ...statics]) {
      if (mirrored(pod)) continue;
      known.add(pod.metadata.uid);
      adopted.push(this.#worker(pod).adopt());
    }
    await Promise.allSettled(adopted);
    this.setStatic(statics);
    const { view, volumes, cgroups, networks } = this.#deps;
    const traces = [view.podUids(), await volumes.podUids(), (await cgroups?.podUids()) ?? []];
    for (const uid of new Set(traces.flatMap((uids) => [...uids]))) if (!known.has(uid)) this.#orphan(uid);
    await networks.collect((id) => view.byId(id) !== undefined);
    this.#pods.addHandlers({
      onAdd: (p) => this.#seen(p),
      onUpdate: (_old, p) => this.#seen(p),
      onDelete: (p) => this.#gone(p),
    });
    this.#dropGone();
    for (const uid of this.#workers.keys()) this.wake(uid);
  }

  /** Nobody tells any more of pods that left the API while others were adopted. */
  #dropGone(): void {
    for (const { pod } of [...this.#workers.values()]) {
      const { name, namespace, uid } = pod.metadata;
      const there = this.#pods.lister.get(name, namespace)?.metadata.uid === uid;
      if (!there && !this.#static.has(uid)) this.#gone(pod);
    }
  }

  /** Something happened that may concern the pod. */
  wake(uid: string): void {
    if (this.#workers.has(uid)) this.#lanes.update(uid, true);
  }

  /** An object changed that the pod refers to. */
  sourceChanged(uid: string): void {
    this.#workers.get(uid)?.sourceChanged();
    this.wake(uid);
  }

  /** Ends a pod for the sake of the node. */
  evict(uid: string, failure: Failure): void {
    this.#workers.get(uid)?.evict(failure);
    this.wake(uid);
  }

  /** Pods of this node that have not ended, static ones too. */
  get running(): readonly Stored<Pod>[] {
    return [...this.#workers.values()].filter((w) => !w.over).map((w) => w.pod);
  }

  /** Resolves when nothing runs of a pod any more and the API knows. @throws the signal's reason */
  async ended(uid: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const w = this.#workers.get(uid);
      if (!w) return;
      if (w.ended) return abortable(w.told(), signal);
      await this.#deps.clock.sleep(LOOK_MS, signal);
    }
  }

  /** Resolves when nothing runs of a pod any more. @throws the signal's reason */
  async down(uid: string, signal: AbortSignal): Promise<void> {
    while (this.#workers.get(uid)?.over === false) await this.#deps.clock.sleep(LOOK_MS, signal);
  }

  /** Whether a pod has been told to end, or has. */
  ending(uid: string): boolean {
    return this.#workers.get(uid)?.ending ?? true;
  }

  /** Whether a pod that was ended holds nothing of the node any more but what its containers wrote and logged. */
  cleaned(uid: string): boolean {
    return this.#workers.get(uid)?.cleaned ?? true;
  }

  /** Removes what is left of pods that have ended: nobody can read their logs any more. @returns whether that was anything */
  async removeSpent(): Promise<boolean> {
    const { runtime, view, logger } = this.#deps;
    const ended = [...this.#workers].filter(([, w]) => w.cleaned);
    const ids = ended.flatMap(([uid]) => [...view.pod(uid).containers.values()].flat().map((r) => r.id));
    let any = false;
    for (const id of ids) {
      try {
        await runtime.remove(id);
        view.drop(id);
        any = true;
      } catch (err) {
        logger.warn({ err, container: id }, 'a container of a pod that has ended could not be removed');
      }
    }
    return any;
  }

  get size(): number {
    return this.#workers.size;
  }

  #worker(pod: Stored<Pod>): PodWorker {
    let w = this.#workers.get(pod.metadata.uid);
    if (!w) {
      w = new PodWorker(this.#deps, pod);
      this.#workers.set(pod.metadata.uid, w);
    }
    return w;
  }

  /** All static pods there are now; those that are not among them go. */
  setStatic(pods: readonly Stored<Pod>[]): void {
    const now = new Map(pods.map((p) => [p.metadata.uid, p]));
    for (const [uid, p] of this.#static) if (!now.has(uid)) this.#gone(p);
    for (const [uid, p] of now) {
      if (!this.#static.has(uid)) this.#begin(p);
    }
    this.#static = now;
    this.#deps.mirrors.set(pods);
  }

  #begin(pod: Stored<Pod>): void {
    const { name, namespace, uid } = pod.metadata;
    const shown = this.#pods.lister.get(name, namespace);
    this.#worker(pod).mirrored(shown && mirrored(shown) === uid ? shown : undefined);
    this.wake(uid);
  }

  /** A mirror pod changed, or is no longer there. */
  #mirror(pod: Stored<Pod>, there: boolean): void {
    const uid = mirrored(pod) ?? '';
    this.#workers.get(uid)?.mirrored(there && !pod.metadata.deletionTimestamp ? pod : undefined);
    this.#deps.mirrors.seen();
    this.wake(uid);
  }

  #seen(pod: Stored<Pod>): void {
    if (mirrored(pod)) {
      this.#mirror(pod, true);
      return;
    }
    this.#worker(pod).update(pod);
    this.wake(pod.metadata.uid);
  }

  /** The API forgot the pod (force deletion): what runs of it must go. */
  #gone(pod: Stored<Pod>): void {
    if (mirrored(pod)) {
      this.#mirror(pod, false);
      return;
    }
    const w = this.#workers.get(pod.metadata.uid);
    if (!w) return;
    if (!this.#static.has(pod.metadata.uid)) w.update(pod);
    w.abandon();
    this.wake(pod.metadata.uid);
  }

  /** What is left of a pod the API does not know, which was deleted while the agent was away: removed like any other. */
  #orphan(uid: string): void {
    // Without containers its name is not known.
    const { pod: name, namespace } = this.#deps.view.any(uid) ?? { pod: uid, namespace: '' };
    this.#deps.logger.info({ pod: `${namespace}/${name}`, uid }, 'removing what is left of a pod that is gone');
    const pod = {
      metadata: { name, namespace, uid, resourceVersion: '0', creationTimestamp: '' },
      spec: { containers: [] },
    } as unknown as Stored<Pod>;
    const w = this.#worker(pod);
    w.abandon();
    this.wake(uid);
  }

  async #sync(uid: string): Promise<void> {
    const w = this.#workers.get(uid);
    if (!w) return;
    await w.sync();
    if (!w.finished) return;
    this.#workers.delete(uid);
    this.#timers.get(uid)?.timer.cancel();
    this.#timers.delete(uid);
    // A manifest that was taken away and came back while its pod was ending.
    const again = this.#static.get(uid);
    if (again) this.#begin(again);
  }

  /** The earliest wish counts: whoever is woken says anew what else it waits for. */
  #later(uid: string, ms: number): void {
    const { clock } = this.#deps;
    const at = clock.now() + Math.max(0, ms);
    const known = this.#timers.get(uid);
    if (known && known.at <= at) return;
    known?.timer.cancel();
    const timer = clock.after(at - clock.now(), () => {
      this.#timers.delete(uid);
      this.wake(uid);
    });
    this.#timers.set(uid, { at, timer });
  }

  async drain(): Promise<void> {
    for (const t of this.#timers.values()) t.timer.cancel();
    await this.#lanes.drain();
  }
}
