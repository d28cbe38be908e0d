/** Folders of one process' cgroup. On a unified hierarchy both are the same. */
export interface CgroupDirs {
  readonly cpu: string;
  readonly memory: string;
  /** Of what is read from disks and written to them, where it is counted. */
  readonly io?: string;
  readonly unified: boolean;
}

/** A mounted hierarchy of cgroups. */
export interface Hierarchy {
  readonly root: string;
  readonly point: string;
  readonly options: readonly string[];
}

/** Mounted hierarchies (proc(5), mountinfo): what part of each is to be seen here, and where. */
export function hierarchies(mountinfo: string, type: 'cgroup' | 'cgroup2'): Hierarchy[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [fs, , options = ''] = right.split(' ');
    const fields = left.split(' ');
    return fs === type ? [{ root: fields[3] ?? '/', point: fields[4] ?? '', options: options.split(',') }] : [];
  });
}

function dirIn(h: Hierarchy, path: string): string {
  const below = h.root !== '/' && path.startsWith(h.root) ? path.slice(h.root.length) : path;
  return below === '/' ? h.point : `${h.point}${below}`;
}

/**
 * Where the files of a process' cgroup are (cgroups(7)). Pure.
 * @param procCgroup /proc/<pid>/cgroup @param mountinfo /proc/self/mountinfo
 */
export function cgroupDirs(procCgroup: string, mountinfo: string): CgroupDirs | undefined {
  const lines = procCgroup.split('\n').map((l) => l.split(':'));
  const find = (controller: string): string | undefined => {
    const path = lines.find(([, list]) => list?.split(',').includes(controller))?.[2];
    const h = hierarchies(mountinfo, 'cgroup').find((x) => x.options.includes(controller));
    return path !== undefined && h ? dirIn(h, path) : undefined;
  };
  const cpu = find('cpuacct');
  const memory = find('memory');
  const io = find('blkio');
  if (cpu && memory) return { cpu, memory, ...(io ? { io } : {}), unified: false };
  const path = lines.find(([id, list]) => id === '0' && list === '')?.[2];
  const [h] = hierarchies(mountinfo, 'cgroup2');
  if (path === undefined || !h) return undefined;
  const dir = dirIn(h, path);
  return { cpu: dir, memory: dir, io: dir, unified: true };
}
