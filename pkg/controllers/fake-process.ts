import { fc } from '@fast-check/vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { type Caller, FakeApi, type Fate } from './fake-api.ts';
import { fakeDeps } from './fake-deps.ts';
import { NOW } from './fixtures.ts';
import type { Controller, ControllerDeps } from './harness/controller.ts';

/** More work than this without an end is a loop. */
const MAX_TURNS = 2000;

/** What happens around a controller, and how often; `WEATHER` of them, and a number of its own. */
const WEATHER = {
  tell: 6,
  tellKind: 4,
  turn: 4,
  serve: 8,
  lost: 1,
  unanswered: 1,
  slow: 2,
  /** It works through what waits, with what its caches show. */
  work: 6,
  /** All that happened is heard of, and all work done. */
  calm: 3,
  kill: 1,
} as const;
type Weather = keyof typeof WEATHER;
const isWeather = (what: string): what is Weather => what in WEATHER;

/** What may become of a call, for `begin`. */
export const FATES: readonly [Fate, ...Fate[]] = ['done', 'lost', 'unanswered', 'slow'];

/** The one that a number of a step means. */
export const pick = <T>(from: readonly [T, ...T[]], i: number): T => from[i % from.length] ?? from[0];

/** What happens next, and two numbers that say to what. */
export type Step<Deed extends string> = readonly [what: Deed | Weather, i: number, j: number];

/** @param deeds what others do, and how often, beside the weather. @returns steps of a walk */
export function walks<Deed extends string>(deeds: Readonly<Record<Deed, number>>): fc.Arbitrary<Step<Deed>[]> {
  const weights = Object.entries({ ...WEATHER, ...deeds }) as [Deed | Weather, number][];
  const what = fc.oneof(...weights.map(([value, weight]) => ({ weight, arbitrary: fc.constant(value) })));
  return fc.array(fc.tuple(what, fc.nat(11), fc.nat(11)), { minLength: 10, maxLength: 90, size: 'max' });
}

/** A controller at work, one key at a time. */
interface Lane {
  readonly controller: Controller;
  readonly by: Caller;
  readonly waiting: Set<string>;
  isBusy: boolean;
  /** Resolves when the work has come to a call, or to its end. */
  paused: PromiseWithResolvers<void>;
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * For randomised unit tests: a process of controllers before a fake API. Its calls, its caches, the clock and its end are
 * moved on by the test, one at a time; what fails is tried again.
 */
export class FakeProcess {
  readonly clock = new FakeClock(NOW);
  readonly api = new FakeApi(() => this.clock.now());
  /** When the process that runs began, epoch milliseconds. */
  startedAt = NOW;
  readonly #kinds: readonly { readonly kind: string }[];
  readonly #controllers: readonly ((deps: ControllerDeps) => Controller)[];
  #lanes: readonly Lane[] = [];
  #caches = this.api.newCaches();

  /** @param kinds what is watched; each is heard of in its own time */
  constructor(kinds: readonly { readonly kind: string }[], ...controllers: ((deps: ControllerDeps) => Controller)[]) {
    this.#kinds = kinds;
    this.#controllers = controllers;
    this.#start();
  }

  #start(): void {
    this.startedAt = this.clock.now();
    this.#caches = this.api.newCaches();
    this.#lanes = this.#controllers.map((make) => {
      const by: Caller = { alive: true, since: 0, open: 0, onCall: () => lane.paused.resolve() };
      const deps = fakeDeps(this.#caches, this.api.client(by), this.clock);
      const controller = make(deps);
      const lane: Lane = { controller, by, waiting: new Set(), isBusy: false, paused: Promise.withResolvers() };
      const enqueue = (key: string): void => void lane.waiting.add(key);
      for (const watch of controller.watches) watch.attach(deps.informers, enqueue);
      controller.start?.(enqueue);
      return lane;
    });
  }

  /** The object as its caches show it. */
  seen({ kind }: { readonly kind: string }, key: string): object | undefined {
    return this.#caches.get(kind, key);
  }

  /** Whether its caches show the object. */
  sees(kind: { readonly kind: string }, key: string): boolean {
    return this.seen(kind, key) !== undefined;
  }

  /** `kill -9`, and another one begins. */
  kill(): void {
    for (const { by } of this.#lanes) by.alive = false;
    this.#start();
  }

  /** Begins with a key that waits, unless another one is being looked at. */
  async #turn(lane: Lane, which: number): Promise<void> {
    const key = [...lane.waiting][which % Math.max(1, lane.waiting.size)];
    if (lane.isBusy || key === undefined) return;
    lane.waiting.delete(key);
    lane.isBusy = true;
    lane.by.since = this.api.moment;
    const again = (): void => void lane.waiting.add(key);
    lane.controller
      .reconcile(key, new AbortController().signal)
      .then((outcome) => {
        if (outcome) this.clock.after(outcome.afterMs, again);
      }, again)
      .finally(() => {
        lane.isBusy = false;
        lane.paused.resolve();
      });
    await this.#pause();
  }

  /** Until all that goes on waits for an answer. */
  async #pause(): Promise<void> {
    for (const lane of this.#lanes) {
      await turnOfLoop();
      lane.paused = Promise.withResolvers();
      if (lane.isBusy && lane.by.open === 0) await lane.paused.promise;
    }
    await turnOfLoop();
  }

  async #serve(which: number, fate: Fate): Promise<void> {
    this.api.serve(which, fate);
    await this.#pause();
  }

  /** Begins with a key that waits: some of its calls are answered, the next one meets its fate. */
  async begin(calls: number, fate: Fate): Promise<void> {
    for (const lane of this.#lanes) await this.#turn(lane, 0);
    for (let i = 0; i < calls; i++) await this.#serve(0, 'done');
    await this.#serve(0, fate);
  }

  async #work(): Promise<void> {
    const answered = async (): Promise<void> => {
      while (this.api.calls > 0) await this.#serve(0, 'done');
    };
    await answered();
    for (const lane of this.#lanes) {
      for (let left = lane.waiting.size; left > 0; left--) {
        await this.#turn(lane, 0);
        await answered();
      }
    }
  }

  /**
   * Everybody hears of everything and nothing fails, until there is nothing left to do.
   * @throws Error when it does not come to an end
   */
  async calm(): Promise<void> {
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      await this.#work();
      this.api.tellAll();
      if (this.api.calls === 0 && this.#lanes.every((l) => l.waiting.size === 0)) return;
    }
    throw new Error(`it goes on for ever: ${this.#lanes.flatMap((l) => [...l.waiting]).join(', ')}`);
  }

  /** Time passes. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.#pause();
  }

  async #weather(what: Weather, i: number): Promise<void> {
    const kind = this.#kinds[i % this.#kinds.length] ?? { kind: '' };
    if (what === 'tell') this.api.tell(kind);
    else if (what === 'tellKind') while (this.api.tell(kind));
    else if (what === 'turn') for (const lane of this.#lanes) await this.#turn(lane, i);
    else if (what === 'work') await this.#work();
    else if (what === 'calm') await this.calm();
    else if (what === 'kill') this.kill();
    else await this.#serve(i, what === 'serve' ? 'done' : what);
  }

  /** Does what a step says. @param deed does those of others */
  async step<Deed extends string>([what, i, j]: Step<Deed>, deed: (what: Deed, i: number, j: number) => unknown) {
    if (isWeather(what)) await this.#weather(what, i);
    else await deed(what, i, j);
  }
}
