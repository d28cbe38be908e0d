import type { Node } from '#api/kinds/index.ts';
import { ofFamily } from '#api/meta/families.ts';
import { addressText, canonicalAddress, familyOf, type IpFamily, parseNetwork } from '#api/meta/ip.ts';

/** A route to the pods of another node. */
export interface PodRoute {
  readonly cidr: string;
  readonly via: string;
  /** Device of a next hop that no route of its own leads to. */
  readonly dev?: string;
}

const age = (n: Node): number => Date.parse(n.metadata?.creationTimestamp ?? '') || 0;

/** As the kernel writes it. */
function canonicalCidr(cidr: string): string {
  const { family, base, bits } = parseNetwork(cidr);
  return `${addressText(base, family)}/${bits}`;
}

/** The pods' range of a node in a family. */
export function podCidrOf(n: Node | undefined, family: IpFamily): string | undefined {
  const { podCIDR, podCIDRs = [] } = n?.spec ?? {};
  const found = ofFamily(family, podCIDR ? [podCIDR, ...podCIDRs] : podCIDRs);
  return found && canonicalCidr(found);
}

/** A node's address among its peers. */
function addressOf(n: Node, family: IpFamily): string | undefined {
  const found = n.status?.addresses?.find((a) => a.type === 'InternalIP' && familyOf(a.address) === family);
  return found && canonicalAddress(found.address);
}

/**
 * Routes of a family this node needs: one per other node that has a pod CIDR and an address. Of two with the same CIDR,
 * which is a mistake, the older has it, and this node its own. Pure.
 * @param by family of the nodes' addresses, if another one
 */
export function wantedRoutes(nodes: Iterable<Node>, self: string, family: IpFamily, by: IpFamily = family): PodRoute[] {
  const routes = new Map<string, PodRoute>();
  const all = [...nodes].sort(
    (a, b) => age(a) - age(b) || ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1),
  );
  const own = podCidrOf(
    all.find((n) => n.metadata?.name === self),
    family,
  );
  for (const n of all) {
    const cidr = podCidrOf(n, family);
    const via = addressOf(n, by);
    if (n.metadata?.name !== self && cidr && cidr !== own && via && !routes.has(cidr)) routes.set(cidr, { cidr, via });
  }
  return [...routes.values()].sort((a, b) => (a.cidr < b.cidr ? -1 : 1));
}

/** Marks our routes in the kernel's table ("ip route … proto"), so that only they are ever removed. */
export const ROUTE_PROTOCOL = '252';

/** Lines of `ip route show proto 252` as routes. */
export function parseRoutes(text: string): Required<PodRoute>[] {
  return [...text.matchAll(/^(\S+) via (\S+) dev (\S+)/gm)].map(([, cidr = '', via = '', dev = '']) => ({
    cidr,
    via,
    dev,
  }));
}

/** Arguments of `ip` that turn the routes there are into the wanted ones; none when nothing is to be done. Pure. */
export function planRoutes(wanted: readonly PodRoute[], present: readonly Required<PodRoute>[]): string[][] {
  const holds = (w: PodRoute): boolean =>
    present.some((p) => p.cidr === w.cidr && p.via === w.via && (w.dev === undefined || p.dev === w.dev));
  const proto = ['proto', ROUTE_PROTOCOL];
  return [
    ...wanted
      .filter((w) => !holds(w))
      .map(({ cidr, via, dev }) => [
        ...['route', 'replace', cidr, 'via', via],
        ...(dev === undefined ? [] : ['dev', dev, 'onlink']),
        ...proto,
      ]),
    ...present.filter((p) => !wanted.some((w) => w.cidr === p.cidr)).map((p) => ['route', 'del', p.cidr, ...proto]),
  ];
}
