import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'],
  ['.json', 'application/json'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.jpg', 'image/jpeg'],
  ['.ico', 'image/x-icon'],
  ['.wasm', 'application/wasm'],
]);

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A folder served below a path (`proxy --www`): files, index.html, else the list of a folder. */
export class StaticFiles {
  readonly prefix: string;
  readonly #root: string;

  constructor(root: string, prefix: string) {
    this.#root = resolve(root);
    this.prefix = `/${prefix}/`.replace(/\/+/g, '/');
  }

  /** @returns the file or folder a path means; undefined for what is not there or not below the folder */
  async #find(path: string): Promise<string | undefined> {
    try {
      const wanted = decodeURIComponent(path.slice(this.prefix.length));
      const [root, found] = await Promise.all([realpath(this.#root), realpath(join(this.#root, wanted))]);
      return found === root || found.startsWith(root + sep) ? found : undefined;
    } catch {
      return undefined;
    }
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?');
    const found = await this.#find(path);
    try {
      if (found === undefined) response.writeHead(404).end('404 page not found\n');
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      else if (!(await stat(found)).isDirectory()) await send(found, request, response);
      else if (!path.endsWith('/')) response.writeHead(301, { location: `${path}/` }).end();
      else await this.#folder(found, request, response);
    } catch {
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end('the file cannot be read\n');
    }
  }

  async #folder(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.some((e) => e.name === 'index.html')) return send(join(folder, 'index.html'), request, response);
    const names = entries.map((e) => (e.isDirectory() ? `${e.name}/` : e.name)).sort();
    const links = names.map((n) => `<a href="${encodeURIComponent(n).replaceAll('%2F', '/')}">${escaped(n)}</a>\n`);
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(
      `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`,
    );
  }
}

async function send(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { size, mtime } = await stat(file);
  const type = TYPES.get(extname(file).toLowerCase()) ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': size, 'last-modified': mtime.toUTCString() });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(file), response);
}
