import { createHash } from 'node:crypto';
import type { IpFamily } from '#api/meta/ip.ts';
import { hostPort } from '#api/meta/ip.ts';
import type { NftChain, NftSet } from '#process/nftables.ts';
import type { Endpoint, ServicePort } from '../../table/types.ts';

export interface RenderOptions {
  readonly family: IpFamily;
  /** Pod network: traffic from it to a cluster IP keeps its source. Empty: everything from off the node is masqueraded. */
  readonly clusterCidr: string;
}

const hash = (...what: string[]): string => createHash('sha256').update(what.join(' ')).digest('hex').slice(0, 16);

/** What nft calls things of a family. */
export const WORDS = {
  IPv4: { ip: 'ip', type: 'ipv4_addr' },
  IPv6: { ip: 'ip6', type: 'ipv6_addr' },
} as const;
/** A connection to an address of a service. */
export const frontend = (family: IpFamily): string => `${WORDS[family].ip} daddr . meta l4proto . th dport`;
export const NODE_PORT = 'meta l4proto . th dport';
const INDEX = 'numgen random mod 65536';

function maps(family: IpFamily): Readonly<Record<string, string>> {
  const { ip, type } = WORDS[family];
  const at = frontend(family);
  return {
    /** Where a connection to an address of a service goes. */
    services: `typeof ${at} : verdict;`,
    'node-ports': `typeof ${NODE_PORT} : verdict;`,
    /** Connections to these addresses end here: no endpoints, or a client that is not let in. */
    refused: `typeof ${at} : verdict;`,
    'refused-node-ports': `typeof ${NODE_PORT} : verdict;`,
    // "th", not "tcp": nft would take the latter for a condition of every rule that uses the map.
    endpoints: `typeof ${at} . ${INDEX} : ${ip} daddr . th dport;`,
    'local-endpoints': `typeof ${at} . ${INDEX} : ${ip} daddr . th dport;`,
    'node-port-endpoints': `typeof ${NODE_PORT} . ${INDEX} : ${ip} daddr . th dport;`,
    'local-node-port-endpoints': `typeof ${NODE_PORT} . ${INDEX} : ${ip} daddr . th dport;`,
    /** Pods of this node that may be sent back to themselves. */
    hairpin: `type ${type} . ${type};`,
  };
}
/** Maps that are always there, by name. */
export const MAPS = { IPv4: maps('IPv4'), IPv6: maps('IPv6') } as const;
export const MARK = '0x4000';
const MASQUERADE_LATER = `meta mark set meta mark or ${MARK}`;

/** An address, or the number of a node port, at which a service is reached. */
interface Frontend {
  readonly map: 'services' | 'node-ports';
  readonly key: string;
}

/** What one service port needs in the table. The same chain or element may be needed by others too. */
export interface Fragment {
  /** The most endpoints of which one is picked by a chain of `picks`. */
  readonly most: number;
  /** Of the maps that are always there. */
  readonly elements: readonly (readonly [map: string, key: string, value: string])[];
  readonly sets: readonly (readonly [name: string, set: NftSet])[];
  readonly chains: readonly (readonly [name: string, rules: readonly string[]])[];
}

/** The maps of endpoints, and what a connection is looked up by in each. */
const pickedFrom = (family: IpFamily): readonly (readonly [map: string, lookup: string])[] => [
  ['endpoints', frontend(family)],
  ['local-endpoints', frontend(family)],
  ['node-port-endpoints', NODE_PORT],
  ['local-node-port-endpoints', NODE_PORT],
];

/**
 * Chains that pick one of 1 to `most` endpoints. A packet that was told their number just before they became fewer may look
 * for one that is not there any more, since the kernel sees each map as it is at that moment: it gets the first one. They cannot be added to a table one by one: nft up to 1.0.6 at least
 * refuses a rule that takes an address and a port from a map which is in the kernel already ("conflicting protocols").
 */
export const picks = (family: IpFamily, most: number): readonly (readonly [name: string, NftChain])[] =>
  pickedFrom(family).flatMap(([map, lookup]) =>
    Array.from({ length: most }, (_, i) => {
      const oneOf = (n: number) => `dnat ${WORDS[family].ip} to ${lookup} . numgen random mod ${n} map @${map}`;
      return [`${map}-${i + 1}`, { rules: i === 0 ? [oneOf(1)] : [oneOf(i + 1), oneOf(1)] }] as const;
    }),
  );

/** Pure. */
export function fragmentOf(s: ServicePort, o: RenderOptions): Fragment {
  const r = new Renderer(o);
  r.service(s);
  return r;
}

/**
 * Services as maps: one look-up finds a frontend, another one of its endpoints, however many there are. Chains exist for
 * each number of endpoints, not for each service; only affinity and source ranges need some of their own.
 */
class Renderer implements Fragment {
  most = 0;
  readonly elements: [string, string, string][] = [];
  readonly sets: [string, NftSet][] = [];
  readonly chains: [string, readonly string[]][] = [];
  readonly #o: RenderOptions;
  readonly #ip: string;
  readonly #type: string;

  constructor(o: RenderOptions) {
    this.#o = o;
    const { ip, type } = WORDS[o.family];
    this.#ip = ip;
    this.#type = type;
  }

