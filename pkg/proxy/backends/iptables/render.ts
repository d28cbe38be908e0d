import { addressNumber, addressText, familyOf, hostPort, type IpFamily } from '#api/meta/ip.ts';
import { LOOPBACK } from '../../addresses.ts';
import type { Endpoint, ServicePort, ServiceTable } from '../../table/types.ts';
import {
  CHAINS,
  clusterChain,
  endpointChain,
  externalChain,
  localChain,
  MASQ_MARK,
  neighbourhoodChain,
  rangeChain,
  serviceChain,
} from './names.ts';

/** Chain → its rules without "-A CHAIN". The chains of one table (nat or filter). */
export type ChainSet = Map<string, string[]>;

export interface Rendered {
  readonly nat: ChainSet;
  readonly filter: ChainSet;
}

export interface RenderOptions {
  readonly family: IpFamily;
  /** Pod network: traffic from it to a cluster IP keeps its source. Empty: everything from off the node is masqueraded. */
  readonly clusterCidr: string;
}

/** What one service port needs: chains of its own, and rules in those all share. */
interface PortRules {
  /** Of the nat table. */
  readonly chains: ChainSet;
  /** At its addresses, each with the small network it is in. */
  readonly services: [neighbourhood: string, rule: string][];
  readonly nodePorts: string[];
  readonly refusals: string[];
  readonly external: string[];
  readonly ranges: string[];
}

/** Bits of one address. */
const HOST: Readonly<Record<IpFamily, string>> = { IPv4: '/32', IPv6: '/128' };
const host = (ip: string): string => `${ip}${HOST[familyOf(ip)]}`;

const quote = (text: string): string => `"${text.replace(/["\\]/g, '')}"`;
const comment = (text: string): string => `-m comment --comment ${quote(text.slice(0, 200))}`;

/** Spreads connections evenly: the i-th of n endpoints takes 1/(n-i) of what reaches its rule. */
function balance(chain: string[], s: ServicePort, endpoints: readonly Endpoint[]): void {
  const name = (e: Endpoint): string => endpointChain(s.id, s.protocol, hostPort(e.ip, e.port));
  if (s.affinitySeconds > 0) {
    for (const e of endpoints) {
      chain.push(`-m recent --name ${name(e)} --rcheck --seconds ${s.affinitySeconds} --reap -j ${name(e)}`);
    }
  }
  for (const [i, e] of endpoints.entries()) {
    const left = endpoints.length - i;
    const chance = left > 1 ? `-m statistic --mode random --probability ${(1 / left).toFixed(10)} ` : '';
    chain.push(`${chance}-j ${name(e)}`);
  }
}

function endpointRules(s: ServicePort, e: Endpoint, chain: string): string[] {
  const rules = [`-s ${host(e.ip)} ${comment(s.id)} -j ${CHAINS.markMasq}`];
  const affinity = s.affinitySeconds > 0 ? `-m recent --name ${chain} --set ` : '';
  rules.push(`-p ${s.protocol} ${affinity}-m ${s.protocol} -j DNAT --to-destination ${hostPort(e.ip, e.port)}`);
  return rules;
}

const matchPort = (s: ServicePort, port: number): string => `-p ${s.protocol} -m ${s.protocol} --dport ${port}`;

const isOutside = (s: ServicePort): boolean => s.nodePort + s.externalIPs.length + s.loadBalancerIPs.length > 0;

/** The network of 256 addresses that one is in. */
function neighbourhood(ip: string): string {
  const family = familyOf(ip);
  const first = (addressNumber(ip) >> 8n) << 8n;
  return `${addressText(first, family)}/${family === 'IPv4' ? 24 : 120}`;
}

