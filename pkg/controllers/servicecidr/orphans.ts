import type { ServiceCIDR } from '#api/kinds/index.ts';
import { contains, type Network, parseNetwork } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

const networksOf = (o: ServiceCIDR): Network[] => (o.spec?.cidrs ?? []).map(parseNetwork);

/**
 * Whether an address would be in no ServiceCIDR without this one. Pure.
 * @param all may contain `cidr`; those that are being deleted do not count
 */
export function leavesOrphan(
  cidr: Stored<ServiceCIDR>,
  all: Iterable<Stored<ServiceCIDR>>,
  addresses: Iterable<string>,
): boolean {
  const own = networksOf(cidr);
  const staying = [...all].filter((o) => o.metadata.uid !== cidr.metadata.uid && !o.metadata.deletionTimestamp);
  const others = staying.flatMap(networksOf);
  const within = (networks: readonly Network[], ip: string): boolean => networks.some((n) => contains(n, ip));
  for (const ip of addresses) if (within(own, ip) && !within(others, ip)) return true;
  return false;
}
