import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../bed/cluster-node.ts';
import { daemons } from './memory.ts';

/** What pods take of a node, by name. */
export interface Remains {
  readonly containers: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly veths: readonly string[];
  readonly addresses: readonly string[];
  readonly folders: readonly string[];
  readonly rules: readonly string[];
  /** Open files of each daemon. */
  readonly agentFiles: readonly string[];
  readonly dockerdFiles: readonly string[];
  readonly containerdFiles: readonly string[];
  /** What each daemon holds after a collection of its garbage. */
  readonly agentMiB: number;
  readonly dockerdMiB: number;
  readonly containerdMiB: number;
}

const DOCKER_NETWORK = 'coxswain';
/** Most names told of what is left. */
const NAMED = 5;
const lines = (text: string): string[] => text.split('\n').filter(Boolean);

const entries = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
};

/** Looks up what there is of pods on the node now. */
export async function remains(node: ClusterNode): Promise<Remains> {
  const run = async (...command: [string, ...string[]]): Promise<string> => {
    const [program, ...args] = command;
    return (await node.exec(program, args)).stdout;
  };
  const docker = (...args: string[]): Promise<string> => run('docker', '-H', node.dockerHost, ...args);
  const { agent, dockerd, containerd } = await daemons(node);
  const addresses = '{{range .Containers}}{{.IPv4Address}}\n{{end}}';
  return {
    containers: lines(await docker('ps', '-a', '--format', '{{.Names}} ({{.Status}})')),
    mounts: lines(await run('cat', '/proc/mounts'))
      .map((line) => line.split(' ').slice(0, 3).join(' '))
      // Networks of other beds on this machine: a node is a slave of its mounts.
      .filter((mount) => !mount.includes(' /run/netns/')),
    // Of every hierarchy, on either version.
    cgroups: lines(await run('sh', '-c', `find /sys/fs/cgroup -type d -path '*${node.cgroupRoot}/*'`)),
    veths: lines(await run('ip', '-o', 'link', 'show', 'type', 'veth')),
    // Of pods that the agent links, and of those that Docker attaches.
    addresses: [
      ...lines(await docker('ps', '-a', '--format', '{{.Label "io.coxswain.sandbox.addresses"}}')),
      ...lines(await docker('network', 'inspect', '-f', addresses, DOCKER_NETWORK)),
    ],
    folders: ['pods', 'memory'].flatMap((dir) => entries(join(node.dir, 'agent', dir))),
    rules: lines(await run('iptables-save')).filter((line) => !line.startsWith('#')),
    agentFiles: agent.files,
    dockerdFiles: dockerd.files,
    containerdFiles: containerd.files,
    agentMiB: agent.heapMiB,
    dockerdMiB: dockerd.heapMiB,
    containerdMiB: containerd.heapMiB,
  };
}

const sizeOf = (of: readonly string[] | number): number =>
  typeof of === 'number' ? Math.round(of * 10) / 10 : of.length;

/** How many there are of each, for people. */
export const counts = (r: Remains): string =>
  JSON.stringify(Object.fromEntries(Object.entries(r).map(([k, v]) => [k, sizeOf(v)])));

/** Those of `after` that are not among `before`, each as often as it is there more. */
function added(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before];
  return after.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** What is there more than before, in words. What is held in memory may have grown by a fifth, open files by a few connections. */
export function leaks(before: Remains, after: Remains): string[] {
  const allowed: Readonly<Record<string, number>> = { agentFiles: 5, dockerdFiles: 5, containerdFiles: 5 };
  const lists = Object.entries(after) as [keyof Remains, readonly string[] | number][];
  return lists.flatMap(([what, now]) => {
    const then = before[what];
    if (typeof now === 'number' || typeof then === 'number')
      return Number(now) > Number(then) * 1.2
        ? [`${what}: ${Number(then).toFixed(1)} → ${Number(now).toFixed(1)}`]
        : [];
    if (now.length <= then.length + (allowed[what] ?? 0)) return [];
    const names = added(then, now);
    return [`${what}: ${then.length} → ${now.length}: ${names.slice(0, NAMED).join('; ')}`];
  });
}
