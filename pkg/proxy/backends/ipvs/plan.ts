import type { IpFamily } from '#api/meta/ip.ts';
import { hostPort } from '#api/meta/ip.ts';
import type { ServicePort, ServiceTable } from '../../table/types.ts';

/** A virtual server and its real servers, as the kernel shall have them. */
export interface VirtualServer {
  /** ipvsadm's words for it: "-t 10.96.0.1:443". */
  readonly key: string;
  /** Scheduler and persistence: "-s rr -p 60". */
  readonly options: string;
  /** "10.244.1.2:8080" */
  readonly servers: readonly string[];
}

export interface IpvsPlan {
  /** Addresses the dummy interface carries, so that the kernel takes packets for them in. */
  readonly addresses: readonly string[];
  readonly virtual: ReadonlyMap<string, VirtualServer>;
  /** Kind of set → its elements. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The sets the constant rules look into, by what they are for. */
export type SetName = 'CLUSTER' | 'MASQ' | 'MASQ-NP-TCP' | 'MASQ-NP-UDP' | 'HAIRPIN' | 'GUARDED' | 'ALLOWED';

const PORTS = 'bitmap:port range 0-65535';
const KINDS: Readonly<Record<SetName, string>> = {
  CLUSTER: 'hash:ip,port',
  /** Addresses for outside that hide their clients. */
  MASQ: 'hash:ip,port',
  'MASQ-NP-TCP': PORTS,
  'MASQ-NP-UDP': PORTS,
  /** A pod that reaches itself through its service. */
  HAIRPIN: 'hash:ip,port,ip',
  /** Addresses of load balancers that are not open to everybody, and who is let in. */
  GUARDED: 'hash:ip,port',
  ALLOWED: 'hash:ip,port,net',
};

const PREFIX: Readonly<Record<IpFamily, string>> = { IPv4: 'COX-', IPv6: 'COX6-' };
/** Name of a set in the kernel. */
export const setName = (family: IpFamily, name: SetName): string => `${PREFIX[family]}${name}`;

/** The sets of a family: name → kind, as ipset is told. */
export function setKinds(family: IpFamily): ReadonlyMap<string, string> {
  const kind = (of: string): string => (family === 'IPv6' && of !== PORTS ? `${of} family inet6` : of);
  return new Map(Object.entries(KINDS).map(([name, of]) => [setName(family, name as SetName), kind(of)]));
}

/** A set cannot hold the network of everybody in one element. */
const HALVES: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['0.0.0.0/1', '128.0.0.0/1'],
  '::/0': ['::/1', '8000::/1'],
};

const FLAG = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const;

/**
 * Of schedulers, where there are any. One that chooses by an address goes on choosing a real server of weight 0, and then
 * refuses the connection; "sh" may be told to choose another.
 */
const SCHEDULER_FLAGS: Readonly<Record<string, string>> = { sh: 'sh-fallback' };

/** ipvsadm's words. @param persistence in seconds, 0: none */
function optionsOf(scheduler: string, flags: string | undefined, persistence: number): string {
  return `-s ${scheduler}${flags ? ` -b ${flags}` : ''}${persistence > 0 ? ` -p ${persistence}` : ''}`;
}

/** Whether a real server that goes keeps its connections. UDP has none, and "dh" would refuse all new ones meanwhile. */
const isGraceful = ({ key, options }: VirtualServer): boolean => key.startsWith('-t') && !options.startsWith('-s dh');

class Planner {
  readonly addresses = new Set<string>();
  readonly virtual = new Map<string, VirtualServer>();
  readonly sets: ReadonlyMap<string, Set<string>>;
  readonly #o: PlanOptions;
  readonly #nodeAddresses: readonly string[];

  constructor(o: PlanOptions) {
    this.#o = o;
    this.#nodeAddresses = o.nodeAddresses;
    this.sets = new Map([...setKinds(o.family).keys()].map((name) => [name, new Set<string>()]));
  }

