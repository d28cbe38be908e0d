import { MAX_SCORE, type Plugin } from '../framework/plugin.ts';
import { podRequests } from '../snapshot/resources.ts';

/** Prefers nodes whose cpu and memory would be used to a like degree: the standard deviation of the two shares. */
export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakesOn: [],
  prepare(pod) {
    const { scored } = podRequests(pod);
    return {
      score(node) {
        const cpu = (node.scored.cpu + scored.cpu) / (node.allocatable.get('cpu') || 1);
        const memory = (node.scored.memory + scored.memory) / (node.allocatable.get('memory') || 1);
        const deviation = Math.abs(Math.min(cpu, 1) - Math.min(memory, 1)) / 2;
        return (1 - deviation) * MAX_SCORE;
      },
    };
  },
};
