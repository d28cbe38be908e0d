import { globSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../run.ts';
import { type Image, packLayer, writeArchive } from './archive.ts';
import { type Archive, cached, contentKey, repository } from './store.ts';

const SOURCES = ['pause/pause.c', 'hello/hello.c', 'images/workloads.ts'].map((f) => join(repository, 'deploy', f));
const NAMES = ['pause', 'hello', 'busybox'].map((name) => `coxswain/${name}`);

/**
 * The images a cluster needs before any registry answers: the sandbox process, a workload to try it with, and a shell.
 * They are made from C and from Debian's static busybox, without a daemon.
 */
export async function workloadImages(): Promise<Archive> {
  const key = contentKey(SOURCES);
  const path = await cached('workloads', key, (target) => make(key, target));
  return { path, key, names: NAMES };
}

async function make(key: string, target: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'coxswain-images-'));
  try {
    const [pause, hello, busybox] = await Promise.all([program('pause', work), program('hello', work), shell(work)]);
    const images: Image[] = [
      { name: 'coxswain/pause', key, layers: [pause], config: { Entrypoint: ['/pause'] } },
      {
        name: 'coxswain/hello',
        key,
        layers: [hello],
        config: { Entrypoint: ['/hello'], Env: ['PORT=8080'], ExposedPorts: { '8080/tcp': {} } },
      },
      {
        name: 'coxswain/busybox',
        key,
        layers: [busybox],
        config: { Cmd: ['sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
      },
    ];
    await writeArchive(images, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function program(name: string, work: string): Promise<string> {
  const root = join(work, name);
  await mkdir(root);
  const source = join(repository, 'deploy', name, `${name}.c`);
  await run('gcc', ['-static', '-Os', '-s', '-o', join(root, name), source]);
  return layer(root);
}

async function shell(work: string): Promise<string> {
  const root = join(work, 'busybox');
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'var/run', 'usr/bin', 'usr/sbin', 'sbin']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  const busybox = join(root, 'bin/busybox');
  await copyFile(await findBusybox(work), busybox);
  await chmod(busybox, 0o755);
  const applets = (await run(busybox, ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox');
  for (const name of applets) await symlink('busybox', join(root, 'bin', name));
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return layer(root);
}

/** Taken out of the Debian package, not installed: it would push the machine's own busybox aside. */
async function findBusybox(work: string): Promise<string> {
  const folder = join(work, 'deb');
  await mkdir(folder);
  try {
    await run('sh', ['-c', `cd '${folder}' && apt-get -qq download busybox-static && dpkg-deb -x ./*.deb .`]);
  } catch (e) {
    throw new Error('the Debian package busybox-static could not be fetched; is `apt-get update` in order?', {
      cause: e,
    });
  }
  const [found] = globSync('{usr/,}bin/busybox', { cwd: folder });
  if (!found) throw new Error('the Debian package busybox-static holds no busybox');
  return join(folder, found);
}

async function layer(root: string): Promise<string> {
  await packLayer(root, `${root}.tar`);
  return `${root}.tar`;
}