  service(s: ServicePort): void {
    const at = (ip: string): Frontend => ({ map: 'services', key: `${ip} . ${s.protocol} . ${s.port}` });
    const own = at(s.clusterIP);
    // Only a pod of this node can be sent back to itself here.
    for (const e of s.cluster) if (e.local) this.elements.push(['hairpin', `${e.ip} . ${e.ip}`, '']);
    if (s.internal.length > 0) this.#send(own, this.#fromInside(this.#pick(s, own, s.internal, false)));
    else this.#refuse(own, s.cluster.length > 0);
    const outside = [...s.externalIPs, ...s.loadBalancerIPs].map(at);
    if (s.nodePort > 0) outside.push({ map: 'node-ports', key: `${s.protocol} . ${s.nodePort}` });
    const guarded = new Set(s.sourceRanges.length > 0 ? s.loadBalancerIPs.map((ip) => at(ip).key) : []);
    for (const f of outside) {
      if (s.external.length === 0) this.#refuse(f, s.externalLocal && s.cluster.length > 0);
      if (s.cluster.length === 0) continue;
      const chain = this.#fromOutside(s, f);
      if (!guarded.has(f.key) || s.externalIPs.some((ip) => at(ip).key === f.key)) this.#send(f, chain);
      else {
        this.#send(f, this.#onlyFrom(s, chain));
        // What the nat chains have let through does not have this address any more.
        this.#refuse(f, true);
      }
    }
  }

  #send(f: Frontend, chain: string): void {
    this.elements.push([f.map, f.key, `goto ${chain}`]);
  }

  #refuse(f: Frontend, silently: boolean): void {
    const map = f.map === 'services' ? 'refused' : 'refused-node-ports';
    this.elements.push([map, f.key, silently ? 'drop' : 'goto refuse']);
  }

  #chain(name: string, ...rules: string[]): string {
    this.chains.push([name, rules]);
    return name;
  }

  /** The chain that sends a connection to one of the endpoints. */
  #pick(s: ServicePort, f: Frontend, ends: readonly Endpoint[], local: boolean): string {
    if (s.affinitySeconds > 0) return this.#affine(s, ends);
    const map = `${local ? 'local-' : ''}${f.map === 'services' ? 'endpoints' : 'node-port-endpoints'}`;
    for (const [i, e] of ends.entries()) this.elements.push([map, `${f.key} . ${i}`, `${e.ip} . ${e.port}`]);
    this.most = Math.max(this.most, ends.length);
    return `${map}-${ends.length}`;
  }

  /** A client known to an endpoint goes there again; any other is remembered by the one it is sent to. */
  #affine(s: ServicePort, ends: readonly Endpoint[]): string {
    const targets = ends.map((e) => {
      const id = hash(s.id, s.protocol, hostPort(e.ip, e.port));
      const known = `clients-${id}`;
      const declaration = `type ${this.#type}; flags dynamic,timeout; timeout ${s.affinitySeconds}s;`;
      this.sets.push([known, { declaration, elements: new Map() }]);
      const dnat = `meta l4proto ${s.protocol} dnat ${this.#ip} to ${hostPort(e.ip, e.port)}`;
      return { known, chain: this.#chain(`endpoint-${id}`, `update @${known} { ${this.#ip} saddr }`, dnat) };
    });
    const choices = targets.map((t, i) => `${i} : goto ${t.chain}`).join(', ');
    return this.#chain(
      `affinity-${hash(s.id, s.protocol, ...targets.map((t) => t.chain))}`,
      ...targets.map((t) => `${this.#ip} saddr @${t.known} goto ${t.chain}`),
      `numgen random mod ${ends.length} vmap { ${choices} }`,
    );
  }

  /** Only pods keep their address towards the endpoint; everybody else could not be answered directly. */
  #fromInside(pick: string): string {
    const { clusterCidr } = this.#o;
    const others = clusterCidr ? `${this.#ip} saddr != ${clusterCidr}` : 'fib saddr type != local';
    return this.#chain(`cluster-${pick}`, `${others} ${MASQUERADE_LATER}`, `goto ${pick}`);
  }

  #fromOutside(s: ServicePort, f: Frontend): string {
    const all = this.#pick(s, f, s.cluster, false);
    if (!s.externalLocal) return this.#chain(`external-${all}`, MASQUERADE_LATER, `goto ${all}`);
    const local = s.external.length > 0 ? this.#pick(s, f, s.external, true) : undefined;
    const { clusterCidr } = this.#o;
    // From inside the cluster "external" addresses mean the service as such, with all its endpoints.
    return this.#chain(
      `outside-${hash(all, local ?? '')}`,
      ...(clusterCidr ? [`${this.#ip} saddr ${clusterCidr} goto ${all}`] : []),
      `fib saddr type local ${MASQUERADE_LATER} goto ${all}`,
      ...(local ? [`goto ${local}`] : []),
    );
  }

  #onlyFrom(s: ServicePort, chain: string): string {
    const ip = this.#ip;
    const own = s.openToNode ? s.loadBalancerIPs : [];
    const id = hash(s.id, s.protocol, chain, ...own);
    const elements = new Map(s.sourceRanges.map((r) => [r, '']));
    // Ranges may lie in one another.
    this.sets.push([`ranges-${id}`, { declaration: `type ${this.#type}; flags interval; auto-merge;`, elements }]);
    return this.#chain(
      `ranges-of-${id}`,
      `${ip} saddr @ranges-${id} goto ${chain}`,
      ...own.map((a) => `${ip} saddr ${a} ${ip} daddr ${a} goto ${chain}`),
    );
  }
}
