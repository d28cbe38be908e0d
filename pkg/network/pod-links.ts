import { existsSync } from 'node:fs';
import { addressBytes, addressText, familyOf, type Network, parseNetwork } from '#api/meta/ip.ts';
import { type Exec, succeed } from '#process/exec.ts';
import { POD_BRIDGE } from './bridge.ts';

/** A sandbox whose network is made by us. */
export interface LinkedSandbox {
  readonly id: string;
  /** A process in its network. */
  readonly pid: number;
  /** Of the pod, one of each family at most. */
  readonly addresses: readonly string[];
}

/** In the pod. */
const DEVICE = 'eth0';
/** What a name of an interface has room for, beside "veth". */
const ID_LENGTH = 11;
/** The first address of a subnet is of nobody, the second one the bridge's. */
const FIRST = 2n;
const KERNEL_IPV6 = '/proc/sys/net/ipv6';
/** Docker's prefix of hardware addresses. Computed from an IP address, it is the same for whoever has that next. */
const MAC_PREFIX = ['02', '42'];

const linkOf = (sandboxId: string): string => `veth${sandboxId.slice(0, ID_LENGTH)}`;

const macOf = (address: string): string =>
  [...MAC_PREFIX, ...[...(addressBytes(address) ?? [])].slice(-4).map((b) => b.toString(16).padStart(2, '0'))].join(
    ':',
  );

/** How many pods a subnet has addresses for at most; the last one of IPv4 is for all. */
const roomOf = ({ family, size }: Network): bigint => size - (family === 'IPv4' ? 1n : 0n);

const lines = (all: readonly string[]): { input: string } => ({ input: `${all.join('\n')}\n` });

/** For `ip -batch` on the node. Pure. */
export function nodeLines({ id, pid, addresses }: LinkedSandbox, mtu: number | undefined): string[] {
  const link = linkOf(id);
  const bytes = mtu === undefined ? '' : ` mtu ${mtu}`;
  const peer = `peer name ${DEVICE}${bytes} address ${macOf(addresses[0] ?? '')} netns ${pid}`;
  return [`link add ${link}${bytes} type veth ${peer}`, ...joinLines(link)];
}

/** A port sends packets back where they came from, so that pods reach themselves through their service's address. */
const joinLines = (link: string): string[] => [
  `link set dev ${link} master ${POD_BRIDGE} up`,
  `link set dev ${link} type bridge_slave hairpin on`,
];

/** For `ip -batch` in the pod. Pure. */
export function podLines(addresses: readonly string[], subnets: readonly Network[]): string[] {
  const pairs = addresses.flatMap((address) => {
    const subnet = subnets.find((s) => s.family === familyOf(address));
    return subnet ? [{ address, subnet }] : [];
  });
  return [
    // Nobody else has the address: it need not be asked for.
    ...pairs.map(({ address, subnet: { bits, family } }) => {
      return `addr add ${address}/${bits} dev ${DEVICE}${family === 'IPv6' ? ' nodad' : ''}`;
    }),
    `link set dev ${DEVICE} up`,
    ...pairs.map(
      ({ subnet: { base, family } }) => `route add default via ${addressText(base + 1n, family)} dev ${DEVICE}`,
    ),
  ];
}

/**
 * Addresses of this node's pods and their links to the bridge, which two runs of `ip` make: Docker, whose bridge it is, starts
 * itself twice for each container that it attaches, and that takes half of a sandbox's start. Which addresses a sandbox has
 * stands in its labels.
 */
export class PodLinks {
  readonly #exec: Exec;
  #subnets: readonly Network[] = [];
  #mtu: number | undefined;
  /** By UID of the pod. */
  readonly #taken = new Map<string, readonly string[]>();
  /** Interfaces on the node, by UID of the pod. */
  readonly #links = new Map<string, string>();
  /** The place in the subnets that was given away last: addresses are given again as late as possible. */
  #last = FIRST - 1n;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** @param cidrs of this node's pods, one of each family. @param mtu bytes; undefined: the kernel's own */
  use(cidrs: readonly string[], mtu: number | undefined): void {
    this.#subnets = cidrs.map(parseNetwork);
    this.#mtu = mtu;
  }

