import { errors } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { Queues, type Queuing, type Waiting } from './queues.ts';

export interface LevelLimits {
  /** Seats that nobody else may take. */
  readonly guaranteed: number;
  /** Seats it may take while others leave theirs free. */
  readonly most: number;
  /** How requests wait; undefined: they do not. */
  readonly queuing?: Queuing;
}

/** How long a request waits at most, milliseconds: a quarter of a request's time. */
const WAIT_MS = 15_000;
/** Seconds after which a client that was turned away should come back. */
const RETRY_AFTER_S = 1;

const tooMany = (): Error => errors.tooManyRequests('too many requests, please try again later', RETRY_AFTER_S);

/** What levels share. */
export interface Room {
  /** Whether somebody may take a seat beyond those guaranteed. */
  spare(): boolean;
  /** A seat is free: whoever waits may have become able to begin. */
  freed(): void;
}

/** A bounded number of requests at a time; those that wait are served by turns of their queues. */
export class PriorityLevel {
  readonly #room: Room;
  readonly #clock: Clock;
  #limits: LevelLimits;
  #queues: Queues | undefined;
  #active = 0;

  constructor(limits: LevelLimits, room: Room, clock: Clock) {
    this.#room = room;
    this.#clock = clock;
    this.#limits = limits;
    this.#queues = limits.queuing && new Queues(limits.queuing);
  }

  /** New limits for requests that come from now on; those that wait are let in or go on waiting where they are. */
  change(limits: LevelLimits): void {
    const { queuing } = limits;
    const old = this.#limits.queuing;
    const same = queuing?.queues === old?.queues && queuing?.handSize === old?.handSize;
    this.#limits = limits;
    if (same && queuing?.queueLengthLimit === old?.queueLengthLimit) return;
    const before = this.#queues;
    this.#queues = queuing && new Queues(queuing);
    for (let w = before?.next(); w; w = before?.next()) this.#begin(w);
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#queues?.size ?? 0;
  }

  /** Seats that are not to be had by others, taken or not. */
  get reserved(): number {
    return Math.max(this.#active, this.#limits.guaranteed);
  }

  get #free(): boolean {
    if (this.#active < this.#limits.guaranteed) return true;
    return this.#active < this.#limits.most && this.#room.spare();
  }

  /** Takes a seat at once if one is free. Give it back by `leave`. */
  tryEnter(): boolean {
    if (!this.#free) return false;
    this.#active++;
    return true;
  }

  /** Waits for a seat. @throws StatusError 429 when it may not wait, its queue is full or it takes too long */
  async enter(flow: string): Promise<void> {
    const queues = this.#queues;
    const queue = queues?.place(flow);
    if (!queues || queue === undefined) throw tooMany();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#clock.after(WAIT_MS, () => {
      queues.remove(queue, waiting);
      reject(tooMany());
    });
    const waiting: Waiting = { start: resolve, timer };
    queues.put(queue, waiting);
    await promise;
  }

  leave(): void {
    this.#active--;
    this.#room.freed();
  }

  /** Lets in whoever may begin now. */
  admitWaiting(): void {
    while (this.#queues && this.#queues.size > 0 && this.#free) {
      const next = this.#queues.next();
      if (next) this.#begin(next);
    }
  }

  #begin(w: Waiting): void {
    this.#active++;
    w.timer.cancel();
    w.start();
  }
}
