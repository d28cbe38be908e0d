import type { IpFamily } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import { type Chain, chainsText, Iptables, type Jump } from '#process/iptables.ts';
import { POD_BRIDGE } from './bridge.ts';

const FORWARD_CHAIN = 'COXNET-FORWARD';
const MASQ_CHAIN = 'COXNET-MASQ';
const JUMPS: readonly Jump[] = [
  { table: 'filter', from: 'FORWARD', rule: `-j ${FORWARD_CHAIN}` },
  { table: 'nat', from: 'POSTROUTING', rule: `-j ${MASQ_CHAIN}` },
];
const CHAINS: readonly Chain[] = [
  { table: 'filter', name: FORWARD_CHAIN },
  { table: 'nat', name: MASQ_CHAIN },
];
/**
 * IPv6's "ARP" passes the rules too where packets of bridges do, and its questions go to no address of a pod: without it
 * pods of one node lose each other where somebody lets nothing through by itself. (Solicitations and advertisements.)
 */
const NEIGHBOURS: Readonly<Record<IpFamily, readonly string[]>> = {
  IPv4: [],
  IPv6: [135, 136].map((t) => `-i ${POD_BRIDGE} -o ${POD_BRIDGE} -p ipv6-icmp -m icmp6 --icmpv6-type ${t} -j ACCEPT`),
};
/** Never masqueraded: what goes to many, or not beyond the link. */
const NEAR: Readonly<Record<IpFamily, readonly string[]>> = { IPv4: ['224.0.0.0/4'], IPv6: ['ff00::/8', 'fe80::/10'] };

/** Rules of iptables, and what they are for. Pure. @param cidr of this node's pods @param cluster of all pods */
export function podRules(family: IpFamily, cidr: string, cluster: string): string {
  // Towards pods everything may pass; from pods only answers, so that refusals of the proxy are still reached.
  const forward = [
    ...[`-d ${cluster} -j ACCEPT`, `-s ${cluster} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`],
    ...NEIGHBOURS[family],
  ];
  const masquerade = [
    ...[cluster, ...NEAR[family]].map((to) => `-d ${to} -j RETURN`),
    `-s ${cidr} -j MASQUERADE --random-fully`,
  ];
  const filter = chainsText('filter', new Map([[FORWARD_CHAIN, forward]]));
  return filter + chainsText('nat', new Map([[MASQ_CHAIN, masquerade]]));
}

/** What the kernel has to know of pods' traffic in one family: it passes, and leaves the cluster by the node's address. */
export class FamilyRules {
  readonly #iptables: Iptables;
  readonly #family: IpFamily;
  readonly #cluster: string | undefined;

  /** @param cluster the network of all pods; unset: each node is alone with its own */
  constructor(exec: Exec, family: IpFamily, cluster: string | undefined) {
    this.#iptables = new Iptables(exec, family);
    this.#family = family;
    this.#cluster = cluster;
  }

  /** Whether nobody took them away. */
  hold(): Promise<boolean> {
    return this.#iptables.holds(JUMPS, CHAINS);
  }

  /** @throws Error with iptables' words */
  async write(cidr: string): Promise<void> {
    await this.#iptables.restore(podRules(this.#family, cidr, this.#cluster ?? cidr));
    await this.#iptables.ensureJumps(JUMPS);
  }
}
