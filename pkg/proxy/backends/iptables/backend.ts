import type { Exec } from '#process/exec.ts';
import { type Chain, chainsText, Iptables, type IptablesTable, type Jump } from '#process/iptables.ts';
import type { Logger } from '#process/logger.ts';
import { routeLoopback } from '../../loopback.ts';
import type { ProxyBackend, ServiceTable } from '../../table/types.ts';
import { CHAINS, PREFIX } from './names.ts';
import { type ChainSet, type Known, type Rendered, type RenderOptions, render } from './render.ts';

const NEW = '-m conntrack --ctstate NEW';
/** Where the kernel's chains lead into ours. */
const JUMPS: readonly Jump[] = [
  { table: 'nat', from: 'PREROUTING', rule: `-j ${CHAINS.services}` },
  { table: 'nat', from: 'OUTPUT', rule: `-j ${CHAINS.services}` },
  { table: 'nat', from: 'POSTROUTING', rule: `-j ${CHAINS.postrouting}` },
  { table: 'filter', from: 'INPUT', rule: `${NEW} -j ${CHAINS.external}` },
  { table: 'filter', from: 'FORWARD', rule: `-j ${CHAINS.forward}` },
  { table: 'filter', from: 'FORWARD', rule: `${NEW} -j ${CHAINS.services}` },
  { table: 'filter', from: 'FORWARD', rule: `${NEW} -j ${CHAINS.external}` },
  { table: 'filter', from: 'OUTPUT', rule: `${NEW} -j ${CHAINS.services}` },
  { table: 'filter', from: 'INPUT', rule: `-j ${CHAINS.firewall}` },
  { table: 'filter', from: 'INPUT', rule: `${NEW} -j ${CHAINS.ranges}` },
  { table: 'filter', from: 'FORWARD', rule: `${NEW} -j ${CHAINS.ranges}` },
  { table: 'filter', from: 'OUTPUT', rule: `${NEW} -j ${CHAINS.ranges}` },
];

/** Chains that are never empty, unless somebody flushed their table. */
const FILLED: readonly Chain[] = [
  { table: 'nat', name: CHAINS.postrouting },
  { table: 'filter', name: CHAINS.firewall },
];

export interface IptablesOptions extends RenderOptions {
  readonly exec: Exec;
  readonly logger: Logger;
}

/** The iptables mode in one address family: one restore per sync, holding only the chains that changed. */
export class IptablesBackend implements ProxyBackend {
  readonly name = 'iptables';
  readonly announcing = 'route';
  readonly #o: IptablesOptions;
  readonly #iptables: Iptables;
  #applied: Rendered | undefined;
  readonly #known: Known = new WeakMap();
  /** Whether the kernel takes rules for SCTP; undefined: it was not asked since everything was written last. */
  #sctp: boolean | undefined;

  constructor(options: IptablesOptions) {
    this.#o = options;
    this.#iptables = new Iptables(options.exec, options.family);
  }

  async apply(table: ServiceTable): Promise<void> {
    const first = this.#applied === undefined;
    if (first) this.#sctp = undefined;
    const wanted = render(await this.#possible(table), this.#o, this.#known);
    const input = first ? await this.#fullRestore(wanted) : incremental(this.#applied as Rendered, wanted);
    if (input !== '') await this.#restore(input);
    if (first) {
      await this.#iptables.ensureJumps(JUMPS);
      if (this.#o.family === 'IPv4') await routeLoopback(this.#o);
    }
    this.#applied = wanted;
  }

  /** Without what the kernel has no part for: with one such rule it would refuse all others. */
  async #possible(table: ServiceTable): Promise<ServiceTable> {
    const ports = table.ports.filter((p) => p.protocol !== 'sctp');
    if (ports.length === table.ports.length) return table;
    if (this.#sctp === undefined) {
      // What it does not take of TCP either is no fault of SCTP's, and the rules as a whole will tell.
      this.#sctp = (await this.#takes('sctp')) || !(await this.#takes('tcp'));
      const { family, logger } = this.#o;
      if (!this.#sctp) logger.warn({ family }, 'this kernel has no xt_sctp: Services of SCTP get no rules');
    }
    return this.#sctp ? table : { ...table, ports };
  }

  /** Tries a rule for a protocol in a chain that nothing leads to. */
  async #takes(protocol: 'sctp' | 'tcp'): Promise<boolean> {
    const probe = new Map([[CHAINS.probe, [`-p ${protocol} -m ${protocol} --dport 1 -j RETURN`]]]);
    const restored = (input: string): Promise<boolean> =>
      this.#iptables.restore(input).then(
        () => true,
        () => false,
      );
    const taken = await restored(chainsText('nat', probe));
    await restored(chainsText('nat', new Map(), [CHAINS.probe]));
    return taken;
  }

  /** After a flush or at start: every chain is written, and chains of a former life are removed, in one transaction. */
  async #fullRestore(wanted: Rendered): Promise<string> {
    const parts: string[] = [];
    for (const table of ['nat', 'filter'] as const) {
      const chains = wanted[table];
      const stale = (await this.#ownChains(table)).filter((c) => !chains.has(c));
      parts.push(chainsText(table, chains, stale));
    }
    return parts.join('');
  }

  async #restore(input: string): Promise<void> {
    try {
      await this.#iptables.restore(input);
    } catch (e) {
      // What is in the kernel now is unknown: the next sync writes everything.
      this.#applied = undefined;
      throw e;
    }
  }

  async #ownChains(table: IptablesTable): Promise<string[]> {
    const r = await this.#iptables.run(['-t', table, '-S']);
    if (r.code !== 0) throw new Error(`the rules of table ${table} cannot be read: ${r.stderr.trim()}`);
    return [...r.stdout.matchAll(/^-N (\S+)$/gm)].map((m) => m[1] ?? '').filter((c) => c.startsWith(PREFIX));
  }

  async intact(): Promise<boolean> {
    if (!this.#applied || (await this.#iptables.holds(JUMPS, FILLED))) return true;
    this.#applied = undefined;
    return false;
  }

  async cleanup(): Promise<void> {
    this.#applied = undefined;
    const [nat, filter] = [await this.#ownChains('nat'), await this.#ownChains('filter')];
    // Nothing leads to chains that are not there.
    if (nat.length + filter.length === 0) return;
    await this.#iptables.removeJumps(JUMPS);
    if (nat.length > 0) await this.#restore(chainsText('nat', new Map(), nat));
    if (filter.length > 0) await this.#restore(chainsText('filter', new Map(), filter));
  }
}

const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a === b || (a !== undefined && a.length === b.length && a.every((r, i) => r === b[i]));

/** Only what differs between two renderings; '' when nothing does. Exported for tests. */
export function incremental(old: Rendered, wanted: Rendered): string {
  let text = '';
  for (const table of ['nat', 'filter'] as const) {
    const changed: ChainSet = new Map();
    for (const [name, rules] of wanted[table]) if (!sameRules(old[table].get(name), rules)) changed.set(name, rules);
    const stale = [...old[table].keys()].filter((c) => !wanted[table].has(c));
    if (changed.size + stale.length > 0) text += chainsText(table, changed, stale);
  }
  return text;
}
