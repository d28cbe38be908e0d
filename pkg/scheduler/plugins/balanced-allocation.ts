import { podRequests } from '#api/scheduling/pod-requests.ts';
import { MAX_SCORE, type Plugin } from '../framework/plugin.ts';
import { DEFAULT_ARGS, type PluginArgs } from './args.ts';

/** Prefers nodes whose resources would be used to a like degree: the standard deviation of the shares. */
export const balancing = ({ resources }: PluginArgs['NodeResourcesBalancedAllocation']): Plugin => ({
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakesOn: {},
  prepare(pod) {
    // What pods ask for: what scores assume of the others would pass for use.
    const { amounts } = podRequests(pod);
    const judged = resources.flatMap((name) => {
      const mine = amounts.get(name) ?? 0;
      return mine > 0 || name === 'cpu' || name === 'memory' ? [{ name, mine }] : [];
    });
    // It would be best wherever use is most even already, and so would all others like it.
    if (judged.every((r) => r.mine === 0)) return null;
    return {
      score(node) {
        let sum = 0;
        let squares = 0;
        let count = 0;
        for (const { name, mine } of judged) {
          const { capacity, requested } = node.supplies.of(name);
          if (capacity <= 0) continue;
          const share = Math.min((requested + mine) / capacity, 1);
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
