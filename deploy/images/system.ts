import { existsSync, globSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../run.ts';
import { packLayer, writeArchive } from './archive.ts';
import { baseImage, layOver } from './base.ts';
import { type Archive, cached, contentKey, repository } from './store.ts';

/** What the containers of the cluster run besides our own code, as installed on this machine. */
const TOOLS = [
  ...[
    'etcd',
    'etcdctl',
    'haproxy',
    'ip',
    'bridge',
    'conntrack',
    'nft',
    'ipset',
    'sysctl',
    'mknod',
    'mount',
    'umount',
    'nsenter',
  ],
  ...['iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore'],
  ...['dash', 'cat', 'chmod', 'chrt', 'ls', 'mkdir', 'readlink', 'rm', 'dirname', 'sleep', 'modprobe'],
];
const SEARCH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
const NAME = 'coxswain/system';
const INSTALLED = '/opt/coxswain';

/**
 * The one image of all our containers: the programs of this machine with the libraries they need, Node, and dist/, upon the
 * image of this machine's distribution where that can be pulled. A new dist/ costs only its own small layer.
 */
export async function systemImage(): Promise<Archive> {
  const node = realpathSync(join(repository, 'node_modules/.bin/node'));
  const tools = TOOLS.flatMap((name) => {
    const path = find(name);
    return path ? [{ name, path }] : [];
  });
  const self = import.meta.filename;
  const pulled = baseImage();
  const baseKey = contentKey([self, node, ...tools.map((t) => realpathSync(t.path))], [pulled ?? 'none']);
  const bundles = globSync('dist/{*.mjs,proto/*.proto}', { cwd: repository }).sort();
  const key = contentKey([...bundles.map((b) => join(repository, b))], [baseKey]);
  const path = await cached('system', key, async (target) => {
    const base = await cached('systembase', baseKey, (layer) => makeBase({ node, tools, image: pulled }, layer));
    await make({ base, key, bundles }, target);
  });
  return { path, key, names: [NAME] };
}

const find = (name: string): string | undefined =>
  SEARCH.map((dir) => join(dir, name)).find((path) => existsSync(path));

interface Tool {
  readonly name: string;
  readonly path: string;
}

interface Base {
  readonly node: string;
  readonly tools: readonly Tool[];
  /** What it is laid upon. */
  readonly image: string | undefined;
}

async function makeBase({ node, tools, image }: Base, target: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'coxswain-system-'));
  try {
    await skeleton(root);
    await place(root, node, '/usr/local/bin/node');
    for (const { name, path } of tools) await placeTool(root, name, path);
    for (const folder of globSync('/usr/lib/*/xtables')) await cp(folder, join(root, folder), { recursive: true });
    const programs = [node, ...tools.map((t) => t.path), ...globSync('/usr/lib/*/xtables/*.so')];
    for (const library of await libraries(programs)) await place(root, library, library);
    if (image && (await upon(image, root, target))) return;
    await accounts(root);
    await run('ldconfig', ['-r', root]);
    await packLayer(root, target);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function upon(image: string, root: string, target: string): Promise<boolean> {
  const layer = `${root}.tar`;
  try {
    await packLayer(root, layer);
    const missing = await layOver(image, layer, target);
    if (missing !== undefined) console.log(`\nbase image ${image} cannot be pulled, so it is made here: ${missing}`);
    return missing === undefined;
  } finally {
    await rm(layer, { force: true });
  }
}

async function skeleton(root: string): Promise<void> {
  for (const dir of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'usr/local/bin',
    'etc',
    'tmp',
    'run',
    'var/lib',
    'proc',
    'sys',
    'dev',
    'root',
  ]) {
    await mkdir(join(root, dir), { recursive: true });
  }
  await chmod(root, 0o755);
  await chmod(join(root, 'tmp'), 0o1777);
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${dir}`, join(root, dir));
  await symlink('../run', join(root, 'var/run'));
  await symlink('dash', join(root, 'usr/bin/sh'));
  for (const file of ['protocols', 'services', 'ethertypes']) {
    if (existsSync(`/etc/${file}`)) await copyFile(`/etc/${file}`, join(root, 'etc', file));
  }
}

/** What a base image has of its own. */
async function accounts(root: string): Promise<void> {
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

/** iptables is a name under which a program of many names is called: the last link of the chain must keep its own. */
async function placeTool(root: string, name: string, path: string): Promise<void> {
  const real = realpathSync(path);
  await place(root, real, real);
  const wanted = join(root, 'usr', dirname(path).endsWith('sbin') ? 'sbin' : 'bin', name);
  if (!lstatSync(wanted, { throwIfNoEntry: false })) await symlink(real, wanted);
  // A script that only calls another program would need its interpreter too; none of these is one today.
  if (lstatSync(real).size < 2 || readFileSync(real).subarray(0, 2).toString() === '#!') {
    throw new Error(`${real} is a script; it cannot be put into the image as it is`);
  }
}

/** Copies one file, following links, to the same place below `root`. */
async function place(root: string, from: string, to: string): Promise<void> {
  const target = join(root, to);
  if (lstatSync(target, { throwIfNoEntry: false })) return;
  await mkdir(dirname(target), { recursive: true });
  await copyFile(realpathSync(from), target);
  await chmod(target, 0o755);
}

/** Shared libraries that the programs and their libraries need, by the names under which they are looked for. */
async function libraries(programs: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const program of programs) {
    const listed = await run('sh', ['-c', `ldd '${program}' 2>/dev/null || true`]);
    for (const [, path] of listed.matchAll(/(?:=> |^\s*)(\/\S+)/gm)) if (path) found.add(path);
  }
  return [...found];
}

async function make(parts: { base: string; key: string; bundles: readonly string[] }, target: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'coxswain-dist-'));
  try {
    const root = join(work, 'root');
    for (const bundle of parts.bundles) {
      const to = join(root, INSTALLED, bundle);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(join(repository, bundle), to);
    }
    await cp(join(repository, 'bin'), join(root, INSTALLED, 'bin'), { recursive: true });
    await mkdir(join(root, INSTALLED, 'deploy'));
    await copyFile(join(repository, 'deploy/launch.sh'), join(root, INSTALLED, 'deploy/launch.sh'));
    await packLayer(root, join(work, 'dist.tar'));
    const config = { Env: [`PATH=${INSTALLED}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`] };
    await writeArchive([{ name: NAME, key: parts.key, layers: [parts.base, join(work, 'dist.tar')], config }], target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
