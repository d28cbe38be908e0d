import { addressNumber, addressText, familyOf } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import { succeed } from '#process/exec.ts';
import type { PodRoute } from './routes.ts';

export const VXLAN_DEVICE = 'cox-vxlan';
/** VXLAN network identifier and UDP port, the same on all nodes. */
const VNI = 1;
const PORT = 8472;
/** What the outer headers take of a packet. */
const OVERHEAD = 50;

/** This node: its pods' range, of IPv4, and the address its peers know. */
export interface TunnelEnd {
  readonly cidr: string;
  readonly ip: string;
}

/** The hardware address of a node's end, computed from its address: peers need not tell it to each other. */
export const macOf = (ip: string): string =>
  ['02', '76', ...ip.split('.').map((n) => Number(n).toString(16).padStart(2, '0'))].join(':');
/** First address of a range: that of the tunnel's end, since the bridge has the next one. */
export const endOf = (cidr: string): string => cidr.split('/')[0] ?? '';

const LINK_LOCAL = (0xfe80n << 112n) | (0x76n << 32n);
/**
 * What a peer's end is called in routes to its pods: nobody is asked for it, and nobody needs to have it, since its hardware
 * address is written down. In IPv6 that is no address of the range, for the first one there belongs to all routers.
 */
const nextHop = ({ cidr, via }: PodRoute): string =>
  familyOf(cidr) === 'IPv6' ? addressText(LINK_LOCAL | addressNumber(via), 'IPv6') : endOf(cidr);

/** Routes to peers through the tunnel. Pure. */
export const tunnelRoutes = (peers: readonly PodRoute[]): PodRoute[] =>
  peers.map((p) => ({ cidr: p.cidr, via: nextHop(p), dev: VXLAN_DEVICE }));

/** Static entries of one peer: address of its end, hardware address, node address. */
interface Entry {
  readonly end: string;
  readonly mac: string;
  readonly node: string;
}
const entryOf = (p: PodRoute): Entry => ({ end: nextHop(p), mac: macOf(p.via), node: p.via });

interface Neighbour {
  readonly dst: string;
  readonly lladdr?: string;
}
interface Forwarding {
  readonly mac: string;
  readonly dst?: string;
}

/**
 * Lines for `ip -batch` and `bridge -batch` that turn the entries there are into those of the peers; empty where nothing is
 * to be done. Pure.
 */
export function planEntries(
  peers: readonly PodRoute[],
  present: { readonly neighbours: readonly Neighbour[]; readonly forwarding: readonly Forwarding[] },
): { ip: string[]; bridge: string[] } {
  const wanted = peers.map(entryOf);
  const ip = present.neighbours
    .filter((n) => !wanted.some((w) => w.end === n.dst))
    .map((n) => `neigh del ${n.dst} dev ${VXLAN_DEVICE}`);
  const bridge = present.forwarding
    .filter((f) => f.dst !== undefined && !wanted.some((w) => w.mac === f.mac && w.node === f.dst))
    .map((f) => `fdb del ${f.mac} dev ${VXLAN_DEVICE} dst ${f.dst} self`);
  for (const { end, mac, node } of wanted) {
    if (!present.neighbours.some((n) => n.dst === end && n.lladdr === mac)) {
      ip.push(`neigh replace ${end} lladdr ${mac} dev ${VXLAN_DEVICE} nud permanent`);
    }
    if (!present.forwarding.some((f) => f.mac === mac && f.dst === node)) {
      bridge.push(`fdb append ${mac} dev ${VXLAN_DEVICE} dst ${node} self permanent`);
    }
  }
  // A peer whose pods have two ranges is one end.
  return { ip, bridge: [...new Set(bridge)] };
}

interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly address?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_data?: { id?: number; port?: number; local?: string; link?: string; learning?: boolean };
  };
}

/**
 * Pods of other nodes through a VXLAN of the kernel: for nodes without a common link. Nothing is learned or flooded; where a
 * packet goes is written from Node objects.
 */
