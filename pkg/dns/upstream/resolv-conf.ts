import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

const MAX_SERVERS = 3;

/** The name servers of a resolv.conf (resolv.conf(5)): three at most, as the C library takes them. */
export function nameServers(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^nameserver\s+(\S+)/.exec(line.trim())?.[1])
    .filter((s): s is string => s !== undefined && isIP(s) !== 0)
    .slice(0, MAX_SERVERS);
}

/** Those of a file; none when it cannot be read. */
export async function readNameServers(path: string): Promise<string[]> {
  try {
    return nameServers(await readFile(path, 'utf8'));
  } catch {
    return [];
  }
}
