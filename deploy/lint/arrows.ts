import { posix } from 'node:path';

/** What each folder of pkg/ may import, besides itself. Arrows point down the layers, never up, never sideways. */
const BOTTOM = ['async', 'process', 'pki'];
const API = ['api', 'cel', ...BOTTOM];
const CLIENT = ['client', ...API];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  async: [],
  // Timeouts and waits of processes are timers, and timers live in async.
  process: ['async'],
  pki: [],
  cel: [],
  api: ['cel', ...BOTTOM],
  grpc: ['async'],
  storage: ['grpc', ...API],
  client: API,
  apiserver: ['storage', 'websocket', ...CLIENT],
  controllers: CLIENT,
  scheduler: CLIENT,
  spdy: ['async'],
  websocket: [],
  agent: ['grpc', 'spdy', 'websocket', ...CLIENT],
  proxy: CLIENT,
  dns: CLIENT,
  ingress: CLIENT,
  cli: ['spdy', ...CLIENT],
  network: CLIENT,
};

/** Libraries with one home: path prefixes whose files may import them. Tests may use what they like. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  etcd3: ['pkg/storage/etcd/'],
  cockatiel: ['pkg/storage/etcd/'],
  fastify: ['pkg/apiserver/', 'pkg/agent/', 'pkg/ingress/'],
  dockerode: ['pkg/agent/runtime/docker'],
  '@peculiar/x509': ['pkg/pki/'],
  'reflect-metadata': ['pkg/pki/'],
  jose: ['pkg/apiserver/authn/'],
};

const IMPORT = /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g;

/** @param file path from the root, such as pkg/api/kind.ts. @returns one sentence for each forbidden import. */
export function breaches(file: string, source: string): string[] {
  const isTest = /\.test\.ts$|\/testing\//.test(file);
  const found: string[] = [];
  for (const match of source.matchAll(IMPORT)) {
    const name = match[1] ?? match[2] ?? '';
    const line = source.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0);
    const why =
      name.startsWith('#') || name.startsWith('.') ? arrow(file, name) : isTest ? undefined : home(file, name);
    if (why) found.push(`${file}:${line}: ${why}`);
  }
  return found;
}

function arrow(file: string, name: string): string | undefined {
  const from = folderOf(file);
  const target = name.startsWith('#') ? `pkg/${name.slice(1)}` : posix.join(posix.dirname(file), name);
  const to = folderOf(target);
  if (from === undefined) return target.startsWith('test/') ? 'programs do not import tests' : undefined;
  if (to === undefined) return `pkg/${from} must not import ${target}: it lies outside pkg/`;
  const allowed = MAY_IMPORT[from];
  if (!allowed) return `pkg/${from} has no place in the import rules; give it one in deploy/lint/arrows.ts`;
  if (from === to) return undefined;
  return allowed.includes(to) ? undefined : `pkg/${from} must not import pkg/${to}`;
}

function home(file: string, name: string): string | undefined {
  const library = name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
  const homes = HOMES[library];
  if (!homes || homes.some((prefix) => file.startsWith(prefix))) return undefined;
  return `${library} is imported only in ${homes.join(', ')}`;
}

const folderOf = (path: string): string | undefined => /^pkg\/([^/]+)\//.exec(path)?.[1];
