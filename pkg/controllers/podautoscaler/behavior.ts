import type { HorizontalPodAutoscaler, HPAScalingRules } from '#api/kinds/index.ts';

/** Something that was advised or done, at a time in epoch milliseconds. */
export interface Past {
  readonly at: number;
  /** Replicas advised; or replicas added (more than 0) or taken away. */
  readonly replicas: number;
}

export interface Memory {
  readonly advice: readonly Past[];
  readonly changes: readonly Past[];
}

type Direction = 'up' | 'down';

export interface Bounded {
  readonly replicas: number;
  readonly limited?: readonly [reason: string, message: string];
  /** Older advice held the change back. */
  readonly stabilized?: Direction;
}

/** How far one policy lets the replicas go now, given what has been changed within its period. */
function reach(
  rules: HPAScalingRules,
  current: number,
  { changes, now, direction }: { changes: readonly Past[]; now: number; direction: Direction },
): number {
  const sign = direction === 'up' ? 1 : -1;
  const ends = (rules.policies ?? []).map(({ type, value = 0, periodSeconds = 15 }) => {
    const recent = changes.filter((c) => c.at > now - periodSeconds * 1000 && c.replicas * sign > 0);
    const start = current - recent.reduce((n, c) => n + c.replicas, 0);
    if (type === 'Pods') return start + sign * value;
    return direction === 'up' ? Math.ceil(start * (1 + value / 100)) : Math.floor(start * (1 - value / 100));
  });
  if (rules.selectPolicy === 'Disabled' || ends.length === 0) return current;
  const farthest = direction === 'up' ? Math.max : Math.min;
  const nearest = direction === 'up' ? Math.min : Math.max;
  return rules.selectPolicy === 'Min' ? nearest(...ends) : farthest(...ends);
}

const UP: HPAScalingRules = {
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DOWN: HPAScalingRules = { policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

/** Pure: where replicas beyond the bounds have to go, whatever the metrics say, even if none can be read. */
export function outOfBounds(
  hpa: HorizontalPodAutoscaler,
  current: number,
): { readonly replicas: number; readonly reason: string } | undefined {
  const { minReplicas = 1, maxReplicas = 1 } = hpa.spec ?? {};
  if (current > maxReplicas)
    return { replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' };
  if (current < minReplicas)
    return { replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' };
  return undefined;
}

export interface Advised {
  readonly current: number;
  readonly advised: number;
  readonly memory: Memory;
  readonly now: number;
  /** Stabilization window of scaling down where the autoscaler names none, seconds. */
  readonly downSeconds?: number;
}

/** Pure: the advice as far as the stabilization window, the policies and the bounds let it through. */
export function bounded(
  hpa: HorizontalPodAutoscaler,
  { current, advised, memory, now, downSeconds = 300 }: Advised,
): Bounded {
  const { behavior, minReplicas = 1, maxReplicas = 1 } = hpa.spec ?? {};
  const within = (seconds: number): number[] => [
    advised,
    ...memory.advice.filter((a) => a.at > now - seconds * 1000).map((a) => a.replicas),
  ];
  // Up only as far as was always advised in the window, down only as far.
  const up = Math.min(...within(behavior?.scaleUp?.stabilizationWindowSeconds ?? 0));
  const down = Math.max(...within(behavior?.scaleDown?.stabilizationWindowSeconds ?? downSeconds));
  const steady = up > current ? up : down < current ? down : current;
  const held: Pick<Bounded, 'stabilized'> = steady === advised ? {} : { stabilized: advised > steady ? 'up' : 'down' };
  let replicas = steady;
  const { changes } = memory;
  if (steady > current)
    replicas = Math.min(
      steady,
      Math.max(current, reach(behavior?.scaleUp ?? UP, current, { changes, now, direction: 'up' })),
    );
  if (steady < current)
    replicas = Math.max(
      steady,
      Math.min(current, reach(behavior?.scaleDown ?? DOWN, current, { changes, now, direction: 'down' })),
    );
  if (replicas > maxReplicas)
    return {
      ...held,
      replicas: maxReplicas,
      limited: ['TooManyReplicas', 'the desired replica count is more than the maximum replica count'],
    };
  if (replicas < minReplicas)
    return {
      ...held,
      replicas: minReplicas,
      limited: ['TooFewReplicas', 'the desired replica count is less than the minimum replica count'],
    };
  if (replicas === steady) return { ...held, replicas };
  const word = steady > current ? ['ScaleUpLimit', 'increasing'] : ['ScaleDownLimit', 'decreasing'];
  return {
    ...held,
    replicas,
    limited: [word[0] ?? '', `the desired replica count is ${word[1]} faster than the maximum scale rate`],
  };
}
