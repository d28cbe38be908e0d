import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, lstatSync, mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, posix, relative } from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { converse } from '../remote/channels.ts';
import { defaultContainer, podsOf } from './pods-of.ts';

export interface CopyFlags {
  readonly container?: string;
  /** false: `--no-preserve` */
  readonly preserve?: boolean;
}

/** A place: in a container, or here. */
interface Place {
  readonly pod?: string;
  readonly namespace?: string;
  readonly path: string;
}

function placeOf(spec: string): Place {
  const at = spec.indexOf(':');
  // "./a:b" and "/a:b" are here.
  if (at < 0 || /^[./]/.test(spec)) return { path: spec };
  const [first = '', second, third] = spec.slice(0, at).split('/');
  if (!first || third !== undefined)
    throw new CliError('filespec must match the canonical format: [[namespace/]pod:]file/path');
  const path = spec.slice(at + 1);
  if (!path) throw new CliError('filepath can not be empty');
  return second === undefined ? { pod: first, path } : { namespace: first, pod: second, path };
}

interface Shell {
  /** Runs a command in the container. @returns its exit code */
  run(
    command: readonly string[],
    ends: { stdin?: Readable; stdout?: Writable },
  ): Promise<{ code: number; err: string }>;
}

async function shellOf(ctx: CliContext, place: Place, o: CopyFlags): Promise<Shell> {
  const inside = { ...ctx, namespace: place.namespace ?? ctx.namespace };
  const [pod] = await podsOf(inside, [place.pod ?? ''], undefined);
  const container = o.container ?? defaultContainer(pod, ctx.err) ?? '';
  const base = `/api/v1/namespaces/${encodeURIComponent(inside.namespace)}/pods/${pod?.metadata?.name}/exec`;
  return {
    async run(command, { stdin, stdout = new PassThrough().resume() }) {
      const query = new URLSearchParams({
        container,
        stdout: 'true',
        stderr: 'true',
        stdin: String(stdin !== undefined),
      });
      for (const c of command) query.append('command', c);
      const stderr = new PassThrough();
      const said = text(stderr);
      const ends = { ...(stdin ? { stdin } : {}), stdout, stderr };
      const code = await converse(ctx, `${base}?${query}`, ends, { stdin: stdin !== undefined, tty: false });
      stderr.end();
      return { code, err: await said };
    },
  };
}

/** Runs tar on this machine. */
function localTar(args: readonly string[]) {
  const child = spawn('tar', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(([[code], err]) => ({
    code: code as number,
    err,
  }));
  ended.catch(() => {});
  // Node throws away what a child has printed when it ends before anybody reads it.
  return { stdin: child.stdin, stdout: child.stdout.pipe(new PassThrough()), ended };
}

async function upload(shell: Shell, from: string, to: string, o: CopyFlags): Promise<void> {
  if (!existsSync(from)) throw new CliError(`${from} doesn't exist in local filesystem`);
  const name = basename(from);
  // Into a folder that is there, or under the name that is given.
  const isFolder = to.endsWith('/') || (await shell.run(['test', '-d', to], {})).code === 0;
  const target = isFolder ? posix.join(to, name) : to;
  const rename = `--transform=flags=r;s,^${escaped(name)},${posix.basename(target).replace(/[\\,&]/g, '\\$&')},`;
  const tar = localTar(['-cf', '-', '-C', dirname(from), rename, name]);
  const untar = [
    'tar',
    '-xmf',
    '-',
    ...(o.preserve === false ? ['--no-same-permissions', '--no-same-owner'] : []),
    '-C',
    posix.dirname(target),
  ];
  const { code, err } = await shell.run(untar, { stdin: tar.stdout });
  tar.stdin.end();
  if (code !== 0) throw new CliError(`the copy failed: ${err.trim() || `tar ended with exit code ${code}`}`);
  // What could not be read here was left out, and the tar there knows nothing of it.
  tar.stdout.resume();
  const local = await tar.ended;
  if (local.code !== 0) throw new CliError(`the copy is not complete: ${local.err.trim()}`);
}

/** A name as the pattern of tar's --transform. */
const escaped = (name: string): string => name.replace(/[\\,.*[\]^$&]/g, '\\$&');

async function download(ctx: CliContext, shell: Shell, from: string, to: string): Promise<void> {
  // Unpacked in a folder of its own: what the container sends reaches nothing else.
  const folder = mkdtempSync(join(tmpdir(), 'cox-cp-'));
  try {
    const tar = localTar(['-xf', '-', '--no-same-owner', '-C', folder]);
    tar.stdin.on('error', () => {});
    const { code, err } = await shell.run(['tar', '-cf', '-', from], { stdout: tar.stdin });
    tar.stdin.end();
    const local = await tar.ended;
    if (err) ctx.err(err);
    const got = join(folder, posix.normalize(from).replace(/^\/+/, ''));
    if (code !== 0 || local.code !== 0 || !lstatSync(got, { throwIfNoEntry: false })) {
      throw new CliError(
        `the copy failed: ${local.code === 0 ? `tar ended with exit code ${code}` : local.err.trim()}`,
      );
    }
    const intoFolder = existsSync(to) && statSync(to).isDirectory() && !lstatSync(got).isDirectory();
    const target = intoFolder ? join(to, posix.basename(from)) : to;
    makeFolder(dirname(target));
    const filter = (path: string): boolean => {
      if (!lstatSync(path).isSymbolicLink()) return true;
      // A link a container has made leads anywhere on this machine, for whoever writes through it next.
      ctx.err(`warning: skipping symlink: "${relative(folder, path)}" -> "${readlinkSync(path)}"\n`);
      return false;
    };
    cpSync(got, target, { recursive: true, force: true, filter });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `cox cp FROM TO`, one of them POD:PATH; both folders and files. */
export async function cp(ctx: CliContext, args: readonly string[], o: CopyFlags): Promise<void> {
  const [source, target, extra] = args;
  if (!source || !target || extra !== undefined) throw new CliError('source and destination are required');
  const [from, to] = [placeOf(source), placeOf(target)];
  if (from.pod && to.pod) throw new CliError('one of src or dest must be a local file specification');
  if (!from.pod && !to.pod) throw new CliError('one of src or dest must be a remote file specification');
  if (to.pod && !existsSync(from.path)) throw new CliError(`${from.path} doesn't exist in local filesystem`);
  const shell = await shellOf(ctx, from.pod ? from : to, o);
  if (from.pod) await download(ctx, shell, from.path, to.path);
  else await upload(shell, from.path, to.path, o);
}