/** Rules of one service port in the nat table. */
function renderPort(s: ServicePort, rules: PortRules, o: RenderOptions): void {
  const { services, nodePorts, chains: nat } = rules;
  const svc = serviceChain(s.id, s.protocol);
  const put = (ip: string, what: string): void => {
    services.push([neighbourhood(ip), what]);
  };
  if (s.internal.length > 0) {
    balanced(nat, svc, s, s.internal);
    const to = `-d ${host(s.clusterIP)} ${matchPort(s, s.port)} ${comment(s.id)}`;
    // Only pods keep their address towards the endpoint; everybody else could not be answered directly.
    if (o.clusterCidr) put(s.clusterIP, `! -s ${o.clusterCidr} ${to} -j ${CHAINS.markMasq}`);
    else put(s.clusterIP, `${to} -m addrtype ! --src-type LOCAL -j ${CHAINS.markMasq}`);
    put(s.clusterIP, `${to} -j ${svc}`);
  }
  if (!isOutside(s) || s.cluster.length === 0) return;
  const ext = externalChain(s.id, s.protocol);
  nat.set(ext, externalRules(nat, s, svc, o));
  if (s.nodePort > 0) nodePorts.push(`${matchPort(s, s.nodePort)} ${comment(s.id)} -j ${ext}`);
  const at = (ip: string, target: string): void =>
    put(ip, `-d ${host(ip)} ${matchPort(s, s.port)} ${comment(s.id)} -j ${target}`);
  for (const ip of s.externalIPs) at(ip, ext);
  if (s.loadBalancerIPs.length === 0) return;
  const guarded = s.sourceRanges.length > 0 ? rangeChain(s.id, s.protocol) : ext;
  if (guarded !== ext) {
    const own = s.openToNode ? s.loadBalancerIPs.map((ip) => `-s ${host(ip)} -d ${host(ip)} -j ${ext}`) : [];
    nat.set(guarded, [...s.sourceRanges.map((range) => `-s ${range} -j ${ext}`), ...own]);
  }
  for (const ip of s.loadBalancerIPs) at(ip, guarded);
}

/** Fills a chain that spreads connections over endpoints, and makes the chains of those. */
function balanced(nat: ChainSet, name: string, s: ServicePort, endpoints: readonly Endpoint[]): string {
  const rules: string[] = [];
  balance(rules, s, endpoints);
  nat.set(name, rules);
  for (const e of endpoints) {
    const chain = endpointChain(s.id, s.protocol, hostPort(e.ip, e.port));
    if (!nat.has(chain)) nat.set(chain, endpointRules(s, e, chain));
  }
  return name;
}

function externalRules(nat: ChainSet, s: ServicePort, svc: string, o: RenderOptions): string[] {
  // internalTrafficPolicy Local narrows what the cluster IP reaches, not what clients from outside do.
  const all = (): string =>
    sameEndpoints(s.internal, s.cluster) ? svc : balanced(nat, clusterChain(s.id, s.protocol), s, s.cluster);
  if (!s.externalLocal) return [`-j ${CHAINS.markMasq}`, `-j ${all()}`];
  const everywhere = all();
  const rules: string[] = [];
  // From inside the cluster "external" addresses mean the service as such, with all its endpoints.
  if (o.clusterCidr) rules.push(`-s ${o.clusterCidr} -j ${everywhere}`);
  rules.push(`-m addrtype --src-type LOCAL -j ${CHAINS.markMasq}`, `-m addrtype --src-type LOCAL -j ${everywhere}`);
  if (s.external.length > 0) rules.push(`-j ${balanced(nat, localChain(s.id, s.protocol), s, s.external)}`);
  return rules;
}

const sameEndpoints = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a.length === b.length && a.every((e, i) => e.ip === b[i]?.ip && e.port === b[i]?.port);

/** Clients of a service without endpoints are told at once; a Local service without local endpoints stays silent. */
function renderRefusals(s: ServicePort, { refusals, external, ranges }: PortRules): void {
  const refuse = (what: string, why: string, local: boolean): string =>
    `${what} ${comment(`${s.id} ${why}`)} -j ${local && s.cluster.length > 0 ? 'DROP' : 'REJECT'}`;
  const at = (ip: string): string => `-d ${host(ip)} ${matchPort(s, s.port)}`;
  if (s.internal.length === 0) refusals.push(refuse(at(s.clusterIP), 'has no endpoints', s.cluster.length > 0));
  if (s.external.length === 0) {
    const why = `has no ${s.externalLocal ? 'local ' : ''}endpoints`;
    const nodePort = `-m addrtype --dst-type LOCAL ${matchPort(s, s.nodePort)}`;
    if (s.nodePort > 0) external.push(refuse(nodePort, why, s.externalLocal));
    for (const ip of [...s.externalIPs, ...s.loadBalancerIPs]) external.push(refuse(at(ip), why, s.externalLocal));
  }
  if (s.sourceRanges.length === 0 || s.cluster.length === 0) return;
  // What the nat table has let through does not have this address any more.
  for (const ip of s.loadBalancerIPs) {
    ranges.push(`${at(ip)} ${comment(`${s.id} is not open to this client`)} -j DROP`);
  }
}

