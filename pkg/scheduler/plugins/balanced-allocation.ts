import { podRequests } from '#api/scheduling/pod-requests.ts';
import { MAX_SCORE, type Plugin } from '../framework/plugin.ts';
import { DEFAULT_ARGS, type PluginArgs } from './args.ts';

/** Prefers nodes whose resources would be used to a like degree: the standard deviation of the shares. */
export const balancing = ({ resources }: PluginArgs['NodeResourcesBalancedAllocation']): Plugin => ({
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakesOn: {},
  prepare(pod) {
    const { amounts, scored } = podRequests(pod);
    const plain = (name: string): name is 'cpu' | 'memory' => name === 'cpu' || name === 'memory';
    const judged = resources.filter((name) => plain(name) || (amounts.get(name) ?? 0) > 0);
    return {
      score(node) {
        let sum = 0;
        let squares = 0;
        let count = 0;
        for (const name of judged) {
          const capacity = node.allocatable.get(name) ?? 0;
          if (capacity <= 0) continue;
          const used = plain(name)
            ? node.scored[name] + scored[name]
            : (node.requested.get(name) ?? 0) + (amounts.get(name) ?? 0);
          const share = Math.min(used / capacity, 1);
          sum += share;
          squares += share * share;
          count++;
        }
        if (count === 0) return MAX_SCORE;
        const mean = sum / count;
        return (1 - Math.sqrt(Math.max(squares / count - mean * mean, 0))) * MAX_SCORE;
      },
    };
  },
});

export const balancedAllocation = balancing(DEFAULT_ARGS.NodeResourcesBalancedAllocation);
