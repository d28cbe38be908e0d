import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { run } from '../run.ts';
import { packLayer, writeArchive } from './archive.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'archive-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

async function layer(name: string, age: number): Promise<string> {
  const root = join(dir, name);
  mkdirSync(join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'bin/tool'), 'content');
  chmodSync(join(root, 'bin/tool'), 0o755);
  utimesSync(join(root, 'bin/tool'), age, age);
  await packLayer(root, `${root}.tar`);
  return `${root}.tar`;
}

it('packs equal files to equal bytes, whenever they were made', async () => {
  expect(digest(await layer('a', 1000))).toBe(digest(await layer('b', 2000)));
});

it('writes an archive whose manifest, configuration and layers name each other by content', async () => {
  const archive = join(dir, 'images.tar');
  const config = { Entrypoint: ['/bin/tool'] };
  await writeArchive([{ name: 'x/tool', key: 'k1', layers: [await layer('a', 1000)], config }], archive);
  const out = join(dir, 'out');
  mkdirSync(out);
  await run('tar', ['-C', out, '-xf', archive]);
  const [image] = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  expect(image.RepoTags).toEqual(['x/tool:1', 'x/tool:k1']);
  expect(image.Config).toBe(`${digest(join(out, image.Config))}.json`);
  const described = JSON.parse(readFileSync(join(out, image.Config), 'utf8'));
  expect(described.config.Entrypoint).toEqual(['/bin/tool']);
  expect(described.rootfs.diff_ids).toEqual([`sha256:${digest(join(out, image.Layers[0]))}`]);
});
