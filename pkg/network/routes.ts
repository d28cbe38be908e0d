import type { Node } from '#api/kinds/index.ts';

/** A route to the pods of another node. */
export interface PodRoute {
  readonly cidr: string;
  readonly via: string;
}

/** Routes this node needs: one per other node that has a pod CIDR and an address. Pure. */
export function wantedRoutes(nodes: Iterable<Node>, self: string): PodRoute[] {
  const routes: PodRoute[] = [];
  for (const n of nodes) {
    const cidr = n.spec?.podCIDR;
    const via = n.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
    if (n.metadata?.name !== self && cidr && via) routes.push({ cidr, via });
  }
  return routes.sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
}

/** Marks our routes in the kernel's table ("ip route … proto"), so that only they are ever removed. */
export const ROUTE_PROTOCOL = '252';

/** Lines of `ip route show proto 252` as routes. */
export function parseRoutes(text: string): PodRoute[] {
  return [...text.matchAll(/^(\S+) via (\S+)/gm)].map((m) => ({ cidr: m[1] ?? '', via: m[2] ?? '' }));
}
