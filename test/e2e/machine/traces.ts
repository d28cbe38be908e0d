import { existsSync, globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { run } from '../../../deploy/run.ts';

/** Everything on this machine that a cluster could leave behind, one line each, by what it is. */
export type Traces = ReadonlyMap<string, ReadonlySet<string>>;

/** Namespaces, cables and mounts of test beds come and go beside us; the one of `make up` has number 250. */
const OF_A_BED = /(\/run\/netns\/|^|\s)cx(?!250-)\d+-|coxswain-bed\/(?!250\/)/;

/** @param checkout folder whose programs must not be left running. */
export async function tracesOf(checkout: string): Promise<Traces> {
  const docker = (...args: string[]): Promise<string> => run('docker', args).catch(() => '');
  const texts: Record<string, string> = {
    containers: await docker('ps', '-aq'),
    'docker networks': await docker('network', 'ls', '--format', '{{.Name}}'),
    'docker volumes': await docker('volume', 'ls', '-q'),
    rules: await rules('iptables-save'),
    'IPv6 rules': await rules('ip6tables-save'),
    links: (await run('ip', ['-o', 'link'])).replace(/^\d+: ([^:@]+).*$/gm, '$1'),
    routes: await run('ip', ['route']),
    'network namespaces': existsSync('/run/netns') ? readdirSync('/run/netns').join('\n') : '',
    mounts: mountPoints(),
    cgroups: globSync('/sys/fs/cgroup/{kubepods,*/kubepods}').join('\n'),
    'state folders': existsSync('/var/lib/coxswain') ? '/var/lib/coxswain' : '',
    processes: processesIn(checkout),
  };
  return new Map(Object.entries(texts).map(([what, text]) => [what, linesOf(text)]));
}

/** @returns what is there now and was not before, such as "rules: -A COX-FORWARD …". */
export function leftBehind(before: Traces, now: Traces): string[] {
  return [...now].flatMap(([what, lines]) =>
    [...lines].filter((line) => !before.get(what)?.has(line)).map((line) => `${what}: ${line}`),
  );
}

const linesOf = (text: string): Set<string> =>
  new Set(text.split('\n').filter((line) => line.trim() && !OF_A_BED.test(line)));

/** Without counters and comments, and without the policies of the kernel's own chains, which dockerd sets and puts back. */
async function rules(save: string): Promise<string> {
  const text = await run(save, []).catch(() => '');
  return text
    .split('\n')
    .filter((line) => !/^#|^COMMIT|^\*|^:\S+ (ACCEPT|DROP)/.test(line))
    .map((line) => line.replace(/ ?\[\d+:\d+\] ?/, ''))
    .join('\n');
}

/** dockerd makes its own with the first container and keeps it. */
const mountPoints = (): string =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => !point.startsWith('/run/docker/'))
    .join('\n');

function processesIn(folder: string): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const theirs = pids.flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const within = readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) || command.includes(folder);
      return within && command ? [command] : [];
    } catch {
      return []; // It has ended.
    }
  });
  return theirs.join('\n');
}
