import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../run.ts';
import { SLOW_DISK_MS } from './store.ts';

/** How containers of an image start, in Docker's words. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
}

export interface Image {
  /** Without the tag. */
  readonly name: string;
  /** A name for this content beside "1", so that a daemon can be asked whether it has it. */
  readonly key: string;
  /** Root file systems, lowest first. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

/** Packs files the same way every time: equal folders give equal archives, and so equal image IDs. */
export async function packLayer(root: string, target: string): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  await run('tar', [...same, '-C', root, '-cf', target, '.'], { timeoutMs: SLOW_DISK_MS });
}

/** Writes an archive for `docker load`. No daemon takes part. */
export async function writeArchive(images: readonly Image[], target: string): Promise<void> {
  const staging = `${target}.${process.pid}.dir`;
  await mkdir(staging, { recursive: true });
  try {
    const manifest = [];
    for (const image of images) manifest.push(await stage(image, staging));
    await writeFile(join(staging, 'manifest.json'), JSON.stringify(manifest));
    await run('tar', ['-C', staging, '-chf', `${staging}.tar`, '.'], { timeoutMs: SLOW_DISK_MS });
    await rename(`${staging}.tar`, target);
  } finally {
    await rm(staging, { recursive: true, force: true });
    await rm(`${staging}.tar`, { force: true });
  }
}

async function stage(image: Image, staging: string): Promise<object> {
  const Layers: string[] = [];
  const diffIds: string[] = [];
  for (const layer of image.layers) {
    const digest = await sha256(layer);
    await run('ln', ['-sf', layer, join(staging, `${digest}.tar`)]);
    Layers.push(`${digest}.tar`);
    diffIds.push(`sha256:${digest}`);
  }
  const config = JSON.stringify({
    architecture: ARCHITECTURE,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { ...image.config, Labels: { 'io.coxswain.image': image.name } },
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const Config = `${createHash('sha256').update(config).digest('hex')}.json`;
  await writeFile(join(staging, Config), config);
  return { Config, RepoTags: ['1', image.key].map((tag) => `${image.name}:${tag}`), Layers };
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