export class Vxlan {
  readonly #exec: Exec;
  #known = '';

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** Largest packet that pods may send, bytes. @throws Error when this machine does not have the address */
  async mtu(ip: string): Promise<number> {
    return (await this.#under(ip)).mtu - OVERHEAD;
  }

  /**
   * Makes device and entries as they should be.
   * @param peers ranges of either family, by nodes' IPv4 addresses. @returns the routes that lead through it
   */
  async ensure(own: TunnelEnd, peers: readonly PodRoute[]): Promise<PodRoute[]> {
    let present = this.#known === JSON.stringify(own) ? await this.#entries() : undefined;
    if (!present) {
      await this.#device(own);
      present = await this.#entries();
      if (!present) throw new Error(`the device ${VXLAN_DEVICE} is gone again`);
      this.#known = JSON.stringify(own);
    }
    const { ip, bridge } = planEntries(peers, present);
    if (bridge.length > 0) await this.#run('bridge', ['-batch', '-'], bridge);
    if (ip.length > 0) await this.#run('ip', ['-batch', '-'], ip);
    return tunnelRoutes(peers);
  }

  /** Removes the device and with it all entries; nothing happens without one. */
  async remove(): Promise<void> {
    this.#known = '';
    if ((await this.#exec('ip', ['link', 'show', 'dev', VXLAN_DEVICE])).code !== 0) return;
    await this.#run('ip', ['link', 'del', 'dev', VXLAN_DEVICE]);
  }

  /** Undefined when there is no device, or it is down. */
  async #entries(): Promise<Parameters<typeof planEntries>[1] | undefined> {
    const [neighbours, forwarding] = await Promise.all([
      this.#exec('ip', ['-j', 'neigh', 'show', 'dev', VXLAN_DEVICE, 'nud', 'permanent']),
      this.#exec('bridge', ['-j', 'fdb', 'show', 'dev', VXLAN_DEVICE]),
    ]);
    if (neighbours.code !== 0 || forwarding.code !== 0) return undefined;
    return {
      neighbours: JSON.parse(neighbours.stdout || '[]') as Neighbour[],
      forwarding: JSON.parse(forwarding.stdout || '[]') as Forwarding[],
    };
  }

  async #under(ip: string): Promise<Link> {
    const { stdout } = await this.#exec('ip', ['-j', 'addr', 'show', 'to', ip]);
    const link = (JSON.parse(stdout || '[]') as Partial<Link>[]).find((l) => l.ifname !== undefined);
    if (!link) throw new Error(`no interface of this machine has the node's address ${ip}`);
    return link as Link;
  }

  async #device({ cidr, ip }: TunnelEnd): Promise<void> {
    const under = await this.#under(ip);
    const mtu = under.mtu - OVERHEAD;
    const shown = await this.#exec('ip', ['-d', '-j', 'link', 'show', 'dev', VXLAN_DEVICE]);
    const [link] = shown.code === 0 ? (JSON.parse(shown.stdout) as Link[]) : [];
    const data = link?.linkinfo?.info_data;
    const fits =
      data?.id === VNI &&
      data.port === PORT &&
      data.local === ip &&
      data.link === under.ifname &&
      data.learning === false;
    const lines: string[] = [];
    if (link && !fits) lines.push(`link del dev ${VXLAN_DEVICE}`);
    if (!fits) {
      lines.push(
        `link add ${VXLAN_DEVICE} address ${macOf(ip)} type vxlan id ${VNI} dev ${under.ifname} local ${ip} dstport ${PORT} nolearning`,
      );
    }
    lines.push(`link set dev ${VXLAN_DEVICE} address ${macOf(ip)} mtu ${mtu}`);
    lines.push(`addr flush dev ${VXLAN_DEVICE} scope global`, `addr add ${endOf(cidr)}/32 dev ${VXLAN_DEVICE}`);
    lines.push(`link set dev ${VXLAN_DEVICE} up`);
    await this.#run('ip', ['-batch', '-'], lines);
  }

  async #run(program: string, args: readonly string[], lines: readonly string[] = []): Promise<void> {
    await succeed(this.#exec, program, args, lines.length > 0 ? { input: `${lines.join('\n')}\n` } : {});
  }
}
