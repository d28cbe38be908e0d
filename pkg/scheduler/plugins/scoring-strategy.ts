import type { PodRequests } from '#api/scheduling/pod-requests.ts';
import { MAX_SCORE } from '../framework/plugin.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { scoredUses } from '../snapshot/supplies.ts';
import type { ScoringStrategy, ShapePoint } from './args.ts';

/** Shape scores go to 10, plugin scores to 100. */
const SHAPE_SCALE = 10;

/** Free share of a resource after the pod, 0..100. */
const free = (used: number, capacity: number): number =>
  used > capacity ? 0 : ((capacity - used) * MAX_SCORE) / capacity;
const taken = (used: number, capacity: number): number => (Math.min(used, capacity) * MAX_SCORE) / capacity;

/** The shape at a utilization in percent: straight lines between its points, flat outside. */
export function shapeAt(shape: readonly ShapePoint[], percent: number): number {
  const next = shape.findIndex((p) => percent <= p.utilization);
  const after = next < 0 ? shape.at(-1) : shape[next];
  const before = next > 0 ? shape[next - 1] : undefined;
  if (!after || !before) return (after?.score ?? 0) * SHAPE_SCALE;
  const share = (percent - before.utilization) / (after.utilization - before.utilization);
  return (before.score + (after.score - before.score) * share) * SHAPE_SCALE;
}

/** Score of a node for a pod, 0..100: the weighted mean over the resources that the node has and the pod needs. */
export function resourceScore(strategy: ScoringStrategy, pod: PodRequests): (node: NodeInfo) => number {
  const resources = scoredUses(pod, strategy.resources);
  const isShape = strategy.type === 'RequestedToCapacityRatio';
  const scoreOf = isShape
    ? (u: number, c: number): number => shapeAt(strategy.shape, u > c ? 100 : (u * 100) / c)
    : strategy.type === 'MostAllocated'
      ? taken
      : free;
  return (node) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight, mine } of resources) {
      const { capacity, scored } = node.supplies.of(name);
      if (capacity <= 0) continue;
      const score = scoreOf(scored + mine, capacity);
      // A shape that is 0 there has nothing to say about the resource.
      if (isShape && score === 0) continue;
      sum += score * weight;
      weights += weight;
    }
    return weights === 0 ? 0 : sum / weights;
  };
}
