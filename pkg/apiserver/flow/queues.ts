import { createHash } from 'node:crypto';
import type { Timer } from '#async/clock.ts';

export interface Waiting {
  readonly start: () => void;
  readonly timer: Timer;
}

export interface Queuing {
  readonly queues: number;
  /** Queues one flow may be put into. */
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

/**
 * The hand of a flow: `size` different queues out of `queues`, always the same ones. Two flows seldom have all of theirs in
 * common, so that one which fills its own leaves others a way ("API Priority and Fairness", shuffle sharding).
 */
export function handOf(flow: string, { queues, handSize }: Queuing): number[] {
  const digest = createHash('sha256').update(flow).digest();
  const rest = Array.from({ length: queues }, (_, i) => i);
  const hand: number[] = [];
  for (let i = 0; i < Math.min(handSize, queues); i++) {
    // Two bytes a card; a digest has sixteen pairs, which go round again for larger hands.
    const at = digest.readUInt16BE((i * 2) % digest.length) % rest.length;
    hand.push(...rest.splice(at, 1));
  }
  return hand;
}

/** Flows whose hands are remembered. */
const MAX_HANDS = 1000;

/** Queues that are served in turn. */
export class Queues {
  readonly #queuing: Queuing;
  /** Those with somebody waiting, the next one first: a map keeps the order of insertion. */
  readonly #waiting = new Map<number, Waiting[]>();
  readonly #hands = new Map<string, readonly number[]>();
  #size = 0;

  constructor(queuing: Queuing) {
    this.#queuing = queuing;
  }

  get size(): number {
    return this.#size;
  }

  #hand(flow: string): readonly number[] {
    let hand = this.#hands.get(flow);
    if (!hand) {
      if (this.#hands.size >= MAX_HANDS) this.#hands.clear();
      hand = handOf(flow, this.#queuing);
      this.#hands.set(flow, hand);
    }
    return hand;
  }

  /** The shortest queue of the flow's hand; undefined: it is full. */
  place(flow: string): number | undefined {
    const length = (q: number): number => this.#waiting.get(q)?.length ?? 0;
    const hand = this.#hand(flow);
    const shortest = hand.reduce((a, b) => (length(b) < length(a) ? b : a));
    return length(shortest) < this.#queuing.queueLengthLimit ? shortest : undefined;
  }

  put(queue: number, waiting: Waiting): void {
    const row = this.#waiting.get(queue);
    if (row) row.push(waiting);
    else this.#waiting.set(queue, [waiting]);
    this.#size++;
  }

  /** The request whose turn it is. */
  next(): Waiting | undefined {
    const [turn] = this.#waiting;
    if (!turn) return undefined;
    const [queue, row] = turn;
    const first = row.shift();
    this.#waiting.delete(queue);
    if (row.length > 0) this.#waiting.set(queue, row);
    this.#size--;
    return first;
  }

  remove(queue: number, waiting: Waiting): void {
    const row = this.#waiting.get(queue);
    const at = row?.indexOf(waiting) ?? -1;
    if (!row || at < 0) return;
    row.splice(at, 1);
    if (row.length === 0) this.#waiting.delete(queue);
    this.#size--;
  }
}
