import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Logger } from '#process/logger.ts';
import {
  best,
  type Failure,
  failureOf,
  type Placement,
  type SchedulingCycle,
  type Search,
} from '../framework/cycle.ts';
import type { Victims } from '../plugins/default-preemption.ts';
import type { ClusterState } from '../snapshot/cluster-state.ts';
import type { Extender } from './extender.ts';

export interface ExtendersDeps {
  readonly extenders: readonly Extender[];
  readonly state: ClusterState;
  readonly logger: Logger;
}

/** Nobody knows what makes an extender change its mind: any event may. */
const ANYTHING: Failure['wakesOn'] = [];

/** Asks the extenders one after another where pods may go, where they should, and whom to push out. */
export class Extenders {
  readonly #deps: ExtendersDeps;

  constructor(deps: ExtendersDeps) {
    this.#deps = deps;
  }

  /** Those that are to be asked about the pod. */
  for(pod: Pod): Extender[] {
    const { extenders } = this.#deps;
    return extenders.length === 0 ? [] : extenders.filter((e) => e.isFor(pod));
  }

  /** The one that binds the pod instead of the scheduler. */
  binderOf(pod: Pod): Extender | undefined {
    return this.for(pod).find((e) => e.config.bindVerb);
  }

  /**
   * The best node by the plugins and these extenders.
   * @throws Error when one that is not ignorable could not be asked, or when meanwhile no node is left
   */
  async place(
    pod: Stored<Pod>,
    cycle: SchedulingCycle,
    extenders: readonly Extender[],
    signal: AbortSignal,
  ): Promise<Placement> {
    const { state } = this.#deps;
    const found = cycle.find(pod, state);
    if ('node' in found) return found;
    const passed = await this.#filter(pod, found, extenders, signal);
    if (passed.feasible.length === 0) {
      return { ...failureOf(passed, state.nodes().length), wakesOn: ANYTHING };
    }
    const points = await this.#points(pod, passed, extenders, signal);
    // The cluster went on while they thought.
    const { active, feasible } = cycle.again(pod, state, passed.feasible);
    if (feasible.length === 0) throw new Error('the cluster changed while extenders were asked');
    return { node: best(active, feasible, points), feasible: feasible.length };
  }

  async #filter(pod: Stored<Pod>, found: Search, extenders: readonly Extender[], signal: AbortSignal): Promise<Search> {
    let feasible = found.feasible;
    const resolvable = [...found.resolvable];
    const counts = new Map(found.counts);
    for (const extender of extenders) {
      if (!extender.config.filterVerb || feasible.length === 0) continue;
      const asked = feasible;
      const answer = await this.#unlessIgnorable(extender, () => extender.filter(pod, asked, signal));
      if (!answer) continue;
      feasible = [...answer.passed];
      const out = new Map([...answer.failed, ...answer.unresolvable]);
      for (const why of out.values()) counts.set(why, (counts.get(why) ?? 0) + 1);
      resolvable.push(...asked.filter((n) => answer.failed.has(n.name) && !answer.unresolvable.has(n.name)));
    }
    return { ...found, feasible, resolvable, counts };
  }

  /** Points are advice: what cannot be had is left out. */
  async #points(
    pod: Stored<Pod>,
    { feasible }: Search,
    extenders: readonly Extender[],
    signal: AbortSignal,
  ): Promise<Map<string, number>> {
    const points = new Map<string, number>();
    if (feasible.length === 1) return points;
    const asked = extenders.filter((e) => e.config.prioritizeVerb);
    const answers = await Promise.allSettled(asked.map((e) => e.prioritize(pod, feasible, signal)));
    for (const answer of answers) {
      if (answer.status === 'rejected') this.#deps.logger.warn({ err: answer.reason }, 'an extender gave no scores');
      else for (const [node, n] of answer.value) points.set(node, (points.get(node) ?? 0) + n);
    }
    return points;
  }

  /** What the extenders leave of the nodes that could be emptied. @throws Error of one that is not ignorable */
  async preempt(pod: Stored<Pod>, candidates: readonly Victims[], signal: AbortSignal): Promise<readonly Victims[]> {
    let left = candidates;
    for (const extender of this.for(pod)) {
      if (!extender.config.preemptVerb || left.length === 0) continue;
      const asked = left;
      left = (await this.#unlessIgnorable(extender, () => extender.preempt(pod, asked, signal))) ?? left;
    }
    return left;
  }

  async #unlessIgnorable<T>(extender: Extender, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (e) {
      if (!extender.config.ignorable) throw e;
      this.#deps.logger.warn({ err: e }, 'an extender was ignored');
      return undefined;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#deps.extenders.map((e) => e.close()));
  }
}
