import { StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { ConnectionError } from '#client/connection-error.ts';
import type { Client } from '#client/types.ts';
import type { Cluster } from '../../../bed/cluster.ts';
import { meanwhile, type Random, randomSource } from '../chaos.ts';
import type { HollowNodes, Policy } from '../hollow.ts';

/** What a walk has to do with. Its namespaces and the choices of its `random` are its own. */
export interface Scene {
  readonly client: Client;
  readonly nodes: HollowNodes;
  readonly random: Random;
  space(): Promise<string>;
  /** How the pods of a namespace fare from now on. */
  fare(namespace: string, policy: Policy): Promise<void>;
}

/** Random deeds about what one controller keeps, what must hold whenever one looks, and what must come of it. */
export interface Walk {
  readonly name: string;
  /** Number of deeds; default 40. */
  readonly deeds?: number;
  start(scene: Scene): Promise<Course>;
}

export interface Course {
  /** One deed. It may fail because of what others do meanwhile: what must come of it is read from the API, not remembered. */
  act(): Promise<unknown>;
  /** What is broken at this moment. */
  look?(): Promise<readonly string[]>;
  /** Takes away what the walk itself put in the way. */
  rest?(): Promise<unknown>;
  /** What is not yet as it must become. */
  missing(): Promise<readonly string[]>;
}

/** One of them. */
export const pick = <T>(random: Random, items: readonly T[]): T | undefined => items[random(items.length)];

/** "namespace/name: what", for each that differs: what is there on the left, what should be on the right. */
export function differences(what: string, found: unknown, wanted: unknown): string[] {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
  return is === should ? [] : [`${what}: is ${is}, should be ${should}`];
}

/** A deed that came too late, too early, or met a server that does not answer: that is what is tried here. */
const isWeather = (e: unknown): boolean => e instanceof StatusError || e instanceof ConnectionError;

export async function attempt(deed: () => Promise<unknown>): Promise<void> {
  try {
    await deed();
  } catch (e) {
    if (!isWeather(e)) throw e;
  }
}

const PAUSE_MS = 500;
const LOOK_MS = 100;

/** Does the deeds of a walk while looking at what must hold. @returns what was broken, each once. */
export async function go(walk: Walk, course: Course, random: Random): Promise<string[]> {
  const broken = new Set<string>();
  const look = async (): Promise<void> => {
    await systemClock.sleep(LOOK_MS);
    await attempt(async () => {
      for (const fault of (await course.look?.()) ?? []) broken.add(fault);
    });
  };
  await meanwhile(look, async () => {
    for (let i = 0; i < (walk.deeds ?? 40); i++) {
      await attempt(() => course.act());
      await systemClock.sleep(random(PAUSE_MS));
    }
  });
  return [...broken];
}

/** Waits until nothing is missing, still looking at what must hold. @returns what is missing or broken at the end. */
export async function settle(course: Course, timeoutMs: number): Promise<string[]> {
  const broken = new Set<string>();
  const end = systemClock.now() + timeoutMs;
  for (;;) {
    let missing: readonly string[] = ['no answer'];
    await attempt(async () => {
      for (const fault of (await course.look?.()) ?? []) broken.add(fault);
      missing = await course.missing();
    });
    if (missing.length === 0 || systemClock.now() > end) return [...broken, ...missing];
    await systemClock.sleep(LOOK_MS);
  }
}

/**
 * `kill -9` of the controller manager, and API servers that stand still for a moment: watches through them lag behind
 * writes through the other. Until `stop`, which tells how often each was done.
 */
export function faults(cluster: Cluster, seed: number): { stop(): Promise<{ kills: number; freezes: number }> } {
  const random = randomSource(seed);
  const manager = cluster.processes['controller-manager'];
  let running = true;
  const done = (async () => {
    let [kills, freezes] = [0, 0];
    // Both happen, however long a start takes and however soon the deeds are done.
    while (running || kills < 2 || freezes === 0) {
      await systemClock.sleep(300 + random(3000));
      if (random(3) === 0 || kills > 3 * (freezes + 1)) {
        const server = cluster.processes[random(2) ? 'apiserver1' : 'apiserver2'];
        server.signal('SIGSTOP');
        await systemClock.sleep(200 + random(1300));
        server.signal('SIGCONT');
        freezes++;
      } else {
        await manager.kill('SIGKILL');
        await manager.start();
        kills++;
      }
    }
    return { kills, freezes };
  })();
  return {
    stop() {
      running = false;
      return done;
    },
  };
}
