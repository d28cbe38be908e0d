import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import type { ProxyBackend, ServicePort, ServiceTable } from '../../table/types.ts';
import { CHAINS, PREFIX } from './names.ts';
import { type ChainSet, type Rendered, type RenderOptions, render } from './render.ts';

type TableName = 'nat' | 'filter';

interface Jump {
  readonly table: TableName;
  readonly from: string;
  readonly rule: string;
}

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
];

/** Seconds to wait for the xtables lock: somebody may hold it for long (lessons.md). */
const LOCK_WAIT_S = '60';
const RESTORE_TIMEOUT_MS = 90_000;
/** A chain of this name exists as long as nobody flushed the table. */
const CANARY = `${PREFIX}CANARY`;

export interface IptablesOptions extends RenderOptions {
  readonly exec: Exec;
  readonly logger: Logger;
}

/** The iptables mode: one restore per sync, holding only the chains that changed. */
export class IptablesBackend implements ProxyBackend {
  readonly name = 'iptables';
  readonly #o: IptablesOptions;
  #applied: Rendered | undefined;
  #ports: readonly ServicePort[] = [];

  constructor(options: IptablesOptions) {
    this.#o = options;
  }

  async apply(table: ServiceTable): Promise<void> {
    const wanted = render(table, this.#o);
    const first = this.#applied === undefined;
    const input = first ? await this.#fullRestore(wanted) : incremental(this.#applied as Rendered, wanted);
    if (input !== '') await this.#restore(input);
    if (first) {
      await this.#ensureJumps();
      await this.#sysctl('net.ipv4.conf.all.route_localnet', '1');
    }
    this.#applied = wanted;
    await this.#forgetUdp(table.ports);
    this.#ports = table.ports;
  }

  /** After a flush or at start: every chain is written, and chains of a former life are removed, in one transaction. */
  async #fullRestore(wanted: Rendered): Promise<string> {
    const parts: string[] = [];
    for (const table of ['nat', 'filter'] as const) {
      const chains = new Map(wanted[table]).set(CANARY, []);
      const stale = (await this.#ownChains(table)).filter((c) => !chains.has(c));
      parts.push(restoreText(table, chains, stale));
    }
    return parts.join('');
  }

  async #restore(input: string): Promise<void> {
    const r = await this.#o.exec('iptables-restore', ['--noflush', '-w', LOCK_WAIT_S], {
      input,
      timeoutMs: RESTORE_TIMEOUT_MS,
    });
    if (r.code !== 0) {
      // What is in the kernel now is unknown: the next sync writes everything.
      this.#applied = undefined;
      throw new Error(`iptables-restore failed: ${r.stderr.trim().slice(0, 500)}`);
    }
  }

  async #ensureJumps(): Promise<void> {
    for (const { table, from, rule } of JUMPS) {
      const args = rule.split(' ');
      const check = await this.#iptables(['-t', table, '-C', from, ...args]);
      if (check.code === 0) continue;
      const added = await this.#iptables(['-t', table, '-I', from, ...args]);
      if (added.code !== 0) throw new Error(`iptables -t ${table} -I ${from} failed: ${added.stderr.trim()}`);
    }
  }

  #iptables(args: readonly string[]) {
    return this.#o.exec('iptables', ['-w', LOCK_WAIT_S, ...args], { timeoutMs: RESTORE_TIMEOUT_MS });
  }

  async #sysctl(key: string, value: string): Promise<void> {
    const r = await this.#o.exec('sysctl', ['-qw', `${key}=${value}`], { timeoutMs: 5000 });
    if (r.code !== 0)
      this.#o.logger.warn(
        { key, stderr: r.stderr.trim() },
        'could not set sysctl: node ports on 127.0.0.1 will not work',
      );
  }

  async #ownChains(table: TableName): Promise<string[]> {
    const r = await this.#iptables(['-t', table, '-S']);
    if (r.code !== 0) throw new Error(`iptables -t ${table} -S failed: ${r.stderr.trim()}`);
    return [...r.stdout.matchAll(/^-N (\S+)$/gm)].map((m) => m[1] ?? '').filter((c) => c.startsWith(PREFIX));
  }

  async intact(): Promise<boolean> {
    if (!this.#applied) return true;
    for (const table of ['nat', 'filter'] as const) {
      const canary = await this.#iptables(['-t', table, '-S', CANARY]);
      const jump = JUMPS.find((j) => j.table === table) as Jump;
      const hooked = await this.#iptables(['-t', table, '-C', jump.from, ...jump.rule.split(' ')]);
      const filled = await this.#iptables(['-t', table, '-S', table === 'nat' ? CHAINS.postrouting : CHAINS.firewall]);
      const lost = canary.code !== 0 || hooked.code !== 0 || !filled.stdout.includes('-A ');
      if (!lost) continue;
      this.#applied = undefined;
      return false;
    }
    return true;
  }

  /** UDP has no connection to end: entries that still lead to a vanished endpoint must go (lessons.md). */
  async #forgetUdp(now: readonly ServicePort[]): Promise<void> {
    const next = new Map(now.map((p) => [p.id, p]));
    for (const old of this.#ports) {
      if (old.protocol !== 'udp') continue;
      const kept = next.get(old.id)?.internal ?? [];
      for (const e of old.internal) {
        if (kept.some((k) => k.ip === e.ip && k.port === e.port)) continue;
        // Exits 1 when there was no such entry.
        await this.#o.exec('conntrack', ['-D', '-p', 'udp', '--orig-dst', old.clusterIP, '--dst-nat', e.ip], {
          timeoutMs: 5000,
        });
      }
    }
  }

  async cleanup(): Promise<void> {
    for (const { table, from, rule } of JUMPS) {
      for (;;) {
        const r = await this.#iptables(['-t', table, '-D', from, ...rule.split(' ')]);
        if (r.code !== 0) break;
      }
    }
    for (const table of ['nat', 'filter'] as const) {
      const chains = await this.#ownChains(table);
      if (chains.length > 0) await this.#restore(restoreText(table, new Map(), chains));
    }
    this.#applied = undefined;
  }
}

/** Input of iptables-restore: the given chains filled, the stale ones emptied and removed. */
function restoreText(table: TableName, chains: ChainSet, stale: readonly string[]): string {
  const lines = [`*${table}`];
  for (const name of [...chains.keys(), ...stale]) lines.push(`:${name} - [0:0]`);
  for (const [name, rules] of chains) for (const r of rules) lines.push(`-A ${name} ${r}`);
  for (const name of stale) lines.push(`-X ${name}`);
  return `${lines.join('\n')}\nCOMMIT\n`;
}

const sameRules = (a: readonly string[] | undefined, b: readonly string[]): boolean =>
  a !== undefined && a.length === b.length && a.every((r, i) => r === b[i]);

/** Only what differs between two renderings; '' when nothing does. Exported for tests. */
export function incremental(old: Rendered, wanted: Rendered): string {
  let text = '';
  for (const table of ['nat', 'filter'] as const) {
    const changed: ChainSet = new Map();
    for (const [name, rules] of wanted[table]) if (!sameRules(old[table].get(name), rules)) changed.set(name, rules);
    const stale = [...old[table].keys()].filter((c) => !wanted[table].has(c));
    if (changed.size + stale.length > 0) text += restoreText(table, changed, stale);
  }
  return text;
}
