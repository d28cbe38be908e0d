import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { systemExec } from '#process/exec.ts';
import { bundling } from '../../../deploy/build.ts';
import { repository } from '../layout.ts';
import type { GuestKernel } from './kernel.ts';

const GUEST_MS = 800_000;
const MEMORY_MB = 1536;

export interface GuestProgram {
  /** A TypeScript file that calls `runChecks`, from the top of the repository. */
  readonly entry: string;
  /** Of the kernel, to be loaded first; what they depend on comes along. */
  readonly modules: readonly string[];
  /** Whether systemd is process 1 there; otherwise the program is. */
  readonly systemd?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** What the checks of a guest saw and should have seen, by name, and what the program printed. */
export interface GuestResults {
  readonly seen: Readonly<Record<string, unknown>>;
  readonly wanted: Readonly<Record<string, unknown>>;
  readonly log: string;
}

/** The guest, which every machine must emulate by itself, did not come to its end in time: nothing is known of the checks. */
export class SlowGuest extends Error {}

/**
 * Runs a program as root in a virtual machine without hardware help, whose root directory is this machine's; what it writes
 * there is gone afterwards. @throws Error with what it printed, when it fails, SlowGuest
 */
export async function checksInGuest(kernel: GuestKernel, program: GuestProgram): Promise<GuestResults> {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-guest-'));
  try {
    await put(folder, kernel, program);
    const log = await boot(folder, kernel);
    const lines = read(folder, 'results').trim().split('\n').filter(Boolean);
    const results = lines.map((line) => JSON.parse(line) as { name: string; seen: unknown; wanted: unknown });
    const named = (key: 'seen' | 'wanted') => Object.fromEntries(results.map((r) => [r.name, r[key]]));
    return { seen: named('seen'), wanted: named('wanted'), log };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts everything in the folder that the guest looks for there. */
async function put(folder: string, kernel: GuestKernel, { entry, modules, systemd, env }: GuestProgram): Promise<void> {
  const entryPoints = [join(repository, entry)];
  await build({ ...bundling, entryPoints, outfile: join(folder, 'guest.mjs'), write: true, sourcemap: false });
  const words = { PATH: `${kernel.bin}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/run', TMPDIR: '/run' };
  const exports = Object.entries({ ...words, ...env }).map(([k, v]) => `export ${k}='${v}'\n`);
  const node = join(repository, 'node_modules/.bin/node');
  const ended = 'echo $? >/run/out/code\nbusybox poweroff -f\n';
  writeFileSync(join(folder, 'main'), `${exports.join('')}${node} /run/out/guest.mjs >/run/out/log 2>&1\n${ended}`);
  writeFileSync(join(folder, 'modules'), modules.join(' '));
  if (!systemd) return;
  mkdirSync(join(folder, 'units'));
  const service = '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh /run/out/main\n';
  writeFileSync(join(folder, 'units/guest.service'), service);
  writeFileSync(join(folder, 'units/guest.target'), '[Unit]\nDefaultDependencies=no\nWants=guest.service\n');
}

function read(folder: string, name: string): string {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Folders of this machine that the guest mounts, by their tags: each with what qemu is to know besides. */
export type Shares = Readonly<Record<string, { readonly path: string; readonly more?: string }>>;

/**
 * What makes qemu emulate the machine; its console goes to a file, and its root directory is this machine's.
 */
export function emulation({ kernel, initrd }: GuestKernel, consoleFile: string, shares: Shares): string[] {
  const all = { host: { path: '/', more: ',readonly=on,multidevs=remap' }, ...shares };
  return [
    // One processor: with two, what they must tell each other (of pages, of grace periods) costs as much again as the work.
    ...['-M', 'q35', '-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', String(MEMORY_MB)],
    ...['-nographic', '-no-reboot', '-nodefaults', '-serial', `file:${consoleFile}`],
    ...['-kernel', kernel, '-initrd', initrd],
    // On a busy machine the guest's timers come late, which is no fault of theirs; of AppArmor it has no profiles; against
    // the faults of real processors nothing need be done.
    ...['-append', 'console=ttyS0 quiet panic=-1 no_timer_check apparmor=0 selinux=0 mitigations=off'],
    ...Object.entries(all).flatMap(([tag, { path, more = '' }]) => [
      '-virtfs',
      `local,path=${path},mount_tag=${tag},security_model=none${more}`,
    ]),
  ];
}

async function boot(folder: string, kernel: GuestKernel): Promise<string> {
  const failed = (what: string): Error =>
    new Error(
      `${what}\n${read(folder, 'console').slice(-1500)}\n${read(folder, 'log').slice(-3000)}${read(folder, 'results')}`,
    );
  const args = emulation(kernel, join(folder, 'console'), { out: { path: folder } });
  const ended = await systemExec('qemu-system-x86_64', args, { timeoutMs: GUEST_MS }).catch((e: Error) => {
    throw new SlowGuest(failed(e.message).message);
  });
  if (read(folder, 'code').trim() === '0') return read(folder, 'log');
  throw failed(`the guest failed: ${ended.stderr}`);
}
