import { createSemaphore } from '#async/semaphore.ts';
import { LEAST_SHARES } from './shares.ts';

/** A class of quality of service that has a cgroup of its own. */
export type QosClass = 'burstable' | 'besteffort';

/**
 * CPU shares of the classes: burstable pods together count for what they request, the others for next to nothing. Written when they
 * change, one change at a time: of two pods that come at once the sum without the other could be written last.
 */
export class ClassShares {
  readonly #write: (name: QosClass, shares: number) => Promise<void>;
  readonly #burstable = new Map<string, number>();
  readonly #written = new Map<QosClass, number>();
  readonly #one = createSemaphore(1);

  /** @param write makes the class where it is not there, and gives it its shares */
  constructor(write: (name: QosClass, shares: number) => Promise<void>) {
    this.#write = write;
  }

  /** @param shares of the pod; 0: it is not burstable. @throws what `write` throws */
  async set(uid: string, shares: number): Promise<void> {
    this.#burstable.set(uid, shares);
    await this.#settle();
  }

  /** The pod is gone. @throws what `write` throws */
  async drop(uid: string): Promise<void> {
    if (this.#burstable.delete(uid)) await this.#settle();
  }

  #settle(): Promise<void> {
    return this.#one.run(async () => {
      const sum = [...this.#burstable.values()].reduce((a, b) => a + b, 0);
      await this.#put('burstable', Math.max(LEAST_SHARES, sum));
      await this.#put('besteffort', LEAST_SHARES);
    });
  }

  async #put(name: QosClass, shares: number): Promise<void> {
    if (this.#written.get(name) === shares) return;
    await this.#write(name, shares);
    this.#written.set(name, shares);
  }
}
