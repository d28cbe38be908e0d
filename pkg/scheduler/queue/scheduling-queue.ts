import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import type { ClusterEvent } from '../framework/plugin.ts';
import { Heap } from './heap.ts';

/** A pod waiting to be scheduled. */
export interface QueuedPod {
  pod: Stored<Pod>;
  attempts: number;
  /** Epoch ms of the first try. */
  readonly since: number;
  /** When it was last put in a queue. */
  queuedAt: number;
  /** Events that may help, from the plugins that rejected it. Empty: any. */
  wakesOn: ReadonlySet<ClusterEvent>;
}

const INITIAL_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 10_000;
/** A pod that nothing woke is tried again after this long, in case an event was misjudged. */
const UNSCHEDULABLE_FLUSH_MS = 300_000;

const uidOf = (q: QueuedPod): string => q.pod.metadata.uid;
const priorityOf = (q: QueuedPod): number => q.pod.spec?.priority ?? 0;

/**
 * Three places for a waiting pod: ready (by priority, then age), backing off (until a time), unschedulable (until an
 * event its rejecting plugins care about). Bounded by the number of unbound pods.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #ready = new Heap<QueuedPod>(uidOf, (a, b) =>
    priorityOf(a) === priorityOf(b) ? a.queuedAt < b.queuedAt : priorityOf(a) > priorityOf(b),
  );
  readonly #backoff = new Heap<QueuedPod & { until: number }>(uidOf, (a, b) => a.until < b.until);
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** Events that came while a pod was being tried: they must not be lost for it. */
  readonly #inFlight = new Map<string, Set<ClusterEvent>>();
  #waiting: ((q: QueuedPod | null) => void) | undefined;
  #timer: Timer | undefined;
  #flush: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get sizes(): { ready: number; backoff: number; unschedulable: number } {
    return { ready: this.#ready.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size };
  }

  /** A new unbound pod, or a newer version of one that waits. */
  add(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const waiting = this.#ready.remove(uid) ?? this.#backoff.remove(uid);
    if (waiting) {
      waiting.pod = pod;
      this.#makeReady(waiting);
      return;
    }
    const now = this.#clock.now();
    const parked = this.#unschedulable.get(uid);
    this.#unschedulable.delete(uid);
    if (this.#inFlight.has(uid)) this.#inFlight.get(uid)?.add('pod-changed');
    else
      this.#makeReady(
        parked ? { ...parked, pod } : { pod, attempts: 0, since: now, queuedAt: now, wakesOn: new Set() },
      );
  }

  /** The pod changed in a way that cannot matter for scheduling: only remember the new version. */
  refresh(pod: Stored<Pod>): void {
    const parked = this.#unschedulable.get(pod.metadata.uid);
    if (parked) parked.pod = pod;
  }

  isParked(uid: string): boolean {
    return this.#unschedulable.has(uid);
  }

  remove(uid: string): void {
    this.#ready.remove(uid);
    this.#backoff.remove(uid);
    this.#unschedulable.delete(uid);
  }

  /** Next pod to try; waits for one. null after `close`. */
  next(): Promise<QueuedPod | null> {
    const q = this.#take();
    if (q) return Promise.resolve(q);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #take(): QueuedPod | undefined {
    const q = this.#ready.pop();
    if (!q) return undefined;
    q.attempts++;
    this.#inFlight.set(uidOf(q), new Set());
    return q;
  }

  /** The try is over and the pod has a node (or is gone). */
  done(q: QueuedPod): void {
    this.#inFlight.delete(uidOf(q));
  }

  /** The try failed; the pod waits for one of `wakesOn`. */
  park(q: QueuedPod, wakesOn: ReadonlySet<ClusterEvent>): void {
    const missed = this.#inFlight.get(uidOf(q));
    this.#inFlight.delete(uidOf(q));
    q.wakesOn = wakesOn;
    q.queuedAt = this.#clock.now();
    if (missed && [...missed].some((e) => this.#wakes(q, e))) this.#delay(q);
    else this.#unschedulable.set(uidOf(q), q);
    this.#flush ??= this.#clock.after(UNSCHEDULABLE_FLUSH_MS, () => this.#flushOld(), { unref: true });
  }

  /** The try failed for a passing reason (an API error): again after the back-off. */
  retry(q: QueuedPod): void {
    this.#inFlight.delete(uidOf(q));
    q.queuedAt = this.#clock.now();
    this.#delay(q);
  }

  /** Moves every pod the event may help. */
  wake(event: ClusterEvent): void {
    for (const missed of this.#inFlight.values()) missed.add(event);
    for (const [uid, q] of this.#unschedulable) {
      if (!this.#wakes(q, event)) continue;
      this.#unschedulable.delete(uid);
      this.#delay(q);
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#flush?.cancel();
    this.#waiting?.(null);
    this.#waiting = undefined;
  }

  #wakes = (q: QueuedPod, e: ClusterEvent): boolean => q.wakesOn.size === 0 || q.wakesOn.has(e) || e === 'pod-changed';

  #makeReady(q: QueuedPod): void {
    q.queuedAt = this.#clock.now();
    this.#ready.push(q);
    if (!this.#waiting) return;
    const next = this.#take();
    const resolve = this.#waiting;
    this.#waiting = undefined;
    resolve(next ?? null);
  }

  #delay(q: QueuedPod): void {
    const wait = Math.min(INITIAL_BACKOFF_MS * 2 ** (q.attempts - 1), MAX_BACKOFF_MS);
    const until = q.queuedAt + wait;
    if (until <= this.#clock.now()) this.#makeReady(q);
    else {
      this.#backoff.push({ ...q, until });
      this.#schedule();
    }
  }

  #schedule(): void {
    this.#timer?.cancel();
    const first = this.#backoff.peek();
    if (!first || this.#closed) return;
    this.#timer = this.#clock.after(Math.max(0, first.until - this.#clock.now()), () => this.#due());
  }

  #due(): void {
    for (let q = this.#backoff.peek(); q && q.until <= this.#clock.now(); q = this.#backoff.peek()) {
      this.#backoff.pop();
      this.#makeReady(q);
    }
    this.#schedule();
  }

  #flushOld(): void {
    this.#flush = undefined;
    const before = this.#clock.now() - UNSCHEDULABLE_FLUSH_MS;
    for (const [uid, q] of this.#unschedulable) {
      if (q.queuedAt > before) continue;
      this.#unschedulable.delete(uid);
      this.#makeReady(q);
    }
    if (this.#unschedulable.size > 0 && !this.#closed) {
      this.#flush = this.#clock.after(UNSCHEDULABLE_FLUSH_MS, () => this.#flushOld(), { unref: true });
    }
  }
}
