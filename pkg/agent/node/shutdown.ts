import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Failure } from '../pods/deadline.ts';

/** Pods of at least this priority get so long to end. */
export interface ShutdownStage {
  readonly priority: number;
  readonly graceSeconds: number;
}

export interface NodeShutdownDeps {
  readonly stages: readonly ShutdownStage[];
  /** Pods of this node that have not ended yet, static ones too. */
  readonly pods: () => readonly Stored<Pod>[];
  readonly end: (podUid: string, failure: Failure) => void;
  /** Resolves when nothing runs of the pod any more, and the API knows. */
  readonly ended: (podUid: string, signal: AbortSignal) => Promise<void>;
  /** Tells the API that the node is shutting down. */
  readonly report: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Least priority of a critical pod (system-cluster-critical). */
const CRITICAL = 2_000_000_000;
/** What the status of the last pods gets to reach the API, milliseconds. */
const TELL_MS = 3_000;
export const SHUTTING_DOWN = 'node is shutting down';

/** Said of a pod that comes when the node goes. */
export const shutdownRefusal: Failure = {
  reason: 'NodeShutdown',
  message: 'Pod was rejected as the node is shutting down.',
};

/** From --shutdown-grace-period and --shutdown-grace-period-critical-pods, milliseconds. Pure. @throws RangeError */
export function stagesOf(totalMs: number, criticalMs: number): ShutdownStage[] {
  if (criticalMs > totalMs) throw new RangeError('critical pods cannot be granted more than all pods together');
  if (totalMs === 0) return [];
  const ordinary = { priority: 0, graceSeconds: (totalMs - criticalMs) / 1000 };
  return [ordinary, { priority: CRITICAL, graceSeconds: criticalMs / 1000 }];
}

/** "100000=10s,10000=180s" as durations in milliseconds by priority. Pure. */
export const stagesByPriority = (grants: Readonly<Record<number, number>>): ShutdownStage[] =>
  Object.entries(grants)
    .map(([priority, ms]) => ({ priority: Number(priority), graceSeconds: ms / 1000 }))
    .sort((a, b) => a.priority - b.priority);

export interface ShutdownGroup extends ShutdownStage {
  readonly pods: readonly Stored<Pod>[];
}

/** Each pod in the last stage whose priority it has; those below all are in the first. Stages without pods are left out. Pure. */
export function groupsOf(stages: readonly ShutdownStage[], pods: readonly Stored<Pod>[]): ShutdownGroup[] {
  const sorted = [...stages].sort((a, b) => a.priority - b.priority);
  const stageOf = (p: Stored<Pod>): ShutdownStage | undefined =>
    sorted.findLast((s) => s.priority <= (p.spec?.priority ?? 0)) ?? sorted[0];
  return sorted.map((s) => ({ ...s, pods: pods.filter((p) => stageOf(p) === s) })).filter((g) => g.pods.length > 0);
}

/** The longest the stages can take, milliseconds; 0: pods are not ended. */
export const limitOf = (stages: readonly ShutdownStage[]): number =>
  stages.reduce((ms, s) => ms + s.graceSeconds * 1000 + TELL_MS, 0);

/** Ends the pods of a node that shuts down, the important ones last ("Node Shutdowns", graceful node shutdown). */
export class NodeShutdown {
  readonly #d: NodeShutdownDeps;
  #begun = false;

  constructor(deps: NodeShutdownDeps) {
    this.#d = deps;
  }

  /** Is the node going down? Then it takes no more pods. */
  get begun(): boolean {
    return this.#begun;
  }

  get limitMs(): number {
    return limitOf(this.#d.stages);
  }

  async run(): Promise<void> {
    const { stages, pods, report, logger } = this.#d;
    this.#begun = true;
    const told = report().catch((err: unknown) => logger.warn({ err }, 'the API does not hear of the shutdown'));
    const groups = groupsOf(stages, pods());
    for (const g of groups) await this.#stage(g);
    await told;
  }

  async #stage({ priority, graceSeconds, pods }: ShutdownGroup): Promise<void> {
    const { clock, logger, end, ended } = this.#d;
    logger.info({ priority, graceSeconds, pods: pods.length }, 'ending pods: the node is shutting down');
    const message = 'Pod was terminated in response to imminent node shutdown.';
    for (const p of pods) end(p.metadata.uid, { reason: 'Terminated', message, graceSeconds, disruption: true });
    const over = new AbortController();
    const late = (): void => over.abort(new Error('the time of this priority is over'));
    const timer = clock.after(graceSeconds * 1000 + TELL_MS, late);
    try {
      await Promise.all(pods.map((p) => ended(p.metadata.uid, over.signal)));
    } catch (err) {
      logger.warn({ err, priority }, 'not all pods have ended');
    } finally {
      timer.cancel();
    }
  }
}
