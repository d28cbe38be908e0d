import { globSync, mkdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureLoaded } from '../../deploy/images/store.ts';
import { workloadImages } from '../../deploy/images/workloads.ts';
import { run } from '../../deploy/run.ts';
import { createGuest, type GuestOptions } from './guest/node.ts';
import { createLan, type Lan, removeLan } from './lan.ts';
import { type BedLease, takeBed } from './lease.ts';
import { BEDS } from './machine/bare.ts';
import { type BedNode, createNode } from './node.ts';

/** Several machines on this one. */
export interface Bed {
  readonly number: number;
  readonly lan: Lan;
  readonly nodes: readonly BedNode[];
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

export interface BedOptions {
  readonly nodes: number;
  /** Names are this and a number from 1; default "node". */
  readonly namePrefix?: string;
  /** Number of the first node; default 1. */
  readonly first?: number;
  /** Nodes have addresses of both families; default false. */
  readonly dualStack?: boolean;
  /** Machines as a user has them before `make up`, without dockerd and images; default false. */
  readonly bare?: boolean;
  /** The last one is a virtual machine. */
  readonly guest?: GuestOptions | undefined;
  /** A fixed network such as "10.89.0" instead of one of the bed's own. */
  readonly network?: { readonly bed: number; readonly prefix: string };
}

const folderOf = (number: number): string => join(BEDS, String(number));
const cgroupOf = (number: number): string => `/coxswain-bed${number}`;

/**
 * Makes `nodes` machines with running dockerd and our images. A bed whose owner died is removed on the way. Nothing is
 * routed between pods: that is the agents' work.
 */
export async function createBed(options: BedOptions): Promise<Bed> {
  const { bare = false } = options;
  const images = bare ? undefined : await workloadImages();
  const lease = await takeBed(clean, options.network?.bed);
  const { number } = lease;
  try {
    const lan = await createLan(number, options.network?.prefix ?? `198.18.${number}`, options.dualStack ?? false);
    mkdirSync(folderOf(number), { recursive: true });
    const first = options.first ?? 1;
    const numbers = Array.from({ length: options.nodes }, (_, i) => first + i);
    const made = await Promise.allSettled(
      numbers.map(async (n) => {
        const name = `${options.namePrefix ?? 'node'}${n}`;
        const spec = {
          number: n,
          name,
          lan,
          dir: join(folderOf(number), name),
          cgroupRoot: `${cgroupOf(number)}/${name}`,
          bare,
        };
        if (options.guest && n === numbers.at(-1)) return createGuest(spec, options.guest);
        const node = await createNode(spec);
        if (images) await ensureLoaded(images, node.dockerHost);
        return node;
      }),
    );
    const failed = made.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
    const nodes = made.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
    return { number, lan, nodes, remove: () => removeBed(lease, nodes) };
  } catch (e) {
    await clean(number);
    lease.release();
    throw e;
  }
}

async function removeBed(lease: BedLease, nodes: readonly BedNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.remove()));
  await clean(lease.number);
  lease.release();
}

/** Removes whatever is left of a bed, in whatever state it was left. */
async function clean(number: number): Promise<void> {
  const folder = folderOf(number);
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It went by itself.
    }
  }
  await removeLan(number);
  await unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  removeCgroups(cgroupOf(number));
}

/** Process 1 of every node of this bed: with it, everything in the node ends. A bed of the same number within a node is its own. */
function processesOf(folder: string): number[] {
  return globSync('/proc/[0-9]*/cmdline').flatMap((file) => {
    try {
      const words = readFileSync(file, 'utf8').split('\0');
      const isInit = words.some((w) => w.endsWith('/init.sh')) && words.some((w) => w.startsWith(`${folder}/`));
      if (!isInit) return [];
      const pid = file.split('/')[2] ?? '';
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return /^NSpid:\t\d+\t1$/m.test(status) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const points = mounts.map((line) => line.split(' ')[1] ?? '').filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) await run('umount', ['-l', point]).catch(() => undefined);
}

/** The kernel lets go of a group a moment after its last process: what is still busy stays, empty, until the next bed. */
function removeCgroups(path: string): void {
  const roots = globSync(`/sys/fs/cgroup{,/*}${path}`);
  for (const root of roots) {
    const inside = globSync('**/', { cwd: root }).map((p) => join(root, p));
    for (const folder of [...inside.sort((a, b) => b.length - a.length), root]) {
      try {
        rmdirSync(folder);
      } catch {
        // Busy or gone.
      }
    }
  }
}
