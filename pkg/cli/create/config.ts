import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { contentHash } from './content-hash.ts';
import { type Generator, type GeneratorInput, required, text, wholes } from './generator.ts';
import { envLines, isText, literalPair } from './sources.ts';

const KEY = /^[-._a-zA-Z0-9]+$/;

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (e) {
    const missing = (e as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CliError(`error reading ${file}: ${missing ? 'no such file or directory' : (e as Error).message}`);
  }
}

/** `[key=]path`; of a folder each file whose name can be a key. */
function fileSource(source: string): [string, Buffer][] {
  const at = source.indexOf('=');
  const path = at < 0 ? source : source.slice(at + 1);
  const key = at < 0 ? undefined : source.slice(0, at);
  if (path.includes('=')) throw new CliError("key names or file paths cannot contain '='");
  if (at >= 0 && (!key || !path)) throw new CliError(`key names or file paths cannot be empty in "${source}"`);
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!folder) return [[key ?? basename(path), read(path)]];
  if (key) throw new CliError('cannot give a key name for a directory path');
  return readdirSync(path, { withFileTypes: true })
    .filter((e) => e.isFile() && KEY.test(e.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((e) => [e.name, read(join(path, e.name))]);
}

/** All values of --from-file, --from-env-file and --from-literal. @throws CliError for keys that are wrong or given twice */
function values(i: GeneratorInput): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  if (wholes(i, 'fromEnvFile').length > 0 && wholes(i, 'fromFile').length + wholes(i, 'fromLiteral').length > 0)
    throw new CliError('from-env-file cannot be combined with from-file or from-literal');
  const all = [
    ...wholes(i, 'fromFile').flatMap(fileSource),
    ...wholes(i, 'fromEnvFile').flatMap((f) => envLines(read(f), f)),
    ...wholes(i, 'fromLiteral').map(literalPair),
  ];
  for (const [key, value] of all) {
    if (!KEY.test(key))
      throw new CliError(`"${key}" is not a valid key name: it may have letters, digits, "-", "_" and "."`);
    if (found.has(key)) throw new CliError(`cannot add key "${key}", another key by that name already exists`);
    found.set(key, value);
  }
  return found;
}

const sorted = <T>(map: Map<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
const base64 = (map: Map<string, Buffer>): Record<string, string> =>
  Object.fromEntries(sorted(map).map(([k, v]) => [k, v.toString('base64')]));

function configMapOf(i: GeneratorInput): KubeObject {
  const all = sorted(values(i));
  const data = Object.fromEntries(all.filter(([, v]) => isText(v)).map(([k, v]) => [k, v.toString('utf8')]));
  const binaryData = base64(new Map(all.filter(([, v]) => !isText(v))));
  const binary = Object.keys(binaryData).length > 0 ? { binaryData } : {};
  const name = i.flags.appendHash
    ? `${i.name}-${contentHash({ ...binary, data, kind: 'ConfigMap', name: i.name })}`
    : i.name;
  const text = Object.keys(data).length > 0 ? { data } : {};
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...text, ...binary } as KubeObject;
}

function secret(i: GeneratorInput, type: string, contents: Map<string, Buffer>): KubeObject {
  const data = base64(contents);
  const name = i.flags.appendHash ? `${i.name}-${contentHash({ data, kind: 'Secret', name: i.name, type })}` : i.name;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    ...(contents.size > 0 ? { data } : {}),
    ...(type ? { type } : {}),
  } as KubeObject;
}

function dockerSecret(i: GeneratorInput): KubeObject {
  const contents = values(i);
  const type = 'kubernetes.io/dockerconfigjson';
  if (contents.size > 0) {
    const [only] = contents.values();
    return secret(i, type, new Map([['.dockerconfigjson', only ?? Buffer.alloc(0)]]));
  }
  const username = text(i, 'dockerUsername') ?? '';
  const password = text(i, 'dockerPassword') ?? '';
  const email = text(i, 'dockerEmail');
  if (!username || !password)
    throw new CliError('either --from-file or the combination of --docker-username and --docker-password is required');
  const server = text(i, 'dockerServer') ?? 'https://index.docker.io/v1/';
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const auths = { auths: { [server]: { username, password, ...(email ? { email } : {}), auth } } };
  return secret(i, type, new Map([['.dockerconfigjson', Buffer.from(JSON.stringify(auths))]]));
}

function tlsSecret(i: GeneratorInput): KubeObject {
  const cert = read(required(i, 'cert', 'cert'));
  const key = read(required(i, 'key', 'key'));
  return secret(
    i,
    'kubernetes.io/tls',
    new Map([
      ['tls.crt', cert],
      ['tls.key', key],
    ]),
  );
}

const SOURCES = [
  ['--from-file <[key=]path>', 'a file, or each file of a folder; repeatable', 'list'],
  ['--from-literal <key=value>', 'a key and its value; repeatable', 'list'],
  ['--from-env-file <path>', 'a file with lines KEY=VALUE; repeatable', 'list'],
  ['--append-hash', 'end the name with a hash of the content', 'switch'],
] as const;

/** Generators of what holds configuration. */
export const config: readonly Generator[] = [
  {
    name: 'configmap',
    aliases: ['cm'],
    description: 'Make a ConfigMap: cox create configmap app --from-literal=mode=fast --from-file=app.ini',
    flags: SOURCES,
    make: configMapOf,
  },
  {
    path: 'secret',
    name: 'generic',
    description: 'Make a Secret of files and values',
    flags: [...SOURCES, ['--type <type>', 'type of the secret']],
    make: (i) => secret(i, text(i, 'type') ?? '', values(i)),
  },
  {
    path: 'secret',
    name: 'docker-registry',
    description: 'Make a Secret to pull images with',
    flags: [
      ['--docker-server <url>', 'the registry'],
      ['--docker-username <name>', 'who pulls'],
      ['--docker-password <password>', 'and the password'],
      ['--docker-email <address>', 'address of the account'],
      ['--from-file <path>', 'a .dockerconfigjson instead', 'list'],
      ['--append-hash', 'end the name with a hash of the content', 'switch'],
    ],
    make: dockerSecret,
  },
  {
    path: 'secret',
    name: 'tls',
    description: 'Make a Secret of a certificate and its key',
    flags: [
      ['--cert <path>', 'certificate, PEM'],
      ['--key <path>', 'its private key, PEM'],
      ['--append-hash', 'end the name with a hash of the content', 'switch'],
    ],
    make: tlsSecret,
  },
];
