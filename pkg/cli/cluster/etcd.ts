import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { authorityFile, pkiFolder } from '#pki/pki.ts';
import { systemExec } from '#process/exec.ts';
import { CliError } from '../errors.ts';
import { makeFolder } from '../folders.ts';

type Out = (text: string) => void;

export interface SnapshotFlags {
  /** The cluster folder, with its certificates. */
  readonly dir?: string;
  readonly endpoints?: string;
}

export interface RestoreFlags {
  /** Folder of the members' data, one folder each. */
  readonly dataDir?: string;
  /** Only this member: where they are on several machines. */
  readonly member?: string;
  readonly force?: boolean;
}

const SNAPSHOT_MS = 120_000;

interface Member {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** What stands beside a snapshot, so that it can be restored without knowing how the cluster was started. */
interface Description {
  readonly taken: string;
  readonly members: readonly Member[];
}

const descriptionFile = (file: string): string => `${file}.json`;

async function etcdctl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await systemExec('etcdctl', args, {
    env: { ETCDCTL_API: '3' },
    timeoutMs: SNAPSHOT_MS,
  });
  if (code === 0) return stdout;
  const said = (stderr || stdout).trim().split('\n').at(-1) ?? '';
  throw new CliError(`etcdctl ${args.find((a) => !a.startsWith('-')) ?? ''} failed: ${said}`);
}

function accessFlags(o: SnapshotFlags): string[] {
  const folder = pkiFolder(resolve(o.dir ?? '.cluster'));
  const files = {
    '--cacert': join(folder, `${authorityFile('etcd-client')}.crt`),
    '--cert': join(folder, 'apiserver-etcd-client.crt'),
    '--key': join(folder, 'apiserver-etcd-client.key'),
  };
  for (const file of Object.values(files))
    if (!existsSync(file)) throw new CliError(`${file} is not there: name the cluster folder with --dir`);
  return Object.entries(files).map(([flag, file]) => `${flag}=${file}`);
}

/** What "cox cluster up" has written down of its members, else a member of this machine. */
function endpointsOf(o: SnapshotFlags): string {
  const file = join(resolve(o.dir ?? '.cluster'), 'etcd.endpoints');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'https://127.0.0.1:2379';
}

async function membersAt(endpoint: string, access: readonly string[]): Promise<Member[]> {
  const text = await etcdctl([`--endpoints=${endpoint}`, ...access, 'member', 'list', '--write-out=json']);
  const { members } = JSON.parse(text) as { members: { name: string; peerURLs: string[] }[] };
  return members.map((m) => ({ name: m.name, peerUrls: m.peerURLs }));
}

/** Of the endpoints the first that answers. @throws CliError with what the last one said */
async function answering(
  endpoints: readonly string[],
  access: readonly string[],
): Promise<{ endpoint: string; members: Member[] }> {
  let last: unknown;
  for (const endpoint of endpoints) {
    try {
      return { endpoint, members: await membersAt(endpoint, access) };
    } catch (e) {
      last = e;
    }
  }
  throw last instanceof Error ? last : new CliError('no etcd endpoint is named');
}

/** `cox cluster snapshot FILE`: everything the cluster knows, from etcd, with the names of its members beside it. */
export async function snapshot(out: Out, args: readonly string[], o: SnapshotFlags): Promise<void> {
  const [file, extra] = args;
  if (!file || extra !== undefined) throw new CliError('say where to: cox cluster snapshot FILE');
  if (existsSync(file)) throw new CliError(`${file} is there already`);
  const access = accessFlags(o);
  const endpoints = (o.endpoints ?? endpointsOf(o)).split(',');
  const { endpoint, members } = await answering(endpoints, access);
  makeFolder(dirname(file));
  // Secrets are in it: for its owner alone, from the first byte on.
  const before = process.umask(0o077);
  const part = `${file}.part`;
  try {
    await etcdctl([`--endpoints=${endpoint}`, ...access, 'snapshot', 'save', part]);
    const description: Description = { taken: new Date().toISOString(), members };
    writeFileSync(descriptionFile(file), `${JSON.stringify(description, null, 2)}\n`);
    renameSync(part, file);
  } finally {
    rmSync(part, { force: true });
    process.umask(before);
  }
  const status = JSON.parse(await etcdctl(['snapshot', 'status', file, '--write-out=json'])) as Record<string, number>;
  out(`${file}: revision ${status.revision}, ${status.totalKey} keys, ${status.totalSize} bytes\n`);
}

function descriptionOf(file: string): Description {
  if (!existsSync(file)) throw new CliError(`${file} is not there`);
  try {
    return JSON.parse(readFileSync(descriptionFile(file), 'utf8')) as Description;
  } catch {
    throw new CliError(
      `${descriptionFile(file)}, which "cox cluster snapshot" has put beside it, is missing or broken`,
    );
  }
}

/**
 * `cox cluster restore FILE`: makes the data of etcd's members anew from a snapshot, as one new cluster. etcd and the API
 * servers have to be stopped, and are started afterwards as ever.
 */
export async function restore(out: Out, args: readonly string[], o: RestoreFlags): Promise<void> {
  const [file, extra] = args;
  if (!file || extra !== undefined) throw new CliError('say of what: cox cluster restore FILE');
  const { members, taken } = descriptionOf(file);
  const chosen = o.member ? members.filter((m) => m.name === o.member) : members;
  if (chosen.length === 0)
    throw new CliError(`the snapshot knows no member "${o.member}", only ${members.map((m) => m.name).join(', ')}`);
  const folder = resolve(o.dataDir ?? '.cluster/etcd');
  const there = chosen.map((m) => join(folder, m.name)).filter((d) => existsSync(d));
  if (there.length > 0 && !o.force)
    throw new CliError(`${there.join(', ')}: there is data already; --force puts it aside`);
  // All of them, so that no old member is left beside new ones.
  const aside = new Date().toISOString().replaceAll(/[:.]/g, '-');
  for (const d of there) {
    renameSync(d, `${d}.before-${aside}`);
    out(`${d}: put aside as ${d}.before-${aside}\n`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const initial = members.flatMap((m) => m.peerUrls.map((u) => `${m.name}=${u}`)).join(',');
  for (const m of chosen) {
    const target = join(folder, m.name);
    await etcdctl([
      ...['snapshot', 'restore', file, '--name', m.name, '--data-dir', target],
      ...['--initial-cluster', initial, '--initial-cluster-token', `restored-${taken}`],
      ...['--initial-advertise-peer-urls', m.peerUrls.join(',')],
    ]);
    out(`${target}: restored as of ${taken}\n`);
  }
}
