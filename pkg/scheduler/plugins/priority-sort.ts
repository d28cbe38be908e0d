import type { Pod } from '#api/kinds/index.ts';

export const priorityOf = (pod: Pod): number => pod.spec?.priority ?? 0;

/** PrioritySort: the order of the queue: higher priority first, among equals the one that has waited longest. */
export const comesBefore = (a: { pod: Pod; queuedAt: number }, b: { pod: Pod; queuedAt: number }): boolean => {
  const [x, y] = [priorityOf(a.pod), priorityOf(b.pod)];
  return x === y ? a.queuedAt < b.queuedAt : x > y;
};
