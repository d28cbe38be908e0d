import type { Endpoint, ServicePort, ServiceTable } from '../../table/types.ts';
import { CHAINS, endpointChain, externalChain, localChain, MASQ_MARK, serviceChain } from './names.ts';

/** Chain → its rules without "-A CHAIN". The chains of one table (nat or filter). */
export type ChainSet = Map<string, string[]>;

export interface Rendered {
  readonly nat: ChainSet;
  readonly filter: ChainSet;
}

export interface RenderOptions {
  /** Pod network: traffic from it to a cluster IP keeps its source. Empty: everything from off the node is masqueraded. */
  readonly clusterCidr: string;
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, '')}"`;
const comment = (text: string): string => `-m comment --comment ${quote(text.slice(0, 200))}`;

/** Spreads connections evenly: the i-th of n endpoints takes 1/(n-i) of what reaches its rule. */
function balance(chain: string[], s: ServicePort, endpoints: readonly Endpoint[]): void {
  const name = (e: Endpoint): string => endpointChain(s.id, s.protocol, `${e.ip}:${e.port}`);
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
  const rules = [`-s ${e.ip}/32 ${comment(s.id)} -j ${CHAINS.markMasq}`];
  const affinity = s.affinitySeconds > 0 ? `-m recent --name ${chain} --set ` : '';
  rules.push(`-p ${s.protocol} ${affinity}-m ${s.protocol} -j DNAT --to-destination ${e.ip}:${e.port}`);
  return rules;
}

const matchPort = (s: ServicePort, port: number): string => `-p ${s.protocol} -m ${s.protocol} --dport ${port}`;

/** Rules of one service port in the nat table. */
function renderPort(nat: ChainSet, s: ServicePort, services: string[], nodePorts: string[], o: RenderOptions): void {
  const svc = serviceChain(s.id, s.protocol);
  const fromOutside = s.nodePort > 0 || s.externalIPs.length > 0;
  if (s.internal.length > 0) {
    const rules: string[] = [];
    balance(rules, s, s.internal);
    nat.set(svc, rules);
    const to = `-d ${s.clusterIP}/32 ${matchPort(s, s.port)} ${comment(s.id)}`;
    // Only pods keep their address towards the endpoint; everybody else could not be answered directly.
    if (o.clusterCidr) services.push(`! -s ${o.clusterCidr} ${to} -j ${CHAINS.markMasq}`);
    else services.push(`${to} -m addrtype ! --src-type LOCAL -j ${CHAINS.markMasq}`);
    services.push(`${to} -j ${svc}`);
  }
  const all = new Map([...s.internal, ...s.external].map((e) => [`${e.ip}:${e.port}`, e]));
  for (const [address, e] of all) {
    const chain = endpointChain(s.id, s.protocol, address);
    nat.set(chain, endpointRules(s, e, chain));
  }
  if (!fromOutside || (s.external.length === 0 && s.internal.length === 0)) return;
  const ext = externalChain(s.id, s.protocol);
  nat.set(ext, externalRules(nat, s, svc, o));
  if (s.nodePort > 0) nodePorts.push(`${matchPort(s, s.nodePort)} ${comment(s.id)} -j ${ext}`);
  for (const ip of s.externalIPs) services.push(...addressRules(s, ip, ext));
}

function addressRules(s: ServicePort, ip: string, ext: string): string[] {
  const to = `-d ${ip}/32 ${matchPort(s, s.port)} ${comment(s.id)}`;
  if (s.sourceRanges.length === 0) return [`${to} -j ${ext}`];
  return s.sourceRanges.map((range) => `-s ${range} ${to} -j ${ext}`);
}

