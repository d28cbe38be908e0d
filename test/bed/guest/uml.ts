import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemExec } from '#process/exec.ts';
import { type Guest, intoRoot, MEMORY_MB } from './guest.ts';
import { folderOfPackages, unpack } from './packages.ts';

/** A kernel that can boot is up and down in a second; where processes may not be traced it never is. */
const TRIAL_MS = 60_000;

/**
 * First process of the guest. The folder shared with this machine comes in the environment.
 */
const init = (dir: string): string => `#!/bin/sh
[ -n "$out" ] || exec ${dir}/bin/busybox poweroff -f
PATH=/usr/sbin:/usr/bin:/sbin:/bin
${dir}/bin/busybox insmod ${dir}/overlay.ko
load() { for m in "$@"; do echo "module $m is not there"; done; }
${intoRoot('/', 'mount -t hostfs -o "$out" out', 'chroot')}`;

/**
 * Debian's user-mode Linux: a kernel that is a process of this machine, so its programs run at full speed, a third of the cost of an
 * emulated machine. One processor. @throws Error that says why it cannot be had
 */
export async function umlGuest(): Promise<Guest> {
  const dir = await folderOfPackages('user-mode-linux', [init('')], prepare);
  // Only here is it known where the folder is.
  writeFileSync(join(dir, 'init'), init(dir), { mode: 0o755 });
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-uml-'));
  try {
    await boot(dir, folder, [], TRIAL_MS);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { bin: join(dir, 'bin'), boot: (out, timeoutMs) => boot(dir, out, [`out=${out}`], timeoutMs) };
}

async function prepare(work: string): Promise<void> {
  const ready = join(work, 'ready');
  mkdirSync(join(ready, 'bin'), { recursive: true });
  const one = await unpack(work, ['user-mode-linux', 'busybox-static']);
  renameSync(one('usr/bin/linux.uml'), join(ready, 'linux'));
  renameSync(one('usr/lib/uml/modules/*/kernel/fs/overlayfs/overlay.ko'), join(ready, 'overlay.ko'));
  renameSync(one('{usr/,}bin/busybox'), join(ready, 'bin/busybox'));
}

async function boot(dir: string, folder: string, more: readonly string[], timeoutMs: number) {
  const kernel = [
    ...[join(dir, 'linux'), `mem=${MEMORY_MB}M`, 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${join(dir, 'init')}`],
    ...[`uml_dir=${join(folder, 'uml')}`, 'con=null', 'con0=null,fd:1', 'quiet', 'panic=-1', ...more],
  ];
  // Its processes are processes here: none outlives it.
  const ended = await systemExec('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', ...kernel], {
    timeoutMs,
  });
  writeFileSync(join(folder, 'console'), ended.stdout);
  if (ended.code !== 0) throw new Error(`user-mode Linux ended with ${ended.code}: ${ended.stderr.slice(-500)}`);
  return ended;
}
