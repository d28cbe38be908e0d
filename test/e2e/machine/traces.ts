import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { run } from '../../../deploy/run.ts';
import { inUse } from '../../../deploy/up/machine.ts';
import type { BedNode } from '../../bed/node.ts';

/** Everything on a machine that a cluster could leave behind, one line each, by what it is. */
export type Traces = Readonly<Record<string, readonly string[]>>;

/** What a cluster listens on. */
const PORTS = [6443, 10250, 30080];

/** Looks at a machine of the bed, from within. */
export async function tracesOf(machine: BedNode): Promise<Traces> {
  const script = `import('${import.meta.filename}').then(async (m) => console.log(JSON.stringify(await m.tracesHere())))`;
  const { code, stdout, stderr } = await machine.exec(process.execPath, ['-e', script]);
  if (code !== 0) throw new Error(`no look at ${machine.name}: ${stderr}`);
  return JSON.parse(stdout) as Traces;
}

/** Looks at the machine this process runs on, all of which has to be its own. */
export async function tracesHere(): Promise<Traces> {
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
    'ports in use': (await Promise.all(PORTS.map(async (port) => ((await inUse(port)) ? [port] : []))))
      .flat()
      .join('\n'),
    processes: processes(),
  };
  return Object.fromEntries(Object.entries(texts).map(([what, text]) => [what, linesOf(text)]));
}

/** @returns what is there now and was not before, such as "rules: -A COX-FORWARD …". */
export function leftBehind(before: Traces, now: Traces): string[] {
  return Object.entries(now).flatMap(([what, lines]) =>
    lines.filter((line) => !before[what]?.includes(line)).map((line) => `${what}: ${line}`),
  );
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim());

/** Without counters and comments, and without the policies of the kernel's own chains, which dockerd sets and puts back. */
async function rules(save: string): Promise<string> {
  const text = await run(save, []).catch(() => '');
  return text
    .split('\n')
    .filter((line) => !/^#|^COMMIT|^\*|^:\S+ (ACCEPT|DROP)/.test(line))
    .map((line) => line.replace(/ ?\[\d+:\d+\] ?/, ''))
    .join('\n');
}

/** dockerd makes its own with the first container and keeps it, as ip does one with the first namespace. */
const mountPoints = (): string =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => !point.startsWith('/run/docker/') && point !== '/run/netns')
    .join('\n');

/** This one too, which is the same each time. */
function processes(): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const commands = pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return ''; // It has ended.
    }
  });
  return commands.join('\n');
}