function externalRules(nat: ChainSet, s: ServicePort, svc: string, o: RenderOptions): string[] {
  if (!s.externalLocal) {
    if (s.external.length === 0) return [];
    // internalTrafficPolicy Local narrows what the cluster IP reaches, not what clients from outside do.
    const to = sameEndpoints(s.internal, s.external) ? svc : balanceExternal(nat, s);
    return [`-j ${CHAINS.markMasq}`, `-j ${to}`];
  }
  const rules: string[] = [];
  if (s.internal.length > 0) {
    // From inside the cluster "external" addresses mean the service as such, with all its endpoints.
    if (o.clusterCidr) rules.push(`-s ${o.clusterCidr} -j ${svc}`);
    rules.push(`-m addrtype --src-type LOCAL -j ${CHAINS.markMasq}`, `-m addrtype --src-type LOCAL -j ${svc}`);
  }
  if (s.external.length > 0) rules.push(`-j ${balanceExternal(nat, s)}`);
  return rules;
}

const sameEndpoints = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a.length === b.length && a.every((e, i) => e.ip === b[i]?.ip && e.port === b[i]?.port);

/** A chain for the endpoints of outside traffic, where they are not those of the cluster IP. */
function balanceExternal(nat: ChainSet, s: ServicePort): string {
  const name = localChain(s.id, s.protocol);
  const rules: string[] = [];
  balance(rules, s, s.external);
  nat.set(name, rules);
  return name;
}

/** Clients of a service without endpoints are told at once; a Local service without local endpoints stays silent. */
function renderRefusals(s: ServicePort, services: string[], external: string[]): void {
  if (s.internal.length === 0) {
    services.push(`-d ${s.clusterIP}/32 ${matchPort(s, s.port)} ${comment(`${s.id} has no endpoints`)} -j REJECT`);
  }
  if (s.external.length > 0) return;
  const verdict = s.externalLocal && s.internal.length > 0 ? 'DROP' : 'REJECT';
  const why = comment(`${s.id} has no ${s.externalLocal ? 'local ' : ''}endpoints`);
  if (s.nodePort > 0) {
    external.push(`-m addrtype --dst-type LOCAL ${matchPort(s, s.nodePort)} ${why} -j ${verdict}`);
  }
  for (const ip of s.externalIPs) external.push(`-d ${ip}/32 ${matchPort(s, s.port)} ${why} -j ${verdict}`);
}

/** Pure: the whole nat and filter content for a table. */
export function render(table: ServiceTable, o: RenderOptions): Rendered {
  const services: string[] = [];
  const nodePorts: string[] = [];
  const refusals: string[] = [];
  const external: string[] = [];
  const nat: ChainSet = new Map();
  for (const s of table.ports) {
    renderPort(nat, s, services, nodePorts, o);
    renderRefusals(s, refusals, external);
  }
  services.push(`${comment('node ports come last')} -m addrtype --dst-type LOCAL -j ${CHAINS.nodePorts}`);
  nat.set(CHAINS.services, services);
  nat.set(CHAINS.nodePorts, nodePorts);
  nat.set(CHAINS.markMasq, [`-j MARK --or-mark ${MASQ_MARK.split('/')[0]}`]);
  nat.set(CHAINS.postrouting, [
    `-m mark ! --mark ${MASQ_MARK} -j RETURN`,
    // Taken off again, so that a packet passing twice is not masqueraded twice.
    `-j MARK --xor-mark ${MASQ_MARK.split('/')[0]}`,
    '-j MASQUERADE --random-fully',
  ]);
  const filter: ChainSet = new Map([
    [CHAINS.services, refusals],
    [CHAINS.external, external],
    [CHAINS.forward, forwardRules(o)],
    [
      CHAINS.firewall,
      // route_localnet, which node ports on 127.0.0.1 need, must not open loopback services to the network.
      ['! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP'],
    ],
  ]);
  return { nat, filter };
}

const forwardRules = (_o: RenderOptions): string[] => [
  '-m conntrack --ctstate INVALID -j DROP',
  `-m mark --mark ${MASQ_MARK} -j ACCEPT`,
  '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
];
