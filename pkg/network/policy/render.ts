import { createHash } from 'node:crypto';
import type { NetworkPolicy } from '#api/kinds/index.ts';
import { FAMILIES } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { NftChain, NftContent, NftSet } from '#process/nftables.ts';
import { POD_BRIDGE } from '../bridge.ts';
import {
  type Addressed,
  matchesPod,
  namedPorts,
  type Peer,
  type PodNetwork,
  podsOf,
  type Rule,
  selector,
} from './peers.ts';
import { blockRanges } from './ranges.ts';

type Direction = 'ingress' | 'egress';
type Port = NonNullable<Rule['ports']>[number];

export interface PolicyInput {
  readonly policies: Iterable<Stored<NetworkPolicy>>;
  readonly network: PodNetwork;
  /** The pods of this node: only their traffic is judged here. */
  readonly local: readonly Addressed[];
}

const hash = (...what: string[]): string => createHash('sha256').update(what.join(' ')).digest('hex').slice(0, 16);
const plain = (keys: Iterable<string>): Map<string, string> => new Map([...new Set(keys)].sort().map((k) => [k, '']));

/** What nft calls things of a family, and what is added to names of ours. */
const WORDS = {
  IPv4: { ip: 'ip', type: 'ipv4_addr', suffix: '' },
  IPv6: { ip: 'ip6', type: 'ipv6_addr', suffix: '6' },
} as const;
/** Replies and what belongs to connections that were allowed once pass. */
const CONNECTED = 'ct state established,related accept';
/** IPv6 has its "ARP" among the packets that are judged. */
const NEIGHBOURS =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept';
/** By the addresses that every interface gives itself pods of one bridge would reach each other past all rules. */
const LINK_LOCAL = ['saddr', 'daddr'].map(
  (a) => `iifname "${POD_BRIDGE}" meta l4proto != ipv6-icmp ip6 ${a} fe80::/10 drop`,
);
const DIRECTIONS = ['ingress', 'egress'] as const;

interface Content {
  readonly sets: Map<string, NftSet>;
  readonly chains: Map<string, NftChain>;
}

/** Rules of one family. */
class Renderer {
  readonly #content: Content;
  readonly #network: PodNetwork;
  readonly #family: IpFamily;
  readonly #ip: string;
  readonly #type: string;
  readonly #suffix: string;

  constructor(content: Content, network: PodNetwork, family: IpFamily) {
    this.#content = content;
    this.#network = network;
    this.#family = family;
    const { ip, type, suffix } = WORDS[family];
    this.#ip = ip;
    this.#type = type;
    this.#suffix = suffix;
  }

