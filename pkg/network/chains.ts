import type { Exec } from '#process/exec.ts';

const LOCK_WAIT_S = '60';
const TIMEOUT_MS = 90_000;

/** Runs iptables, waiting for its lock. */
export const iptables = (exec: Exec, args: readonly string[]) =>
  exec('iptables', ['-w', LOCK_WAIT_S, ...args], { timeoutMs: TIMEOUT_MS });

/** Puts a rule in front of a chain unless it is there. @throws Error with iptables' words */
export async function ensureRule(exec: Exec, table: string, chain: string, rule: readonly string[]): Promise<void> {
  if ((await iptables(exec, ['-t', table, '-C', chain, ...rule])).code === 0) return;
  const r = await iptables(exec, ['-t', table, '-I', chain, ...rule]);
  if (r.code !== 0) throw new Error(`iptables -t ${table} -I ${chain}: ${r.stderr.trim()}`);
}

/** Makes a chain hold exactly these rules, atomically. */
export async function replaceChain(exec: Exec, table: string, chain: string, rules: readonly string[]): Promise<void> {
  const input = [`*${table}`, `:${chain} - [0:0]`, ...rules.map((r) => `-A ${chain} ${r}`), 'COMMIT', ''].join('\n');
  const r = await exec('iptables-restore', ['--noflush', '-w', LOCK_WAIT_S], { input, timeoutMs: TIMEOUT_MS });
  if (r.code !== 0) throw new Error(`iptables-restore: ${r.stderr.trim()}`);
}
