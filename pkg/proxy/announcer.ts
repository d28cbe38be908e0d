import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { IpFamily } from '#api/meta/ip.ts';
import { systemClock } from '#async/clock.ts';
import type { Exec, ExecResult } from '#process/exec.ts';
import { succeed } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ensureSysctl } from '#process/sysctl.ts';
import type { Announcing } from './table/types.ts';

/** Marks our routes in the kernel's table, so that only they are ever removed. */
const ROUTE_PROTOCOL = '253';
const TIMEOUT_MS = 5000;
/** The kernel takes a new IPv6 address into use a moment after it was told of it: so often that is looked at, so many ms apart. */
const LOOKS = 25;
const BETWEEN_LOOKS_MS = 20;
/** Nobody's address ever (RFC 7600): a question for it is heard by all and answered by none. */
const NOBODY = '192.0.0.8';
const DISCARD_PORT = 9;

const ROUTES = ['table', 'local', 'proto', ROUTE_PROTOCOL];
const FAMILY = { IPv4: { version: '-4', bits: 32 }, IPv6: { version: '-6', bits: 128 } } as const;

/** Addresses of `ip -j route show table local proto 253`. */
export function parseLocalRoutes(json: string): string[] {
  const routes = JSON.parse(json || '[]') as { readonly dst: string }[];
  return routes.map((r) => r.dst.replace(/\/(32|128)$/, ''));
}

/** An interface that has an address. */
interface Place {
  readonly link: string;
  /** The kernel does not use it, since somebody on the LAN has it (duplicate address detection, RFC 4862). */
  readonly refused: boolean;
}

/** Which interface has each address, by `ip -j addr show scope global`. Those of the ipvs mode are that mode's. */
export function parsePlaces(json: string): Map<string, Place> {
  type Shown = { ifname?: string; addr_info?: { local?: string; dadfailed?: boolean }[] };
  const places = new Map<string, Place>();
  for (const { ifname: link, addr_info = [] } of JSON.parse(json || '[]') as Shown[]) {
    if (link === undefined || link.startsWith('cox-ipvs')) continue;
    for (const a of addr_info) if (a.local) places.set(a.local, { link, refused: a.dadfailed === true });
  }
  return places;
}

/** The interface that has an address, so that the LAN is behind it. */
export const interfaceOf = (address: string, all: ReturnType<typeof networkInterfaces>): string | undefined =>
  Object.entries(all).find(([, has]) => has?.some((a) => a.address === address))?.[0];

/** The kernel's name of a parameter of an interface. */
const parameter = (link: string, name: string): string => `net.ipv6.conf.${link.replaceAll('.', '/')}.${name}`;

export interface AnnouncerOptions {
  readonly exec: Exec;
  readonly logger: Logger;
  readonly family: IpFamily;
  readonly how: Announcing;
}

/**
 * Answers on the LAN for addresses of load balancers. A route of type local is all the kernel needs to reply to ARP for an
 * address that no interface has; neighbour discovery, and ARP where it is limited to what interfaces have (ipvs), want the
 * address on the interface of the LAN too, and the route then only tells that it is ours. Neighbours that know the address at
 * another node are told: by ARP with a question that bears it as the sender's, from which they learn (RFC 826), of IPv6 with
 * an unsolicited neighbour advertisement, which the kernel sends.
 */
export class Announcer {
  readonly #o: AnnouncerOptions;
  readonly #onInterface: boolean;
  #known: readonly string[] | undefined;

  constructor(options: AnnouncerOptions) {
    this.#o = options;
    this.#onInterface = options.how === 'address' || options.family === 'IPv6';
  }