  #set(name: string, declaration: string, elements: ReadonlyMap<string, string>): string {
    this.#content.sets.set(name, { declaration, elements });
    return name;
  }

  /** @returns rules that judge all traffic of the family, by direction; undefined when no policy selects a pod. */
  judges(policies: readonly Stored<NetworkPolicy>[], local: readonly Addressed[]) {
    const chainsOf = this.#chainsOf(policies, local);
    const isolated = new Set([...chainsOf.ingress.keys(), ...chainsOf.egress.keys()]);
    if (isolated.size === 0) return undefined;
    for (const direction of DIRECTIONS) {
      const verdicts = new Map<string, string>();
      for (const [ip, chains] of [...chainsOf[direction]].sort()) {
        const name = `pods-${direction}-${hash(...chains)}`;
        this.#content.chains.set(name, { rules: [...chains.map((c) => `jump ${c}`), 'drop'] });
        verdicts.set(ip, `goto ${name}`);
      }
      this.#set(`${direction}${this.#suffix}`, `type ${this.#type} : verdict;`, verdicts);
    }
    const [ip, type, suffix] = [this.#ip, this.#type, this.#suffix];
    // A pod always reaches itself.
    const self = this.#set(`self${suffix}`, `type ${type} . ${type};`, plain([...isolated].map((a) => `${a} . ${a}`)));
    return {
      itself: `${ip} saddr . ${ip} daddr @${self} accept`,
      egress: `${ip} saddr vmap @egress${suffix}`,
      ingress: `${ip} daddr vmap @ingress${suffix}`,
    };
  }

  /** Chains of policies by the address of the pod of this node they select. */
  #chainsOf(
    policies: readonly Stored<NetworkPolicy>[],
    local: readonly Addressed[],
  ): Record<Direction, Map<string, string[]>> {
    const chainsOf: Record<Direction, Map<string, string[]>> = { ingress: new Map(), egress: new Map() };
    for (const p of policies) {
      const s = selector(p.spec?.podSelector);
      const selected = local.filter((l) => l.pod.metadata.namespace === p.metadata.namespace && matchesPod(s, l.pod));
      if (selected.length === 0) continue;
      for (const direction of DIRECTIONS) {
        if (!limits(p, direction)) continue;
        const chain = this.#policy(p, direction, selected);
        for (const { ip } of selected) {
          const list = chainsOf[direction].get(ip) ?? [];
          chainsOf[direction].set(ip, [...list, chain]);
        }
      }
    }
    return chainsOf;
  }

  /** The chain of one direction of a policy: accepts what the policy allows. @param selected pods of this node it selects. */
  #policy(p: Stored<NetworkPolicy>, direction: Direction, selected: readonly Addressed[]): string {
    const { name, namespace = '' } = p.metadata;
    const chain = `${direction}${this.#suffix}-${hash(namespace, name)}`;
    const rules = (direction === 'ingress' ? p.spec?.ingress : p.spec?.egress) ?? [];
    const text = rules.flatMap((rule, i) => this.#rule({ rule, direction, selected, namespace, id: `${chain}-${i}` }));
    this.#content.chains.set(chain, { rules: text });
    return chain;
  }

  #rule(r: {
    rule: Rule;
    direction: Direction;
    selected: readonly Addressed[];
    namespace: string;
    id: string;
  }): string[] {
    const { rule, direction, id } = r;
    const peers = peersOf(rule);
    const far = `${this.#ip} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
    const pods = peers.flatMap((p) => [...podsOf(p, r.namespace, this.#network)]);
    const blocks = peers.flatMap((p) => (p.ipBlock ? [p.ipBlock] : []));
    const ranges = blockRanges(blocks, this.#family);
    const who: string[] = [];
    if (peers.length === 0) who.push('');
    const type = `type ${this.#type};`;
    if (pods.length > 0) who.push(`${far} @${this.#set(`${id}-pods`, type, plain(pods.map((p) => p.ip)))} `);
    if (ranges.length > 0) {
      who.push(`${far} @${this.#set(`${id}-blocks`, `${type} flags interval;`, plain(ranges))} `);
    }
    // Names are resolved by the pod that receives.
    const everyone = (): Addressed[] => [...this.#network.pods.values()].flat();
    const receivers = direction === 'ingress' ? r.selected : peers.length === 0 ? everyone() : pods;
    const ports = this.#ports(rule.ports ?? [], receivers, id);
    return who.flatMap((w) => ports.map((port) => `${w}${port}accept`));
  }

  #ports(ports: readonly Port[], receivers: readonly Addressed[], id: string): string[] {
    if (ports.length === 0) return [''];
    const matches: string[] = [];
    const named: string[] = [];
    for (const p of ports) {
      const protocol = p.protocol ?? 'TCP';
      const l4 = `meta l4proto ${protocol.toLowerCase()}`;
      if (p.port === undefined) matches.push(`${l4} `);
      else if (typeof p.port === 'number') matches.push(`${l4} th dport ${p.port}${p.endPort ? `-${p.endPort}` : ''} `);
      else {
        for (const { pod, ip } of receivers) {
          for (const n of namedPorts(pod, p.port, protocol)) named.push(`${ip} . ${protocol.toLowerCase()} . ${n}`);
        }
      }
    }
    if (named.length > 0) {
      const type = `type ${this.#type} . inet_proto . inet_service;`;
      const set = this.#set(`${id}-named`, type, plain(named));
      matches.push(`${this.#ip} daddr . meta l4proto . th dport @${set} `);
    }
    return [...new Set(matches)];
  }
}

const peersOf = (rule: Rule): readonly Peer[] =>
  ('from' in rule ? rule.from : 'to' in rule ? rule.to : undefined) ?? [];

/** Without types given, a policy limits what comes in, and what goes out if it says anything about that. */
function limits(p: NetworkPolicy, direction: Direction): boolean {
  const types = p.spec?.policyTypes ?? (p.spec?.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  return types.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
}

/** Only the addresses of a family. */
function within(network: PodNetwork, family: IpFamily): PodNetwork {
  const mine = (all: readonly Addressed[]): Addressed[] => all.filter((a) => familyOf(a.ip) === family);
  return { ...network, pods: new Map([...network.pods].map(([namespace, all]) => [namespace, mine(all)])) };
}

/**
 * Pure: the rules for the pods of this node; undefined when no policy selects any. Egress is judged before ingress, in
 * base chains of their own, so that "accept" in one leaves the other its say. Traffic from the node itself (probes)
 * comes by none of them; traffic to the node does, for egress.
 */
export function renderPolicies({ policies, network, local }: PolicyInput): NftContent | undefined {
  const content: Content = { sets: new Map(), chains: new Map() };
  const sorted = [...policies].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const judges = FAMILIES.flatMap((family) => {
    const mine = local.filter((l) => familyOf(l.ip) === family);
    const found =
      mine.length === 0 ? undefined : new Renderer(content, within(network, family), family).judges(sorted, mine);
    return found ? [{ family, ...found }] : [];
  });
  if (judges.length === 0) return undefined;
  const six = judges.some((j) => j.family === 'IPv6') ? [NEIGHBOURS, ...LINK_LOCAL] : [];
  const before = [CONNECTED, ...six, ...judges.map((j) => j.itself)];
  const hooked = (hook: string, priority: number, direction: Direction): NftChain => ({
    hook: `type filter hook ${hook} priority ${priority};`,
    rules: [...before, ...judges.map((j) => j[direction])],
  });
  content.chains.set('from-pods', hooked('forward', -20, 'egress'));
  content.chains.set('from-pods-to-node', hooked('input', -20, 'egress'));
  content.chains.set('to-pods', hooked('forward', -19, 'ingress'));
  return content;
}

const keyOf = (p: Stored<NetworkPolicy>): string => `${p.metadata.namespace}/${p.metadata.name}`;
