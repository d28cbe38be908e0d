import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { type ClusterEvent, mayHelp, type WakesOn } from '../framework/events.ts';
import { comesBefore } from '../plugins/priority-sort.ts';
import { Heap } from './heap.ts';

/** A pod waiting to be scheduled. */
export interface QueuedPod {
  pod: Stored<Pod>;
  attempts: number;
  /** Epoch ms of the first try. */
  readonly since: number;
  /** When it was last put in a queue. */
  queuedAt: number;
  /** What may help, from each plugin that rejected it. None: any event. */
  wakesOn: readonly WakesOn[];
}

const BACKOFF = { initialMs: 1000, maxMs: 10_000 };
/** A pod that nothing woke is tried again after this long, in case an event was misjudged. */
const UNSCHEDULABLE_FLUSH_MS = 300_000;

/** Events kept for a pod that is being tried; beyond that, anything may have happened. */
const MAX_MISSED = 256;

interface Missed {
  readonly events: ClusterEvent[];
  tooMany: boolean;
}

function note(missed: Missed, event: ClusterEvent): void {
  if (missed.events.length < MAX_MISSED) missed.events.push(event);
  else missed.tooMany = true;
}

const uidOf = (q: QueuedPod): string => q.pod.metadata.uid;

/**
 * Three places for a waiting pod: ready (by priority, then age), backing off (until a time), unschedulable (until an
 * event its rejecting plugins care about). Bounded by the number of unbound pods.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoffMs: typeof BACKOFF;
  readonly #ready = new Heap<QueuedPod>(uidOf, comesBefore);
  readonly #backoff = new Heap<QueuedPod & { until: number }>(uidOf, (a, b) => a.until < b.until);
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** Events that came while a pod was being tried: they must not be lost for it. */
  readonly #inFlight = new Map<string, Missed>();
  #waiting: ((q: QueuedPod | null) => void) | undefined;
  #timer: Timer | undefined;
  #flush: Timer | undefined;
  #closed = false;

  /** @param backoff pause after the first failure, which doubles with each further one up to a maximum */
  constructor(clock: Clock, backoff: { readonly initialMs: number; readonly maxMs: number } = BACKOFF) {
    this.#clock = clock;
    this.#backoffMs = backoff;
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
    const flying = this.#inFlight.get(uid);
    if (flying) note(flying, { type: 'pod-changed' });
    else this.#makeReady(parked ? { ...parked, pod } : { pod, attempts: 0, since: now, queuedAt: now, wakesOn: [] });
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
    this.#inFlight.set(uidOf(q), { events: [], tooMany: false });
    return q;
  }

  /** The try is over and the pod has a node (or is gone). */
  done(q: QueuedPod): void {
    this.#inFlight.delete(uidOf(q));
  }

  /** The try failed; the pod waits for one of `wakesOn`. */
  park(q: QueuedPod, wakesOn: readonly WakesOn[]): void {
    const missed = this.#inFlight.get(uidOf(q));
    this.#inFlight.delete(uidOf(q));
    q.wakesOn = wakesOn;
    q.queuedAt = this.#clock.now();
    if (missed?.tooMany || missed?.events.some((e) => this.#wakes(q, e))) this.#delay(q);
    else this.#unschedulable.set(uidOf(q), q);
    this.#flush ??= this.#clock.after(UNSCHEDULABLE_FLUSH_MS, () => this.#flushOld(), { unref: true });
  }

  /** The try failed for a passing reason (an API error): again after the back-off. */
  retry(q: QueuedPod): void {
    this.#inFlight.delete(uidOf(q));
    q.queuedAt = this.#clock.now();
    this.#delay(q);
  }

  /** Tries a parked pod again, whatever it waits for. */
  activate(uid: string): void {
    const q = this.#unschedulable.get(uid);
    if (!q) return;
    this.#unschedulable.delete(uid);
    this.#delay(q);
  }

  /** Moves every pod the event may help. */
  wake(event: ClusterEvent): void {
    for (const missed of this.#inFlight.values()) note(missed, event);
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

  #wakes = (q: QueuedPod, e: ClusterEvent): boolean =>
    q.wakesOn.length === 0 || e.type === 'pod-changed' || q.wakesOn.some((w) => mayHelp(w, q.pod, e));

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
    const wait = Math.min(this.#backoffMs.initialMs * 2 ** (q.attempts - 1), this.#backoffMs.maxMs);
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
    this.#timer = this.#clock.after(this.#left(first), () => this.#due());
  }

  /** Milliseconds. More than the longest back-off is none: the clock was set back meanwhile. */
  #left({ until }: { readonly until: number }): number {
    const left = Math.max(0, until - this.#clock.now());
    return left > this.#backoffMs.maxMs ? 0 : left;
  }

  #due(): void {
    for (let q = this.#backoff.peek(); q && this.#left(q) === 0; q = this.#backoff.peek()) {
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