  /** True while the kernel still answers for what was applied last. */
  async intact(): Promise<boolean> {
    if (!this.#known?.length) return true;
    const present = await this.#present();
    if (!this.#known.every((a) => present.includes(a))) return false;
    if (!this.#onInterface) return true;
    // An interface that goes down loses its IPv6 addresses, and somebody may take away any.
    const places = await this.#places();
    return this.#known.every((a) => places.get(a)?.refused === false);
  }

  /** Answers no longer for others than these; before the rules change. */
  async withdraw(wanted: readonly string[]): Promise<void> {
    if (this.#known?.length === 0) return;
    await this.#stop((await this.#present()).filter((a) => !wanted.includes(a)));
  }

  /** Answers for these addresses. @param nodeIp where the node itself is in its LAN */
  async announce(wanted: readonly string[], nodeIp: string | undefined): Promise<void> {
    const known = this.#known;
    if (known?.length === 0 && wanted.length === 0) return;
    const present = await this.#present();
    const lan = nodeIp === undefined ? undefined : interfaceOf(nodeIp, networkInterfaces());
    const added = wanted.filter((a) => !present.includes(a));
    for (const a of added) await this.#route('add', a);
    if (known === undefined && lan !== undefined && this.#o.family === 'IPv6') await this.#askAgain(lan);
    await this.#place(wanted, lan);
    this.#known = wanted;
    // After a restart everybody knows, unless somebody else answered in the meantime.
    if (lan !== undefined) await this.#tell(known === undefined ? wanted : added, lan);
  }

  /** Removes everything that was ever made. */
  async cleanup(): Promise<void> {
    await this.#stop(await this.#present());
    await this.#ip(['route', 'flush', 'proto', ROUTE_PROTOCOL]);
    this.#known = undefined;
  }

  async #present(): Promise<string[]> {
    const args = [FAMILY[this.#o.family].version, '-j', 'route', 'show', ...ROUTES];
    return parseLocalRoutes(await succeed(this.#o.exec, 'ip', args, { timeoutMs: TIMEOUT_MS }));
  }

  async #places(): Promise<Map<string, Place>> {
    const args = [FAMILY[this.#o.family].version, '-j', 'addr', 'show', 'scope', 'global'];
    return parsePlaces(await succeed(this.#o.exec, 'ip', args, { timeoutMs: TIMEOUT_MS }));
  }

  async #stop(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    const places = await this.#places();
    for (const a of addresses) {
      await this.#take(a, places.get(a));
      await this.#route('del', a);
    }
  }

  async #take(address: string, from: Place | undefined): Promise<void> {
    if (from) await this.#ip(['addr', 'del', this.#whole(address), 'dev', from.link]);
  }

  async #route(verb: 'add' | 'del', address: string): Promise<void> {
    const { exec, logger, family } = this.#o;
    const args = [FAMILY[family].version, 'route', verb, 'local', this.#whole(address), 'dev', 'lo', ...ROUTES];
    await succeed(exec, 'ip', args, { timeoutMs: TIMEOUT_MS });
    logger.info({ address }, verb === 'add' ? 'answering for an address' : 'no longer answering for an address');
  }

  /** Has the addresses on the interface of the LAN, or on none. */
  async #place(wanted: readonly string[], lan: string | undefined): Promise<void> {
    // A restarted proxy may be in another mode: what the former one did is undone.
    if (wanted.length === 0 || !(this.#onInterface || this.#known === undefined)) return;
    const places = await this.#places();
    const missing = wanted.filter((a) => !this.#onInterface || places.get(a)?.refused !== false);
    for (const address of missing) await this.#take(address, places.get(address));
    if (!this.#onInterface || missing.length === 0) return;
    if (lan === undefined)
      throw new Error(`no interface has this node's own address: ${missing[0]} cannot be answered for`);
    const add = async (told: boolean): Promise<void> => {
      for (const a of missing) await this.#put(a, lan, told && places.get(a)?.refused !== true);
    };
    if (this.#o.family === 'IPv6' && (await this.#advertises(lan))) await this.#unasked(lan, missing, add);
    else await add(false);
  }

  /** @param told the kernel tells the neighbours of it */
  async #put(address: string, lan: string, told: boolean): Promise<void> {
    // With that flag the kernel neither asks for it nor tells of it.
    const flags = this.#o.family === 'IPv6' && !told ? ['nodad'] : [];
    const added = await this.#ip(['addr', 'add', this.#whole(address), 'dev', lan, ...flags]);
    if (added.code !== 0) throw new Error(`ip addr add ${address}: ${added.stderr.trim()}`);
  }

  /**
   * The kernel tells all neighbours of an address once it knows that nobody else has it, for which it asks for a second or
   * two. Who has it nevertheless is to lose it: while addresses are added, the interface is told not to ask, by its parameter's
   * negative, which tells whoever comes after a kill what it was.
   */
  async #unasked(lan: string, addresses: readonly string[], add: (told: boolean) => Promise<void>): Promise<void> {
    const { exec, logger } = this.#o;
    const key = parameter(lan, 'accept_dad');
    const before = Math.abs(await this.#asks(lan));
    const problem = await ensureSysctl(exec, key, `${-before}`);
    if (problem !== undefined) {
      logger.warn({ problem }, 'neighbours will be told of IPv6 addresses a second late');
      return add(true);
    }
    try {
      await add(true);
      for (let looks = 0; looks < LOOKS && (await this.#tentative(lan, addresses)); looks++)
        await systemClock.sleep(BETWEEN_LOOKS_MS);
    } finally {
      await ensureSysctl(exec, key, `${before}`);
    }
  }

  /** Whether the kernel asks for new addresses of an interface: above 0. @returns 0 if that is not known */
  async #asks(lan: string): Promise<number> {
    const { stdout } = await this.#o.exec('sysctl', ['-n', parameter(lan, 'accept_dad')], { timeoutMs: TIMEOUT_MS });
    return Number.parseInt(stdout, 10) || 0;
  }

  /** Has the kernel ask again, if a former life of this ended while it was told not to. */
  async #askAgain(lan: string): Promise<void> {
    const left = await this.#asks(lan);
    if (left < 0) await ensureSysctl(this.#o.exec, parameter(lan, 'accept_dad'), `${-left}`);
  }

  /** Whether the kernel does not use some address of an interface yet. */
  async #tentative(lan: string, addresses: readonly string[]): Promise<boolean> {
    const places = parsePlaces((await this.#ip(['-j', 'addr', 'show', 'dev', lan, 'tentative'])).stdout);
    return addresses.some((a) => places.get(a)?.refused === false);
  }

  /** Whether new addresses of an interface are advertised, which is a parameter of the kernel's. */
  async #advertises(lan: string): Promise<boolean> {
    const { exec, logger } = this.#o;
    const problem = await ensureSysctl(exec, parameter(lan, 'ndisc_notify'), '1');
    if (problem !== undefined) logger.warn({ problem }, 'neighbours will not be told of IPv6 addresses');
    return problem === undefined;
  }

  #whole(address: string): string {
    return `${address}/${FAMILY[this.#o.family].bits}`;
  }

  #ip(args: readonly string[]): Promise<ExecResult> {
    return this.#o.exec('ip', [FAMILY[this.#o.family].version, ...args], { timeoutMs: TIMEOUT_MS });
  }

  /** Without it neighbours find out themselves, when what they know does not work any more. Of IPv6 the kernel tells. */
  async #tell(addresses: readonly string[], lan: string): Promise<void> {
    const { exec, logger, family } = this.#o;
    if (family === 'IPv6') return;
    for (const address of addresses) {
      if (this.#onInterface) {
        // The kernel chooses another sender's address where it is told to announce carefully, as ipvs wants it.
        const words = ['-U', '-c', '1', '-w', '1', '-I', lan, '-s', address, address];
        await exec('arping', words, { timeoutMs: TIMEOUT_MS }).catch((err: unknown) =>
          logger.debug({ err, address }, 'neighbours were not told'),
        );
        continue;
      }
      await this.#ip(['route', 'replace', `${NOBODY}/32`, 'dev', lan, 'proto', ROUTE_PROTOCOL]);
      // Otherwise the kernel asks only once for all.
      await this.#ip(['neigh', 'del', NOBODY, 'dev', lan]);
      await ask(address).catch((err: unknown) => logger.debug({ err, address }, 'neighbours were not told'));
    }
  }
}

function ask(from: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (e?: Error | null): void => {
      socket.close();
      if (e) reject(e);
      else resolve();
    };
    socket.once('error', end);
    socket.bind(0, from, () => socket.send('', DISCARD_PORT, NOBODY, end));
  });
}