  /** Does any pod hang on the bridge? */
  get any(): boolean {
    return this.#links.size > 0;
  }

  /** Of a sandbox with these addresses: without one of IPv6 it has nothing of IPv6, where the kernel has that. */
  sysctls(addresses: readonly string[]): Readonly<Record<string, string>> {
    const none = addresses.every((a) => familyOf(a) === 'IPv4');
    return none && existsSync(KERNEL_IPV6) ? { 'net.ipv6.conf.all.disable_ipv6': '1' } : {};
  }

  /**
   * Addresses for a new sandbox of a pod, one in each subnet.
   * @param others that are not to be given, known here or not. @throws Error when there is none left
   */
  take(podUid: string, others: readonly string[]): readonly string[] {
    const used = new Set([...others, ...[...this.#taken].flatMap(([uid, own]) => (uid === podUid ? [] : own))]);
    const [room = 0n] = this.#subnets.map(roomOf).sort((a, b) => (a < b ? -1 : 1));
    for (let tried = FIRST; tried < room; tried++) {
      this.#last = this.#last + 1n < room ? this.#last + 1n : FIRST;
      const addresses = this.#subnets.map((s) => addressText(s.base + this.#last, s.family));
      if (addresses.some((a) => used.has(a))) continue;
      this.#taken.set(podUid, addresses);
      return addresses;
    }
    throw new Error('no address is left for pods on this node');
  }

  /** A pod has these addresses, whoever gave them to it. */
  note(podUid: string, addresses: readonly string[]): void {
    this.#taken.set(podUid, addresses);
  }

  /** Nothing of the pod has an address any more. Its link went with its sandbox. */
  free(podUid: string): void {
    this.#taken.delete(podUid);
    this.#links.delete(podUid);
  }

  /** Links a sandbox to the bridge; one that is linked stays as it is. @throws Error with the words of ip */
  async attach(podUid: string, sandbox: LinkedSandbox): Promise<void> {
    this.note(podUid, sandbox.addresses);
    const link = linkOf(sandbox.id);
    if (!(await this.#make(sandbox))) {
      // It was made before, by an agent that may have ended in the middle of it.
      if (await this.#complete(sandbox)) await succeed(this.#exec, 'ip', ['-batch', '-'], lines(joinLines(link)));
      else await this.#again(sandbox);
    }
    this.#links.set(podUid, link);
  }

  /** @returns false when there is such a link already, or none can be made */
  async #make(sandbox: LinkedSandbox): Promise<boolean> {
    if (this.#subnets.length === 0) return false;
    const { code } = await this.#exec('ip', ['-batch', '-'], lines(nodeLines(sandbox, this.#mtu)));
    if (code === 0) await this.#address(sandbox);
    return code === 0;
  }

  async #again(sandbox: LinkedSandbox): Promise<void> {
    if (this.#subnets.length === 0) throw new Error('the node has no pod CIDR yet');
    await this.#exec('ip', ['link', 'del', 'dev', linkOf(sandbox.id)]);
    await succeed(this.#exec, 'ip', ['-batch', '-'], lines(nodeLines(sandbox, this.#mtu)));
    await this.#address(sandbox);
  }

  async #address({ pid, addresses }: LinkedSandbox): Promise<void> {
    const args = ['-t', String(pid), '-n', 'ip', '-batch', '-'];
    await succeed(this.#exec, 'nsenter', args, lines(podLines(addresses, this.#subnets)));
  }

  /** Its end in the pod is up once that was seen to; what the pod makes of its addresses then is its own affair. */
  async #complete({ pid }: LinkedSandbox): Promise<boolean> {
    const shown = ['-t', String(pid), '-n', 'ip', '-o', 'link', 'show', 'up', 'dev', DEVICE];
    const { code, stdout } = await this.#exec('nsenter', shown);
    return code === 0 && stdout.trim() !== '';
  }

  /** Puts all links to a bridge that was made anew. */
  async rejoin(): Promise<void> {
    for (const link of this.#links.values()) await this.#exec('ip', ['-batch', '-'], lines(joinLines(link)));
  }
}
