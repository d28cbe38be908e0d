import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { run } from '../../deploy/run.ts';

/**
 * A registry of one image, whatever it is called, from the files of a folder: what of the Distribution API ("Pulling
 * manifests", "Pulling blobs") Docker asks for.
 */
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const fileOf = (digest: string): string => digest.replace(':', '-');

/** Answers one request of a pull. @param path such as /v2/tiny/manifests/1 */
export function serveImage(folder: string, path: string, response: ServerResponse): void {
  if (path === '/v2/') return void response.end('{}');
  const [, what = '', name = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  const file = join(folder, what === 'manifests' ? 'manifest.json' : fileOf(name));
  if (!existsSync(file)) return void response.writeHead(404).end();
  const content = readFileSync(file);
  response.writeHead(200, {
    'content-type': what === 'manifests' ? MANIFEST : 'application/octet-stream',
    'content-length': content.length,
    'docker-content-digest': digestOf(content),
  });
  response.end(content);
}

/**
 * Makes the folder for `serveImage` from an image of a daemon. What is served has an ID of its own, so that the daemon it
 * came from has something to pull.
 * @param dockerHost such as unix:///var/run/docker.sock
 */
export async function publish(dockerHost: string, image: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const saved = mkdtempSync(`${folder}-saved-`);
  try {
    const script = 'docker -H "$1" save "$2" | tar -x -C "$3"';
    await run('sh', ['-c', script, 'sh', dockerHost, image, saved]);
    const read = (file: string): Buffer => readFileSync(join(saved, file));
    const [{ Config, Layers }] = JSON.parse(read('manifest.json').toString()) as [{ Config: string; Layers: string[] }];
    const config = Buffer.from(JSON.stringify({ ...JSON.parse(read(Config).toString()), author: 'test' }));
    const blob = (content: Buffer, mediaType: string) => {
      const digest = digestOf(content);
      writeFileSync(join(folder, fileOf(digest)), content);
      return { mediaType, size: content.length, digest };
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: blob(config, 'application/vnd.docker.container.image.v1+json'),
      layers: Layers.map((layer) => blob(read(layer), 'application/vnd.docker.image.rootfs.diff.tar.gzip')),
    };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  } finally {
    rmSync(saved, { recursive: true, force: true });
  }
}
