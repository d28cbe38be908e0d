import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { run } from '../run.ts';

/** Pods' volumes and the agent's state; mounts made below it must be seen by containers and the other way round. */
const STATE = '/var/lib/coxswain';
/** This machine's root directory once more: Docker binds "/" itself only on machines where that is a shared mount. */
const HOST = '/run/coxswain/host';

/** Name of this machine as a node. */
export const nodeName = (name = hostname()): string =>
  (name.toLowerCase().split('.')[0] ?? '').replaceAll(/[^a-z0-9-]/g, '-').replaceAll(/^-+|-+$/g, '') || 'node1';

/** Two nodes of one name would be one. @throws Error when this machine has the name of one of the others */
export function refuseSameName(name: string, others: readonly string[]): void {
  if (!others.includes(name)) return;
  throw new Error(
    `this machine is called ${name}, as one of the ${others.length} further nodes is; give it another name (hostnamectl hostname NAME), or start fewer nodes`,
  );
}

/** The address by which this machine is known outside: the source of its default route, else its first address. */
export async function machineAddress(): Promise<string> {
  const routed = await run('ip', ['-4', 'route', 'get', '192.0.2.1']).catch(() => '');
  const source = /\bsrc (\S+)/.exec(routed)?.[1];
  if (source) return source;
  const all = await run('ip', ['-4', '-o', 'addr', 'show', 'scope', 'global']);
  const first = /inet ([\d.]+)\//.exec(all)?.[1];
  if (!first) throw new Error('this machine has no IPv4 address but loopback');
  return first;
}

/** A folder that is a shared mount of its own, and the file behind the lock of iptables. */
export async function prepareMounts(): Promise<void> {
  mkdirSync(STATE, { recursive: true });
  const mounted = mountOptions(STATE);
  // Private first: shared with the root, as systemd makes it, each mount in it would be made once more below it, out of reach.
  if (mounted === undefined) await run('mount', ['--bind', '--make-private', STATE, STATE]);
  if (!mounted?.includes('shared:')) await run('mount', ['--make-rshared', STATE]);
  mkdirSync(HOST, { recursive: true });
  // What happens below must not come back to the machine: unmounting it would unmount the machine's own. So also where an
  // earlier run was interrupted between the two steps.
  const host = mountOptions(HOST);
  if (host === undefined) await run('mount', ['--rbind', '--make-rslave', '/', HOST]);
  else if (host.includes('shared:')) await run('mount', ['--make-rslave', HOST]);
  if (!existsSync('/run/xtables.lock')) writeFileSync('/run/xtables.lock', '', { mode: 0o600 });
}

/**
 * How the agent's container can see this machine's files: with what is mounted later where the root mount is shared, as
 * systemd makes it, else without.
 */
export const rootPropagation = (): 'rslave' | 'rprivate' =>
  mountOptions('/')?.includes('shared:') ? 'rslave' : 'rprivate';

/** The propagation fields of a mount point, such as "shared:12"; undefined when nothing is mounted there. */
function mountOptions(point: string): string | undefined {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const fields = lines.findLast((f) => f[4] === point);
  return fields?.slice(6, fields.indexOf('-')).join(' ');
}

/** Whether something listens on a port of this machine. */
export function inUse(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
