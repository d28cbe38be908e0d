export interface WindowLimits {
  readonly events: number;
  readonly bytes: number;
}

interface Remembered {
  readonly revision: number;
}

/** Vacated slots at the front are given back in one go from this many on. */
const TRIM_AT = 1024;

/** The newest events of a resource, bounded in number and bytes. Each has a sequence number, counted from 0. */
export class EventWindow<E extends Remembered> {
  readonly #limits: WindowLimits;
  #events: (E | undefined)[] = [];
  #sizes: number[] = [];
  #head = 0;
  #trimmed = 0;
  #bytes = 0;
  #start = 0;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  /** All events after this revision are remembered. */
  get start(): number {
    return this.#start;
  }

  /** Sequence number of the next event. */
  get end(): number {
    return this.#trimmed + this.#events.length;
  }

  /** Forgets everything up to `revision`. Sequence numbers go on. */
  reset(revision: number): void {
    this.#trimmed += this.#events.length;
    this.#events = [];
    this.#sizes = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#start = revision;
  }

  push(event: E, bytes: number): void {
    this.#events.push(event);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    // The newest one always stays.
    while (this.#count > 1 && (this.#count > this.#limits.events || this.#bytes > this.#limits.bytes)) this.#evict();
  }

  get #count(): number {
    return this.#events.length - this.#head;
  }

  #evict(): void {
    this.#start = this.#events[this.#head]?.revision ?? this.#start;
    this.#bytes -= this.#sizes[this.#head] ?? 0;
    this.#events[this.#head] = undefined;
    this.#head++;
    if (this.#head < TRIM_AT || this.#head * 2 < this.#events.length) return;
    this.#trimmed += this.#head;
    this.#events = this.#events.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }

  /** Sequence number of the first remembered event after `revision`; `end` if there is none. */
  firstAfter(revision: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#trimmed + low;
  }

  at(sequence: number): E | undefined {
    return this.#events[sequence - this.#trimmed];
  }
}
