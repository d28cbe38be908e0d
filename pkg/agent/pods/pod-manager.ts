import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Timer } from '#async/clock.ts';
import { createLatestWorker, type LatestWorker } from '#async/latest-worker.ts';
import type { Informer } from '#client/types.ts';
import { PodWorker, type PodWorkerDeps } from './pod-worker.ts';

const RETRY_MS = 2000;

/** One worker per pod of this node, woken by the API, the runtime, probes and timers. */
export class PodManager {
  readonly #deps: PodWorkerDeps;
  readonly #pods: Informer<Pod>;
  readonly #workers = new Map<string, PodWorker>();
  readonly #timers = new Map<string, Timer>();
  readonly #lanes: LatestWorker<true>;

  constructor(deps: Omit<PodWorkerDeps, 'again'>, pods: Informer<Pod>) {
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
  async start(): Promise<void> {
    const known = new Set<string>();
    const adopted: Promise<void>[] = [];
    for (const pod of this.#pods.lister.list()) {
      known.add(pod.metadata.uid);
      adopted.push(this.#worker(pod).adopt());
    }
    await Promise.allSettled(adopted);
    for (const uid of this.#deps.view.podUids()) if (!known.has(uid)) this.#orphan(uid);
    this.#pods.addHandlers({
      onAdd: (p) => this.#seen(p),
      onUpdate: (_old, p) => this.#seen(p),
      onDelete: (p) => this.#gone(p),
    });
    for (const uid of this.#workers.keys()) this.wake(uid);
  }

  /** Something happened that may concern the pod. */
  wake(uid: string): void {
    if (this.#workers.has(uid)) this.#lanes.update(uid, true);
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

  #seen(pod: Stored<Pod>): void {
    this.#worker(pod).update(pod);
    this.wake(pod.metadata.uid);
  }

  /** The API forgot the pod (force deletion): what runs of it must go. */
  #gone(pod: Stored<Pod>): void {
    const w = this.#workers.get(pod.metadata.uid);
    if (!w) return;
    w.update(pod);
    w.orphan = true;
    this.wake(pod.metadata.uid);
  }

  /** Containers of a pod the API does not know: deleted while the agent was away. */
  #orphan(uid: string): void {
    const r = this.#deps.view.any(uid);
    if (!r) return;
    this.#deps.logger.info({ pod: `${r.namespace}/${r.pod}`, uid }, 'removing what is left of a pod that is gone');
    const pod = {
      metadata: { name: r.pod, namespace: r.namespace, uid, resourceVersion: '0', creationTimestamp: '' },
      spec: { containers: [] },
    } as unknown as Stored<Pod>;
    const w = this.#worker(pod);
    w.orphan = true;
    this.wake(uid);
  }

  async #sync(uid: string): Promise<void> {
    const w = this.#workers.get(uid);
    if (!w) return;
    await w.sync();
    if (!w.finished) return;
    this.#workers.delete(uid);
    this.#timers.get(uid)?.cancel();
    this.#timers.delete(uid);
  }

  /** The earliest wish counts. */
  #later(uid: string, ms: number): void {
    this.#timers.get(uid)?.cancel();
    this.#timers.set(
      uid,
      this.#deps.clock.after(Math.max(0, ms), () => {
        this.#timers.delete(uid);
        this.wake(uid);
      }),
    );
  }

  async drain(): Promise<void> {
    for (const t of this.#timers.values()) t.cancel();
    await this.#lanes.drain();
  }
}
