import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { systemExec } from '#process/exec.ts';
import { contentKey } from '../../../deploy/images/store.ts';
import { run } from '../../../deploy/run.ts';

/**
 * Debian's stock kernel, which has what this machine's may lack (IPVS, the unified hierarchy of cgroups), with what boots it.
 */
const CACHE = '/var/tmp/coxswain-kernel';
const FETCH_MS = 240_000;
/** What gives the guest its root directory. */
const ROOT_MODULES = ['crc32c_generic', 'virtio_pci', '9pnet_virtio', '9p', 'overlay'];
/** What of the package's modules is taken, below kernel/. */
const FOLDERS = [
  ...['net', 'lib', 'crypto', 'arch/x86/crypto', 'fs/9p', 'fs/fscache', 'fs/netfs', 'fs/overlayfs', 'drivers/virtio'],
  ...['veth', 'dummy', 'net_failover', 'virtio_net'].map((m) => `drivers/net/${m}.ko`),
];

/** Kernel, first file system and programs for the guest. */
export interface GuestKernel {
  readonly kernel: string;
  readonly initrd: string;
  /** Folder of programs that only the guest has. */
  readonly bin: string;
}

/** Fetches and prepares what is needed, once. @throws Error that says what could not be had */
export async function guestKernel(): Promise<GuestKernel> {
  await needQemu();
  const [name] = (await dependsOf('linux-image-amd64')).filter((d) => /^linux-image-\S+-amd64$/.test(d));
  if (!name) throw new Error('no package linux-image-amd64 is known; is `apt-get update` in order?');
  const dir = join(CACHE, `${name}-${contentKey([], [INIT, IPVSADM, String(unpackKernel), ...FOLDERS])}`);
  const files = { kernel: join(dir, 'vmlinuz'), initrd: join(dir, 'initrd.gz'), bin: join(dir, 'bin') };
  if (existsSync(dir)) return files;
  mkdirSync(CACHE, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(CACHE, 'work-'));
  try {
    await prepare(work, name);
    // Another file may have made it meanwhile.
    if (!existsSync(dir)) renameSync(join(work, 'ready'), dir);
  } catch (e) {
    if (!existsSync(dir)) throw e;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return files;
}

/** The packages that a package depends on; none when it is not known. */
async function dependsOf(name: string): Promise<string[]> {
  const said = await run('apt-cache', ['depends', '--important', name]).catch(() => '');
  return [...said.matchAll(/Depends: (\S+)/g)].map((m) => m[1] ?? '');
}

async function needQemu(): Promise<void> {
  const found = await systemExec('qemu-system-x86_64', ['--version']).catch(() => undefined);
  if (found?.code === 0) return;
  const install = ['install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=200'];
  await run('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...install, 'qemu-system-x86', 'cpio'], {
    timeoutMs: FETCH_MS,
  });
}

/** Puts vmlinuz, initrd.gz and bin/ into `work`/ready. */
async function prepare(work: string, name: string): Promise<void> {
  const [deb, root, ready] = ['deb', 'root', 'ready'].map((d) => join(work, d)) as [string, string, string];
  for (const d of [deb, root, join(root, 'bin'), join(ready, 'bin')]) mkdirSync(d, { recursive: true });
  const unpack = 'for d in *.deb; do dpkg-deb -x "$d" x || exit 1; done';
  const libraries = (await dependsOf('ipvsadm')).filter((d) => /^lib(?!c6)/.test(d)).join(' ');
  await run(
    'sh',
    ['-c', `cd '${deb}' && apt-get -qq download ${name} busybox-static ipvsadm ${libraries} && ${unpack}`],
    {
      timeoutMs: FETCH_MS,
    },
  );
  const x = join(deb, 'x');
  const version = name.replace('linux-image-', '');
  const one = (pattern: string): string => {
    const [found] = globSync(pattern, { cwd: x });
    if (!found) throw new Error(`the packages hold no ${pattern}`);
    return join(x, found);
  };
  renameSync(one('boot/vmlinuz-*'), join(ready, 'vmlinuz'));
  await unpackKernel(join(ready, 'vmlinuz'));
  mkdirSync(join(ready, 'lib'));
  renameSync(one('{usr/,}sbin/ipvsadm'), join(ready, 'lib/ipvsadm'));
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

/** Type and name of the note in a kernel that says where qemu begins with it when it is not packed (that of "PVH"). */
const ENTRY_NOTE = '\x12\0\0\0Xen\0';

/**
 * Unpacks a kernel in place: in the guest, whose processor is emulated, it takes longer than all the rest of the start. It
 * stays as it is where there is no xz, or it is packed otherwise than Debian's, or qemu could not begin with it.
 */
async function unpackKernel(file: string): Promise<void> {
  const image = readFileSync(file);
  // The kernel's boot protocol for x86: setup_sects, payload_offset and payload_length; the payload ends with its size.
  const start = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  writeFileSync(`${file}.xz`, image.subarray(start, start + image.readUInt32LE(0x24c) - 4));
  const { code } = await systemExec('sh', ['-c', `xz -dc '${file}.xz' >'${file}.elf'`], {
    timeoutMs: FETCH_MS,
  });
  if (code === 0 && readFileSync(`${file}.elf`).includes(ENTRY_NOTE)) renameSync(`${file}.elf`, file);
  for (const rest of ['xz', 'elf']) rmSync(`${file}.${rest}`, { force: true });
}

/** The machine whose root directory the guest has may lack the libraries of that program. */
const IPVSADM = `#!/bin/sh
lib=\${0%/bin/*}/lib
LD_LIBRARY_PATH=$lib exec $lib/ipvsadm "$@"
`;

/**
 * First process of the guest. Its root directory is this machine's, with what is written kept in memory; /run/out is the folder
 * shared with this machine. Goes on as systemd or as the program (see run.ts).
 */
const INIT = `#!/bin/sh
mkdir -p /proc /sys /dev /host /cover /new
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
load() { for m in "$@"; do modprobe $m || echo "module $m is not there"; done; }
load ${ROOT_MODULES.join(' ')}
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro host /host
mount -t tmpfs t /cover; mkdir /cover/written /cover/work
mount -t overlay -o lowerdir=/host,upperdir=/cover/written,workdir=/cover/work o /new
mount -t tmpfs t /new/run; mkdir -p /new/run/netns /new/run/lock /new/run/out /new/run/systemd/system
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 out /new/run/out
load $(cat /new/run/out/modules)
# What would make systemd take the guest for a container.
rm -f /new/.dockerenv /new/run/.containerenv
for d in proc sys dev; do mount -o move /$d /new/$d; done
if [ -e /new/run/out/units ]; then
  cp /new/run/out/units/* /new/run/systemd/system/
  # No units but ours are wanted, so nothing need make any.
  for d in system-generators system-environment-generators; do mount -t tmpfs t /new/usr/lib/systemd/$d; done
  exec switch_root /new /usr/lib/systemd/systemd --unit=guest.target
fi
exec switch_root /new /bin/sh /run/out/main
`;