function rulesOf(s: ServicePort, o: RenderOptions): PortRules {
  const rules: PortRules = {
    ...{ chains: new Map(), services: [], nodePorts: [] },
    ...{ refusals: [], external: [], ranges: [] },
  };
  renderPort(s, rules, o);
  renderRefusals(s, rules);
  return rules;
}

/** The rules of service ports as they were rendered: one that has not changed is the same object. */
export type Known = WeakMap<ServicePort, PortRules>;

/**
 * Pure, but for what it remembers: the whole nat and filter content for a table. A packet is first led to the services of its
 * address's neighbourhood, so that it, and a change, meet a few hundred rules and not those of all services.
 */
export function render(table: ServiceTable, o: RenderOptions, known: Known = new WeakMap()): Rendered {
  const nat: ChainSet = new Map();
  const neighbourhoods: ChainSet = new Map();
  const lists = {
    nodePorts: [] as string[],
    refusals: [] as string[],
    external: [] as string[],
    ranges: [] as string[],
  };
  for (const s of table.ports) {
    let rules = known.get(s);
    if (!rules) {
      rules = rulesOf(s, o);
      known.set(s, rules);
    }
    for (const [name, chain] of rules.chains) nat.set(name, chain);
    for (const [cidr, rule] of rules.services) {
      const list = neighbourhoods.get(cidr);
      if (list) list.push(rule);
      else neighbourhoods.set(cidr, [rule]);
    }
    for (const list of ['nodePorts', 'refusals', 'external', 'ranges'] as const) lists[list].push(...rules[list]);
  }
  const services: string[] = [];
  for (const [cidr, rules] of [...neighbourhoods].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const chain = neighbourhoodChain(cidr);
    nat.set(chain, rules);
    services.push(`-d ${cidr} -j ${chain}`);
  }
  // Without route_localnet, which IPv6 does not have, what comes from the loopback address never leaves the node.
  const here = o.family === 'IPv6' ? `! -d ${LOOPBACK.IPv6} ` : '';
  services.push(`${here}${comment('node ports come last')} -m addrtype --dst-type LOCAL -j ${CHAINS.nodePorts}`);
  nat.set(CHAINS.services, services);
  nat.set(CHAINS.nodePorts, lists.nodePorts);
  nat.set(CHAINS.markMasq, [`-j MARK --or-mark ${MASQ_MARK.split('/')[0]}`]);
  nat.set(CHAINS.postrouting, [
    `-m mark ! --mark ${MASQ_MARK} -j RETURN`,
    // Taken off again, so that a packet passing twice is not masqueraded twice.
    `-j MARK --xor-mark ${MASQ_MARK.split('/')[0]}`,
    '-j MASQUERADE --random-fully',
  ]);
  const loopback = LOOPBACK[o.family];
  const filter: ChainSet = new Map([
    [CHAINS.services, lists.refusals],
    [CHAINS.external, lists.external],
    [CHAINS.ranges, lists.ranges],
    [CHAINS.forward, FORWARD],
    [
      CHAINS.firewall,
      // route_localnet, which node ports on 127.0.0.1 need, must not open loopback services to the network.
      [`! -s ${loopback} -d ${loopback} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`],
    ],
  ]);
  return { nat, filter };
}

const FORWARD = [
  '-m conntrack --ctstate INVALID -j DROP',
  `-m mark --mark ${MASQ_MARK} -j ACCEPT`,
  '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
];
