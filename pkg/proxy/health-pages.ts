import type { Clock } from '#async/clock.ts';
import type { Page } from '#process/health-pages.ts';
import type { Proxier } from './proxier.ts';

/** A change that is not in the kernel after this, two of kube-proxy's periods of 30 s, makes the proxy unhealthy; milliseconds. */
export const HEALTHY_MS = 60_000;

/** What is asked of a proxy. */
export type Observed = Pick<Proxier, 'lastSync' | 'behind' | 'nodeEligible'>;

/**
 * What load balancers and probes ask of kube-proxy ("Virtual IPs and Service Proxies"; `--healthz-bind-address`): 200 while
 * the rules are up to date, else 503. `/healthz` is for load balancers, and 503 also once the node is about to go; `/livez` is
 * for whoever would start the proxy anew, which would not keep the node.
 */
export function healthPages(proxy: Observed, clock: Clock): Readonly<Record<'/healthz' | '/livez', () => Page>> {
  const observe = () => {
    const now = clock.now();
    const healthy = proxy.lastSync > 0 && proxy.behind(HEALTHY_MS) === undefined;
    // While nothing waits the rules are those of this very moment, whenever they were written.
    return { healthy, times: { lastUpdated: stamp(healthy ? now : proxy.lastSync), currentTime: stamp(now) } };
  };
  return {
    '/healthz': () => {
      const { healthy, times } = observe();
      const { nodeEligible } = proxy;
      return page(healthy && nodeEligible, { ...times, nodeEligible });
    },
    '/livez': () => {
      const { healthy, times } = observe();
      return page(healthy, times);
    },
  };
}

const page = (ok: boolean, body: object): Page => ({
  code: ok ? 200 : 503,
  type: 'application/json',
  body: JSON.stringify(body),
});

/** @param at epoch ms; 0: never, as Kubernetes writes it */
const stamp = (at: number): string => (at === 0 ? '0001-01-01T00:00:00Z' : new Date(at).toISOString());
