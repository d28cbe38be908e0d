import { networkInterfaces } from 'node:os';
import type { IpFamily } from '#api/meta/ip.ts';
import { type Exec, succeed } from '#process/exec.ts';
import { type Chain, Iptables, type Jump } from '#process/iptables.ts';
import type { Logger } from '#process/logger.ts';
import { ensureSysctl } from '#process/sysctl.ts';
import type { ProxyBackend, ServiceTable } from '../../table/types.ts';
import {
  type IpvsPlan,
  ipvsCommands,
  nextSet,
  parseListing,
  planIpvs,
  replaceSets,
  type SetName,
  setCommands,
  setKinds,
  setName,
  type VirtualServer,
} from './plan.ts';

export interface IpvsOptions {
  readonly family: IpFamily;
  readonly exec: Exec;
  readonly logger: Logger;
  /** Pod network: traffic from it keeps its source. */
  readonly clusterCidr: string;
  /** How connections are spread: rr, wrr, lc, wlc, sh, dh, sed, nq. */
  readonly scheduler: string;
}

/** Made first and taken away last: without it nothing of ours is there. */
const INTERFACE: Readonly<Record<IpFamily, string>> = { IPv4: 'cox-ipvs0', IPv6: 'cox-ipvs6' };
const NAT = 'COXVS-NAT';
const POSTROUTING = 'COXVS-POSTROUTING';
const FILTER = 'COXVS-FILTER';
const MARK = '0x4000';
const TIMEOUT_MS = 60_000;
/** Where the kernel's chains lead into ours. */
const JUMPS: readonly Jump[] = [
  { table: 'nat', from: 'PREROUTING', rule: `-j ${NAT}` },
  { table: 'nat', from: 'OUTPUT', rule: `-j ${NAT}` },
  { table: 'nat', from: 'POSTROUTING', rule: `-j ${POSTROUTING}` },
  { table: 'filter', from: 'INPUT', rule: `-j ${FILTER}` },
];
const CHAINS: readonly Chain[] = [
  { table: 'nat', name: NAT },
  { table: 'nat', name: POSTROUTING },
  { table: 'filter', name: FILTER },
];
/** NAT replies need conntrack; a server that goes must not leave its clients hanging; the dummy's addresses are not for ARP. */
const SETTINGS = {
  'net.ipv4.vs.conntrack': '1',
  'net.ipv4.vs.conn_reuse_mode': '0',
  'net.ipv4.vs.expire_nodest_conn': '1',
  'net.ipv4.vs.expire_quiescent_template': '1',
  'net.ipv4.conf.all.arp_ignore': '1',
  'net.ipv4.conf.all.arp_announce': '2',
};

/** The rules, which never change: what does is in sets. */
function constantRules({ family, clusterCidr }: Pick<IpvsOptions, 'family' | 'clusterCidr'>): string {
  const set = (name: SetName, flags: string): string => `-m set --match-set ${setName(family, name)} ${flags}`;
  const inside = clusterCidr ? `! -s ${clusterCidr}` : '-m addrtype ! --src-type LOCAL';
  const mark = `-j MARK --or-mark ${MARK}`;
  const natRules = [
    `${inside} ${set('CLUSTER', 'dst,dst')} ${mark}`,
    `${set('MASQ', 'dst,dst')} ${mark}`,
    `-p tcp -m addrtype --dst-type LOCAL ${set('MASQ-NP-TCP', 'dst')} ${mark}`,
    `-p udp -m addrtype --dst-type LOCAL ${set('MASQ-NP-UDP', 'dst')} ${mark}`,
  ];
  const lines = (chain: string, rules: readonly string[]): string[] => rules.map((r) => `-A ${chain} ${r}`);
  return [
    '*nat',
    `:${NAT} - [0:0]`,
    `:${POSTROUTING} - [0:0]`,
    ...lines(NAT, natRules),
    ...lines(POSTROUTING, [
      `${set('HAIRPIN', 'dst,dst,src')} -j MASQUERADE`,
      `-m mark ! --mark ${MARK}/${MARK} -j RETURN`,
      `-j MARK --xor-mark ${MARK}`,
      '-j MASQUERADE --random-fully',
    ]),
    'COMMIT',
    '*filter',
    `:${FILTER} - [0:0]`,
    ...lines(FILTER, [`${set('ALLOWED', 'dst,dst,src')} -j RETURN`, `${set('GUARDED', 'dst,dst')} -j DROP`]),
    'COMMIT',
    '',
  ].join('\n');
}

