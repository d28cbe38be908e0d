import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packLayer, writeArchive } from '../../../deploy/images/archive.ts';
import { layOver } from '../../../deploy/images/base.ts';
import { run } from '../../../deploy/run.ts';
import { freePorts } from '../../bed/ports.ts';
import { publish, serveImage } from '../../bed/registry.ts';

const dir = mkdtempSync(join(tmpdir(), 'coxswain-base-'));
const registry = join(dir, 'registry');
const server = createServer((request, response) => serveImage(registry, request.url ?? '', response));
const docker = (...args: string[]): Promise<string> => run('docker', args);
const loaded = 'coxswain/layered-test';
const port = (): number => (server.address() as AddressInfo).port;

/** What `make up` lays over the image: files, and links where Debian has links. */
async function ourLayer(): Promise<string> {
  const root = join(dir, 'root');
  mkdirSync(join(root, 'opt'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'opt/ours'), 'ours');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nours:x:7:\n');
  await packLayer(root, join(dir, 'layer.tar'));
  return join(dir, 'layer.tar');
}

beforeAll(async () => {
  await publish('unix:///var/run/docker.sock', 'coxswain/busybox:1', registry);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
afterAll(async () => {
  server.close();
  await docker('image', 'rm', `${loaded}:1`, `${loaded}:test`).catch(() => undefined);
  rmSync(dir, { recursive: true, force: true });
});

test('our programs are laid over an image that a registry has, of which nothing stays', async () => {
  const image = `127.0.0.1:${port()}/base:1`;
  const target = join(dir, 'layered.tar');
  expect(await layOver(image, await ourLayer(), target)).toBeUndefined();
  expect(await docker('image', 'ls', '-q', image)).toBe('');
  const archive = join(dir, 'image.tar');
  await writeArchive([{ name: loaded, key: 'test', layers: [target], config: { Env: ['PATH=/bin'] } }], archive);
  await docker('load', '-q', '-i', archive);
  const script = 'cat /opt/ours /etc/group /etc/passwd';
  const printed = await docker('run', '--rm', '--network', 'none', `${loaded}:test`, 'sh', '-c', script);
  expect(printed).toMatch(/^oursroot:x:0:\nours:x:7:\nroot:.*\nnobody:/);
});

test('without a registry it says why, and writes nothing', async () => {
  const [closed] = await freePorts(1);
  const target = join(dir, 'none.tar');
  expect(await layOver(`127.0.0.1:${closed}/base:1`, 'unused', target)).toMatch(/connection refused/);
  expect(existsSync(target)).toBe(false);
});
