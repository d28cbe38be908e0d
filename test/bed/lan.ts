import { existsSync, readdirSync } from 'node:fs';
import { run } from '../../deploy/run.ts';

/**
 * The network between the nodes: a bridge in a network namespace of its own, so that no rule of the machine touches what
 * the nodes say to each other, and a cable from it to the machine, where the control plane runs.
 */
export interface Lan {
  /** The machine's address in the LAN. */
  readonly gateway: string;
  /** Of a LAN with IPv6; undefined in others. */
  readonly gateway6: string | undefined;
  /** Namespace of a node, as in /run/netns. */
  namespace(node: number): string;
  address(node: number): string;
  /** Of a LAN with IPv6; undefined in others. */
  address6(node: number): string | undefined;
  /** Plugs a new namespace into the switch. Whatever had the same number before is gone. */
  plug(node: number): Promise<void>;
  /** The same for a virtual machine, which has a tap named `port<node>` in the switch's namespace. */
  plugTap(node: number): Promise<void>;
  /** Namespace of the switch. */
  readonly name: string;
  /** Pulls its cable: what it still says while it ends is heard by nobody. */
  unplug(node: number): Promise<void>;
  /** A way for a node to the network of the machine outside. @returns the file of that namespace */
  outside(): Promise<string>;
  remove(): Promise<void>;
}

/** The service range has to be routable somewhere for a connection from the node itself to reach the rules at all. */
export const SERVICES = '10.96.0.0/16';
const SERVICES6 = 'fd00:10:96::/112';

const ip = (lines: readonly string[], namespace?: string): Promise<string> =>
  run('ip', [...(namespace ? ['-n', namespace] : []), '-batch', '-'], { input: `${lines.join('\n')}\n` });

const nameOf = (bed: number, part: string | number): string => `cx${bed}-${part}`;

/** @param prefix first three numbers of a /24 such as "198.18.1". @param dualStack nodes have IPv6 addresses too. */
export async function createLan(bed: number, prefix: string, dualStack: boolean): Promise<Lan> {
  const lan = nameOf(bed, 'lan');
  const cable = nameOf(bed, 'host');
  const gateway = `${prefix}.1`;
  await removeLan(bed);
  await ip([`netns add ${lan}`, `link add ${cable} type veth peer name uplink netns ${lan}`]);
  await ip(['link add br0 type bridge', 'link set lo up', 'link set br0 up', 'link set uplink master br0 up'], lan);
  const prefix6 = dualStack ? `fd00:10:1:${bed.toString(16)}` : undefined;
  const gateway6 = prefix6 && `${prefix6}::1`;
  await ip([`addr add ${gateway}/24 dev ${cable}`, `link set ${cable} up`]);
  if (gateway6) await ip([`addr add ${gateway6}/64 dev ${cable} nodad`]);
  const namespace = (node: number): string => nameOf(bed, node);
  const address = (node: number): string => `${prefix}.${10 + node}`;
  const address6 = (node: number): string | undefined => prefix6 && `${prefix6}::${(10 + node).toString(16)}`;
  return {
    name: lan,
    gateway,
    gateway6,
    namespace,
    address,
    address6,
    remove: () => removeLan(bed),
    async unplug(node) {
      await ip([`link set port${node} down`], lan);
    },
    async outside() {
      const file = `/run/netns/${nameOf(bed, 'outside')}`;
      if (!existsSync(file)) await run('ip', ['netns', 'attach', nameOf(bed, 'outside'), String(process.pid)]);
      return file;
    },
    async plugTap(node) {
      await run('ip', ['-n', lan, 'link', 'del', `port${node}`]).catch(() => undefined);
      await ip([`tuntap add dev port${node} mode tap`, `link set port${node} up master br0`], lan);
    },
    async plug(node) {
      const ns = namespace(node);
      await run('ip', ['-n', lan, 'link', 'del', `port${node}`]).catch(() => undefined);
      await run('ip', ['netns', 'del', ns]).catch(() => undefined);
      await ip([`netns add ${ns}`]);
      await ip(
        [`link add port${node} type veth peer name eth0 netns ${ns}`, `link set port${node} master br0 up`],
        lan,
      );
      // Deliberately no default route: pulls and look-ups outside fail at once instead of hanging.
      await ip(
        [
          'link set lo up',
          `addr add ${address(node)}/24 dev eth0`,
          'link set eth0 up',
          `route add ${SERVICES} dev eth0`,
        ],
        ns,
      );
      await run('nsenter', [`--net=/run/netns/${ns}`, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      const own6 = address6(node);
      if (own6) await ip([`addr add ${own6}/64 dev eth0 nodad`, `route add ${SERVICES6} dev eth0`], ns);
    },
  };
}

/** Removes every namespace of a bed; the cables go with them. */
export async function removeLan(bed: number): Promise<void> {
  const prefix = nameOf(bed, '');
  let names: string[];
  try {
    names = readdirSync('/run/netns').filter((name) => name.startsWith(prefix));
  } catch {
    return;
  }
  // The machine's end first: the kernel takes namespaces apart in its own time.
  await run('ip', ['link', 'del', nameOf(bed, 'host')]).catch(() => undefined);
  for (const name of names) await run('ip', ['netns', 'del', name]).catch(() => undefined);
}
