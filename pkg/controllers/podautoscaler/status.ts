import type { HorizontalPodAutoscaler } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Bounded } from './behavior.ts';

export type Status = NonNullable<HorizontalPodAutoscaler['status']>;
type Condition = NonNullable<Status['conditions']>[number];
export type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited';

interface Told {
  readonly reason: string;
  readonly message: string;
}

/** What stands in the way of scaling, as a condition. */
export class Obstacle extends Error {
  readonly type: ConditionType;
  readonly reason: string;
  readonly event: Told;

  /** @param event as which it is told, if not in the words of the condition */
  constructor(type: ConditionType, reason: string, message: string, event: Told = { reason, message }) {
    super(message);
    this.type = type;
    this.reason = reason;
    this.event = event;
  }
}

/** A status on its way: each step of a look notes what it found, and what stops a later one does not lose it. */
export class StatusDraft {
  #status: Status;
  readonly #now: number;

  constructor(before: Status | undefined, now: number) {
    this.#now = now;
    this.#status = {
      ...before,
      desiredReplicas: before?.desiredReplicas ?? 0,
      currentMetrics: before?.currentMetrics ?? [],
    };
  }

  get status(): Status {
    return this.#status;
  }

  set(fields: Partial<Status>): void {
    this.#status = { ...this.#status, ...fields };
  }

  /** `said`: reason and message. The time is that of the last change of True and False. */
  condition(type: ConditionType, holds: boolean, [reason, message]: readonly [string, string]): void {
    const conditions = this.#status.conditions ?? [];
    const at = conditions.findIndex((c) => c.type === type);
    const old = conditions[at];
    const status = holds ? 'True' : 'False';
    const lastTransitionTime = (old?.status === status && old.lastTransitionTime) || apiTime(this.#now);
    const next: Condition = { type, status, reason, message, lastTransitionTime };
    this.set({ conditions: old ? conditions.with(at, next) : [...conditions, next] });
  }

  /** What was decided, and whether the target was told. */
  decided(outcome: Bounded, rescaled: boolean): void {
    this.set({ desiredReplicas: outcome.replicas, ...(rescaled ? { lastScaleTime: apiTime(this.#now) } : {}) });
    this.condition('AbleToScale', true, rescaled ? told(outcome.replicas) : STEADY[outcome.stabilized ?? 'not']);
    const { limited } = outcome;
    const free = ['DesiredWithinRange', 'the desired count is within the acceptable range'] as const;
    this.condition('ScalingLimited', limited !== undefined, limited ?? free);
  }
}

const told = (replicas: number): readonly [string, string] => [
  'SucceededRescale',
  `the HPA controller was able to update the target scale to ${replicas}`,
];
const STEADY = {
  not: ['ReadyForNewScale', 'recommended size matches current size'],
  up: [
    'ScaleUpStabilized',
    'recent recommendations were lower than current one, applying the lowest recent recommendation',
  ],
  down: [
    'ScaleDownStabilized',
    'recent recommendations were higher than current one, applying the highest recent recommendation',
  ],
} as const;