const ADDRESSES = {
  IPv4: { version: '-4', bits: 32, flags: '' },
  // Every node has them: nobody else is asked whether he has.
  IPv6: { version: '-6', bits: 128, flags: ' nodad' },
} as const;

/** The ipvs mode in one address family: the kernel's load balancer, a dummy interface with its addresses, sets, and a few rules that never change. */
export class IpvsBackend implements ProxyBackend {
  readonly name = 'ipvs';
  /** Its dummy interface has the addresses on every node: only interfaces of the LAN answer for what they have. */
  readonly announcing = 'address';
  readonly #o: IpvsOptions;
  readonly #iptables: Iptables;
  #applied: IpvsPlan | undefined;
  /** Real servers with weight 0 that still have connections. */
  readonly #ending = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: IpvsOptions) {
    this.#o = options;
    this.#iptables = new Iptables(options.exec, options.family);
  }

  apply(table: ServiceTable): Promise<void> {
    return this.#inTurn(() => this.#apply(table));
  }

  /** Looks and changes do not overlap: a server that was about to be deleted may be wanted again. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #apply(table: ServiceTable): Promise<void> {
    const { family, scheduler } = this.#o;
    const wanted = planIpvs(table, { family, scheduler, nodeAddresses: nodeAddresses(family) });
    const first = this.#applied === undefined;
    const old = first ? await this.#setUp() : (this.#applied as IpvsPlan);
    // What is in the kernel after a failure is unknown.
    this.#applied = undefined;
    const sets = first ? replaceSets(family, wanted.sets) : setCommands(old.sets, wanted.sets);
    await this.#input('ipset', ['restore'], sets);
    await this.#addresses(wanted.addresses);
    const { commands, ended } = ipvsCommands(old.virtual, wanted.virtual, this.#ending);
    await this.#input('ipvsadm', ['-R'], commands);
    for (const e of ended) this.#ending.add(e);
    for (const v of wanted.virtual.values()) for (const s of v.servers) this.#ending.delete(`${v.key} -r ${s}`);
    this.#applied = wanted;
    await this.#endServers();
  }

  /** Rules, sets and interface; what a former life has left is the state to start from. */
  async #setUp(): Promise<IpvsPlan> {
    const { exec, logger, family } = this.#o;
    for (const [key, value] of Object.entries(SETTINGS)) {
      const problem = await ensureSysctl(exec, key, value);
      if (problem !== undefined) logger.warn({ problem }, 'a kernel parameter of the ipvs mode is not as it should be');
    }
    const link = await exec('ip', ['link', 'add', INTERFACE[family], 'type', 'dummy'], { timeoutMs: TIMEOUT_MS });
    if (link.code !== 0 && !link.stderr.includes('exists')) throw new Error(`ip link add: ${link.stderr.trim()}`);
    const create = [...setKinds(family)].map(([name, kind]) => `create ${name} ${kind} -exist`);
    await this.#input('ipset', ['restore'], create);
    await this.#iptables.restore(constantRules(this.#o));
    await this.#iptables.ensureJumps(JUMPS);
    const virtual = new Map<string, VirtualServer>();
    // Without our interface, virtual servers that are there are somebody else's.
    const listed = link.code === 0 ? [] : parseListing(await this.#ok('ipvsadm', ['-Ln']), family);
    this.#ending.clear();
    for (const [key, { options, servers, ending }] of listed) {
      // One that was ending may be wanted again by now: it is there, but gets nothing.
      virtual.set(key, { key, options, servers: [...servers.keys()].filter((s) => !ending.has(s)) });
      for (const s of ending) this.#ending.add(`${key} -r ${s}`);
    }
    return { addresses: [], virtual, sets: new Map() };
  }

  async #addresses(wanted: readonly string[]): Promise<void> {
    const { bits, flags } = ADDRESSES[this.#o.family];
    const dev = INTERFACE[this.#o.family];
    const present = await this.#present('scope', 'global');
    const add = wanted.filter((a) => !present.includes(a)).map((a) => `addr add ${a}/${bits} dev ${dev}${flags}`);
    const gone = present.filter((a) => !wanted.includes(a)).map((a) => `addr del ${a}/${bits} dev ${dev}`);
    await this.#input('ip', ['-batch', '-'], [...gone, ...add]);
  }

  /** Addresses of the dummy interface. @throws Error when there is no such interface */
  async #present(...which: string[]): Promise<string[]> {
    const { version } = ADDRESSES[this.#o.family];
    const shown = await this.#ok('ip', ['-o', version, 'addr', 'show', 'dev', INTERFACE[this.#o.family], ...which]);
    return [...shown.matchAll(/inet6? ([^\s/]+)/g)].map((m) => m[1] ?? '');
  }

  /** False when the dummy interface was down for a moment, by which it loses IPv6 addresses, or is not there. */
  async #holds(addresses: readonly string[]): Promise<boolean> {
    const present = new Set(await this.#present().catch(() => []));
    return addresses.every((a) => present.has(a));
  }

  /** Deletes real servers of weight 0 whose last connection has ended. */
  async #endServers(): Promise<void> {
    if (this.#ending.size === 0) return;
    const listed = parseListing(await this.#ok('ipvsadm', ['-Ln']), this.#o.family);
    const commands: string[] = [];
    for (const e of this.#ending) {
      const [key = '', server = ''] = e.split(' -r ');
      const connections = listed.get(key)?.servers.get(server);
      if (connections !== undefined && connections > 0) continue;
      if (connections === 0) commands.push(`-d ${e}`);
      this.#ending.delete(e);
    }
    await this.#input('ipvsadm', ['-R'], commands);
  }

  intact(): Promise<boolean> {
    return this.#inTurn(() => this.#intact());
  }

  async #intact(): Promise<boolean> {
    const applied = this.#applied;
    if (!applied) return true;
    await this.#endServers();
    const listed = await this.#o.exec('ipvsadm', ['-Ln'], { timeoutMs: TIMEOUT_MS });
    const virtual = parseListing(listed.stdout, this.#o.family);
    const whole = [...applied.virtual.keys()].every((key) => virtual.has(key));
    const there = whole && (await this.#holds(applied.addresses));
    if (there && (await this.#iptables.holds(JUMPS, CHAINS))) return true;
    this.#applied = undefined;
    return false;
  }

  async cleanup(): Promise<void> {
    const { exec, family } = this.#o;
    const dev = INTERFACE[family];
    const link = await exec('ip', ['link', 'show', 'dev', dev], { timeoutMs: TIMEOUT_MS });
    this.#applied = undefined;
    if (link.code !== 0) return;
    await this.#iptables.removeJumps(JUMPS);
    for (const { table, name } of CHAINS) {
      await this.#iptables.run(['-t', table, '-F', name]);
      await this.#iptables.run(['-t', table, '-X', name]);
    }
    for (const name of setKinds(family).keys())
      for (const set of [name, nextSet(name)]) await exec('ipset', ['destroy', set], { timeoutMs: TIMEOUT_MS });
    const { stdout } = await exec('ipvsadm', ['-Ln'], { timeoutMs: TIMEOUT_MS });
    const commands = [...parseListing(stdout, family).keys()].map((key) => `-D ${key}`);
    if (commands.length > 0)
      await exec('ipvsadm', ['-R'], { input: `${commands.join('\n')}\n`, timeoutMs: TIMEOUT_MS });
    await exec('ip', ['link', 'del', dev], { timeoutMs: TIMEOUT_MS });
  }

  async #input(command: string, args: readonly string[], lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.#ok(command, args, `${lines.join('\n')}\n`);
  }

  #ok(command: string, args: readonly string[], input?: string): Promise<string> {
    const options = { timeoutMs: TIMEOUT_MS, ...(input === undefined ? {} : { input }) };
    return succeed(this.#o.exec, command, args, options);
  }
}

const NOT_THERE = ['docker0', 'lo', ...Object.values(INTERFACE)];

/** Where node ports are served: the addresses of this node but those of pods' bridge and of the dummy, and loopback. */
function nodeAddresses(family: IpFamily): string[] {
  const found: string[] = [];
  for (const [name, all] of Object.entries(networkInterfaces())) {
    if (NOT_THERE.includes(name)) continue;
    // Link-local addresses have a scope: they mean nothing without their interface.
    for (const a of all ?? []) if (a.family === family && !a.scopeid) found.push(a.address);
  }
  return found;
}
