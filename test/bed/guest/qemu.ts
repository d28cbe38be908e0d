import { chmodSync, existsSync, globSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ExecResult, systemExec } from '#process/exec.ts';
import { run } from '../../../deploy/run.ts';
import { type Guest, intoRoot, MEMORY_MB } from './guest.ts';
import { dependsOf, folderOfPackages, install, unpack } from './packages.ts';

/** What gives the guest its root directory. */
const ROOT_MODULES = ['crc32c_generic', 'virtio_pci', '9pnet_virtio', '9p', 'overlay'];
/** What of the package's modules is taken, below kernel/. */
const FOLDERS = [
  ...['net', 'lib', 'crypto', 'arch/x86/crypto', 'fs/9p', 'fs/fscache', 'fs/netfs', 'fs/overlayfs', 'drivers/virtio'],
  ...['drivers/net/veth.ko', 'drivers/net/dummy.ko'],
];

/** An emulated machine with Debian's stock kernel. @throws Error that says what could not be had */
export async function qemuGuest(): Promise<Guest> {
  const found = await systemExec('qemu-system-x86_64', ['--version']).catch(() => undefined);
  if (found?.code !== 0) await install(['qemu-system-x86', 'cpio']);
  const [name] = (await dependsOf('linux-image-amd64')).filter((d) => /^linux-image-\S+-amd64$/.test(d));
  if (!name) throw new Error('no package linux-image-amd64 is known; is `apt-get update` in order?');
  const dir = await folderOfPackages(name, [INIT, IPVSADM, ...FOLDERS], (work) => prepare(work, name));
  return { bin: join(dir, 'bin'), boot: (folder, timeoutMs) => boot(dir, folder, timeoutMs) };
}

/** Puts vmlinuz, initrd.gz and bin/ into `work`/ready. */
async function prepare(work: string, name: string): Promise<void> {
  const [root, ready] = ['root', 'ready'].map((d) => join(work, d)) as [string, string];
  for (const d of [root, join(root, 'bin'), join(ready, 'bin'), join(ready, 'lib')]) mkdirSync(d, { recursive: true });
  const libraries = (await dependsOf('ipvsadm')).filter((d) => /^lib(?!c6)/.test(d));
  const one = await unpack(work, [name, 'busybox-static', 'ipvsadm', ...libraries]);
  const version = name.replace('linux-image-', '');
  renameSync(one('boot/vmlinuz-*'), join(ready, 'vmlinuz'));
  renameSync(one('{usr/,}sbin/ipvsadm'), join(ready, 'lib/ipvsadm'));
  const x = join(work, 'deb/x');
  for (const library of globSync('{usr/,}lib/*/*.so.*', { cwd: x }))
    await run('cp', ['-a', join(x, library), join(ready, 'lib')]);
  writeFileSync(join(ready, 'bin/ipvsadm'), IPVSADM, { mode: 0o755 });
  const busybox = join(root, 'bin/busybox');
  await run('cp', [one('{usr/,}bin/busybox'), busybox]);
  await run('cp', [busybox, join(ready, 'bin/busybox')]);
  for (const applet of ['sh', 'mount', 'mkdir', 'modprobe', 'chroot', 'switch_root', 'cat', 'cp', 'rm'])
    symlinkSync('busybox', join(root, 'bin', applet));
  const modules = one(`{usr/,}lib/modules/${version}`);
  const to = join(root, 'lib/modules', version);
  for (const folder of FOLDERS) {
    if (!existsSync(join(modules, 'kernel', folder))) continue;
    mkdirSync(dirname(join(to, 'kernel', folder)), { recursive: true });
    await run('cp', ['-a', join(modules, 'kernel', folder), join(to, 'kernel', folder)]);
  }
  await run('sh', ['-c', `cp '${modules}'/modules.* '${to}'/ && depmod -b '${root}' '${version}'`]);
  writeFileSync(join(root, 'init'), INIT);
  chmodSync(join(root, 'init'), 0o755);
  await run('sh', [
    '-c',
    `cd '${root}' && find . | cpio -o -H newc 2>/dev/null | gzip -1 >'${join(ready, 'initrd.gz')}'`,
  ]);
}

/** The machine whose root directory the guest has may lack the libraries of that program. */
const IPVSADM = `#!/bin/sh
lib=\${0%/bin/*}/lib
LD_LIBRARY_PATH=$lib exec $lib/ipvsadm "$@"
`;

/**
 * First process of the guest. Goes on as systemd or as the program (see run.ts).
 */
const INIT = `#!/bin/sh
mkdir -p /proc /sys /dev /host /mnt
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
load() { for m in "$@"; do modprobe $m || echo "module $m is not there"; done; }
load ${ROOT_MODULES.join(' ')}
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro host /host
${intoRoot('/host', 'mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 out', 'switch_root')}`;

function boot(dir: string, folder: string, timeoutMs: number): Promise<ExecResult> {
  const share = (tag: string, path: string, more: string): string[] => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none${more}`,
  ];
  return systemExec(
    'qemu-system-x86_64',
    [
      ...['-M', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(MEMORY_MB)],
      ...['-nographic', '-no-reboot', '-nodefaults', '-serial', `file:${join(folder, 'console')}`],
      ...['-kernel', join(dir, 'vmlinuz'), '-initrd', join(dir, 'initrd.gz')],
      // On a busy machine the guest's timers come late, which is no fault of theirs; of AppArmor it has no profiles.
      ...['-append', 'console=ttyS0 quiet panic=-1 no_timer_check apparmor=0 selinux=0'],
      ...share('host', '/', ',readonly=on,multidevs=remap'),
      ...share('out', folder, ''),
    ],
    { timeoutMs },
  );
}
