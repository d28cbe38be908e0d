import { systemClock } from '#async/clock.ts';
import type { World } from './world.ts';

/** Yields a whole number from 0 up to, not including, `n`. */
export type Random = (n: number) => number;

/** A reproducible sequence; the seed is printed with the test. */
export function randomSource(seed: number): Random {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** The same each time, so that a failure is one of the change under test; SEED=… looks for others. */
export const seed = Number(process.env.SEED ?? 1);

/** `kill -9` and a new start of the controller manager, again and again, until `stop`, which tells how often. */
export function killing(world: () => World, random: Random): { stop(): Promise<number> } {
  const manager = world().cluster.processes['controller-manager'];
  let running = true;
  const done = (async () => {
    let kills = 0;
    while (running) {
      await systemClock.sleep(1500 + random(2500));
      await manager.kill('SIGKILL');
      await manager.start();
      kills++;
    }
    return kills;
  })();
  return {
    stop() {
      running = false;
      return done;
    },
  };
}

/** Calls `look` again and again while `work` goes on, so that what must hold at all times is seen to hold. */
export async function meanwhile(look: () => Promise<void>, work: () => Promise<unknown>): Promise<void> {
  let working = true;
  const looking = (async () => {
    while (working) await look();
  })();
  try {
    await work();
  } finally {
    working = false;
    await looking;
  }
}
