import type { Exec, ExecResult } from './exec.ts';

export type IptablesTable = 'nat' | 'filter';

/** Where a chain of the kernel's leads into one of ours: `rule` ends in "-j CHAIN". */
export interface Jump {
  readonly table: IptablesTable;
  readonly from: string;
  readonly rule: string;
}

export interface Chain {
  readonly table: IptablesTable;
  readonly name: string;
}

/** Seconds to wait for the xtables lock: somebody may hold it for long. */
const LOCK_WAIT_S = '60';
const TIMEOUT_MS = 90_000;

const PROGRAM = { IPv4: 'iptables', IPv6: 'ip6tables' } as const;

/** The rules of one address family in this network namespace, waiting for their lock. */
export class Iptables {
  readonly #exec: Exec;
  readonly #program: string;

  constructor(exec: Exec, family: keyof typeof PROGRAM) {
    this.#exec = exec;
    this.#program = PROGRAM[family];
  }

  /** One command. A non-zero code is a result. */
  run(args: readonly string[]): Promise<ExecResult> {
    return this.#exec(this.#program, ['-w', LOCK_WAIT_S, ...args], { timeoutMs: TIMEOUT_MS });
  }

  #restored(input: string): Promise<ExecResult> {
    return this.#exec(`${this.#program}-restore`, ['--noflush', '-w', LOCK_WAIT_S], { input, timeoutMs: TIMEOUT_MS });
  }

  /** Writes chains, per table all or nothing; what is not named stays. @throws Error with iptables' words */
  async restore(input: string): Promise<void> {
    const r = await this.#restored(input);
    if (r.code !== 0) throw new Error(`${this.#program}-restore failed: ${r.stderr.trim().slice(0, 500)}`);
  }

  /** Puts jumps in front of their chains unless they are there. @throws Error with iptables' words */
  async ensureJumps(jumps: readonly Jump[]): Promise<void> {
    for (const { table, from, rule } of jumps) {
      const args = rule.split(' ');
      if ((await this.run(['-t', table, '-C', from, ...args])).code === 0) continue;
      const added = await this.run(['-t', table, '-I', from, ...args]);
      if (added.code !== 0) throw new Error(`${this.#program} -t ${table} -I ${from} failed: ${added.stderr.trim()}`);
    }
  }

  /** Takes them away, however often they are there. */
  async removeJumps(jumps: readonly Jump[]): Promise<void> {
    for (const { table, from, rule } of jumps)
      while ((await this.run(['-t', table, '-D', from, ...rule.split(' ')])).code === 0);
  }

  /**
   * Whether all the jumps are there, and rules in all the chains: a flush empties chains, also of the jumps. It is asked
   * all the time: one process answers it, as restore takes the other commands too.
   */
  async holds(jumps: readonly Jump[], filled: readonly Chain[]): Promise<boolean> {
    const lines: string[] = [];
    for (const table of ['nat', 'filter'] as const) {
      lines.push(`*${table}`);
      for (const j of jumps) if (j.table === table) lines.push(`-C ${j.from} ${j.rule}`);
      for (const c of filled) if (c.table === table) lines.push(`-S ${c.name}`);
      lines.push('COMMIT');
    }
    const r = await this.#restored(`${lines.join('\n')}\n`);
    return r.code === 0 && filled.every(({ name }) => r.stdout.includes(`-A ${name} `));
  }
}

/** Input of `restore`: chains with these rules and no others, and chains to remove. */
export function chainsText(
  table: IptablesTable,
  chains: ReadonlyMap<string, readonly string[]>,
  stale: readonly string[] = [],
): string {
  const lines = [`*${table}`];
  // iptables-nft keeps chains in order of their names and looks for the place of a new one from the beginning: the last
  // name first is quick, any other order takes time with the square of their number.
  const names = [...chains.keys()].sort().reverse();
  for (const name of [...names, ...stale]) lines.push(`:${name} - [0:0]`);
  for (const name of names) for (const r of chains.get(name) ?? []) lines.push(`-A ${name} ${r}`);
  for (const name of stale) lines.push(`-X ${name}`);
  return `${lines.join('\n')}\nCOMMIT\n`;
}
