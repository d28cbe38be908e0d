import type { Exec } from './exec.ts';

const TIMEOUT_MS = 5000;

/**
 * Sets a kernel parameter unless it has the value already: in a container /proc/sys is often read-only while whoever made
 * the container has set what it needs.
 * @returns what went wrong, undefined when the parameter is as wanted.
 */
export async function ensureSysctl(exec: Exec, key: string, value: string): Promise<string | undefined> {
  const now = await exec('sysctl', ['-n', key], { timeoutMs: TIMEOUT_MS });
  if (now.code === 0 && now.stdout.trim() === value) return undefined;
  const set = await exec('sysctl', ['-qw', `${key}=${value}`], { timeoutMs: TIMEOUT_MS });
  return set.code === 0 ? undefined : `${key} is not ${value}: ${set.stderr.trim() || now.stderr.trim()}`;
}
