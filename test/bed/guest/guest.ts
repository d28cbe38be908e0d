/**
 * A virtual machine with a kernel that has what this machine's may lack (IPVS, the unified hierarchy of cgroups). Its root
 * directory is this machine's; what is written there is kept in memory and gone afterwards.
 */
export interface Guest {
  /** Folder of programs that only the guest has. */
  readonly bin: string;
  /**
   * Boots with `folder` as /run/out, runs /run/out/main there and returns when the machine is off. Under systemd as process 1 where
   * the folder has units, among them guest.target. @throws Error when that takes longer than `timeoutMs`
   */
  readonly boot: (folder: string, timeoutMs: number) => Promise<{ readonly stderr: string }>;
}

/** Memory of a guest, MiB. */
export const MEMORY_MB = 1536;

/**
 * What the first process of a guest does once it can see this machine's root directory, in shell.
 * @param lower where that is. @param shared mounts the folder shared with this machine on run/out. @param enter changes the root
 */
export const intoRoot = (lower: string, shared: string, enter: string): string => `
mount -t tmpfs t /mnt; mkdir /mnt/written /mnt/work /mnt/new
mount -t overlay -o lowerdir=${lower},upperdir=/mnt/written,workdir=/mnt/work o /mnt/new
cd /mnt/new
for d in proc sysfs:sys devtmpfs:dev tmpfs:run; do mount -t \${d%:*} x \${d#*:}; done
mkdir -p run/netns run/lock run/out run/systemd/system
${shared} run/out
load $(cat run/out/modules)
# What would make systemd take the guest for a container.
rm -f .dockerenv run/.containerenv
if [ -e run/out/units ]; then
  cp run/out/units/* run/systemd/system/
  # No units but ours are wanted, so nothing need make any.
  for d in system-generators system-environment-generators; do mount -t tmpfs t usr/lib/systemd/$d; done
  exec ${enter} . /usr/lib/systemd/systemd --unit=guest.target
fi
chroot . /bin/sh /run/out/main
`;