  service(s: ServicePort): void {
    this.#server(s, hostPort(s.clusterIP, s.port), s.internal);
    this.addresses.add(s.clusterIP);
    this.#add('CLUSTER', this.#element(s, s.clusterIP));
    for (const ip of [...s.externalIPs, ...s.loadBalancerIPs]) {
      this.#server(s, hostPort(ip, s.port), s.external);
      // An address the node has anyway must not be taken from it with the service.
      if (!this.#nodeAddresses.includes(ip)) this.addresses.add(ip);
      if (!s.externalLocal) this.#add('MASQ', this.#element(s, ip));
    }
    this.#guard(s);
    for (const e of s.cluster) if (e.local) this.#add('HAIRPIN', `${e.ip},${s.protocol}:${e.port},${e.ip}`);
    if (s.nodePort === 0) return;
    for (const ip of this.#nodeAddresses) this.#server(s, hostPort(ip, s.nodePort), s.external);
    if (s.externalLocal) return;
    if (s.protocol !== 'sctp') this.#add(s.protocol === 'tcp' ? 'MASQ-NP-TCP' : 'MASQ-NP-UDP', `${s.nodePort}`);
    else for (const ip of this.#nodeAddresses) this.#add('MASQ', `${ip},sctp:${s.nodePort}`);
  }

  #guard(s: ServicePort): void {
    if (s.sourceRanges.length === 0) return;
    for (const ip of s.loadBalancerIPs) {
      if (s.externalIPs.includes(ip)) continue;
      const element = this.#element(s, ip);
      this.#add('GUARDED', element);
      for (const range of s.openToNode ? [...s.sourceRanges, ip] : s.sourceRanges) {
        for (const h of HALVES[range] ?? [range]) this.#add('ALLOWED', `${element},${h}`);
      }
    }
  }

  #element = (s: ServicePort, ip: string): string => `${ip},${s.protocol}:${s.port}`;

  #add(set: SetName, element: string): void {
    this.sets.get(setName(this.#o.family, set))?.add(element);
  }

  #server(s: ServicePort, at: string, ends: ServicePort['cluster']): void {
    const key = `${FLAG[s.protocol]} ${at}`;
    const { scheduler } = this.#o;
    const options = optionsOf(scheduler, SCHEDULER_FLAGS[scheduler], s.affinitySeconds);
    this.virtual.set(key, { key, options, servers: ends.map((e) => hostPort(e.ip, e.port)) });
  }
}

export interface PlanOptions {
  readonly family: IpFamily;
  readonly scheduler: string;
  /** Where node ports are served. */
  readonly nodeAddresses: readonly string[];
}

/** Pure: what IPVS, ipsets and the dummy interface shall hold of a family. */
export function planIpvs(table: ServiceTable, o: PlanOptions): IpvsPlan {
  const p = new Planner(o);
  for (const s of table.ports) p.service(s);
  return { addresses: [...p.addresses].sort(), virtual: p.virtual, sets: p.sets };
}

/**
 * Commands for `ipvsadm -R` that turn one state into another. A real server that goes gets weight 0: its connections go
 * on, new ones avoid it. It is among `ended`, to be deleted when it has no connection left; some go at once.
 * @param ending real servers of weight 0, as in `ended`
 */
export function ipvsCommands(
  old: ReadonlyMap<string, VirtualServer>,
  wanted: ReadonlyMap<string, VirtualServer>,
  ending: ReadonlySet<string> = new Set(),
): { readonly commands: readonly string[]; readonly ended: readonly string[] } {
  const commands: string[] = [];
  const ended: string[] = [];
  for (const [key, v] of wanted) {
    const before = old.get(key);
    if (!before) commands.push(`-A ${key} ${v.options}`);
    else if (before.options !== v.options) commands.push(`-E ${key} ${v.options}`);
    for (const s of v.servers) {
      if (before?.servers.includes(s)) continue;
      // One that comes back while its last connections go on is still there.
      commands.push(`${ending.has(`${key} -r ${s}`) ? '-e' : '-a'} ${key} -r ${s} -m -w 1`);
    }
    for (const s of before?.servers ?? []) {
      if (v.servers.includes(s)) continue;
      if (isGraceful(v)) {
        commands.push(`-e ${key} -r ${s} -m -w 0`);
        ended.push(`${key} -r ${s}`);
      } else commands.push(`-d ${key} -r ${s}`);
    }
  }
  for (const key of old.keys()) if (!wanted.has(key)) commands.push(`-D ${key}`);
  return { commands, ended };
}

/** Elements to be taken out of and put into each set, as `ipset restore` reads them. */
export function setCommands(old: IpvsPlan['sets'], wanted: IpvsPlan['sets']): string[] {
  const lines: string[] = [];
  for (const [name, elements] of wanted) {
    const before = old.get(name);
    for (const e of before ?? []) if (!elements.has(e)) lines.push(`del ${name} ${e} -exist`);
    for (const e of elements) if (!before?.has(e)) lines.push(`add ${name} ${e} -exist`);
  }
  return lines;
}

/** What a set is to hold next, before it does. */
export const nextSet = (name: string): string => `${name}-NEXT`;

/**
 * Gives each set, whatever it holds, its elements at one stroke. Rules that look into it may be in force: were it empty for a
 * moment, connections would begin unmasked meanwhile, and guarded addresses be open.
 */
export function replaceSets(family: IpFamily, wanted: IpvsPlan['sets']): string[] {
  const lines: string[] = [];
  for (const [name, kind] of setKinds(family)) {
    const next = nextSet(name);
    lines.push(`create ${next} ${kind} -exist`, `flush ${next}`);
    for (const e of wanted.get(name) ?? []) lines.push(`add ${next} ${e} -exist`);
    lines.push(`swap ${next} ${name}`, `destroy ${next}`);
  }
  return lines;
}

/** A virtual server as the kernel has it. */
export interface Listed {
  readonly options: string;
  /** Real servers, and the connections of each. */
  readonly servers: Map<string, number>;
  /** Those of weight 0: they get no new connections. */
  readonly ending: Set<string>;
}

/** Reads `ipvsadm -Ln`: virtual servers of a family. */
export function parseListing(text: string, family: IpFamily): Map<string, Listed> {
  const found = new Map<string, Listed>();
  let current: Listed | undefined;
  for (const line of text.split('\n')) {
    const virtual = /^(TCP|UDP|SCTP)\s+(\S+)\s+(\S+)(?: \((\S+)\))?(?:.*persistent (\d+))?/.exec(line);
    if (virtual) {
      const [, protocol = '', at = '', scheduler = '', flags, persistent = '0'] = virtual;
      if (at.startsWith('[') !== (family === 'IPv6')) {
        current = undefined;
        continue;
      }
      current = {
        options: optionsOf(scheduler, flags, Number(persistent)),
        servers: new Map(),
        ending: new Set(),
      };
      found.set(`${FLAG[protocol.toLowerCase() as keyof typeof FLAG]} ${at}`, current);
      continue;
    }
    const real = /^\s+->\s+(\S+:\d+)\s+\S+\s+(\d+)\s+(\d+)\s+(\d+)/.exec(line);
    if (!real || !current) continue;
    const [, server = '', weight, active, inactive] = real;
    current.servers.set(server, Number(active) + Number(inactive));
    if (weight === '0') current.ending.add(server);
  }
  return found;
}
