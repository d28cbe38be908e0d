import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { hostPort } from '#api/meta/ip.ts';
import { UserError } from '#process/user-error.ts';
import type { ExecPlugin } from './exec-plugin.ts';

/** Paths of a client certificate and its key, PEM; they may be one file. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** How to reach one cluster as one user. */
export interface Kubeconfig {
  readonly server: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Where these come from, when that is files: certificates are renewed, and then read again. */
  readonly certFiles?: CertificateFiles;
  readonly token?: string;
  /** Re-read from time to time: tokens in pods are rotated. */
  readonly tokenFile?: string;
  /** A token made by a credential program, renewed when it expires. */
  readonly tokenSource?: () => string | undefined | Promise<string | undefined>;
  readonly username?: string;
  readonly password?: string;
  /** Of the context. */
  readonly namespace?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
  /** HTTP proxy on the way to the server; only `cox` heeds it. */
  readonly proxyUrl?: string;
}

interface Cluster {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}
interface User {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  exec?: ExecPlugin;
}
interface Context {
  cluster: string;
  user: string;
  namespace?: string;
}
interface ConfigFile {
  'current-context'?: string;
  clusters?: { name: string; cluster?: Cluster }[];
  users?: { name: string; user?: User }[];
  contexts?: { name: string; context?: Context }[];
}
/** An entry and the folder its file paths are relative to. */
interface Placed<T> {
  readonly value: T;
  readonly base: string;
}

const IN_CLUSTER = '/var/run/secrets/kubernetes.io/serviceaccount';

function inCluster(env: NodeJS.ProcessEnv, folder: string): Kubeconfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) return undefined;
  try {
    return {
      server: `https://${hostPort(host, port)}`,
      ca: readFileSync(join(folder, 'ca.crt')),
      token: readFileSync(join(folder, 'token'), 'utf8').trim(),
      tokenFile: join(folder, 'token'),
      namespace: readFileSync(join(folder, 'namespace'), 'utf8').trim(),
    };
  } catch {
    return undefined;
  }
}

/** What is in a file. @param what says in words which. @throws UserError that names it */
export function readOrExplain(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (e) {
    throw new UserError(`${what} ${path} cannot be read (${(e as NodeJS.ErrnoException).code})`, { cause: e });
  }
}

/** Inline base64 data, which wins, or a file, relative to the kubeconfig. */
function material(data: string | undefined, file: string | undefined, base: string): Buffer | undefined {
  if (data) return Buffer.from(data, 'base64');
  return file ? readOrExplain(resolve(base, file), 'the file named in the kubeconfig,') : undefined;
}

/** What a kubeconfig file says. @param value what was parsed. @throws UserError when it is YAML, but no kubeconfig */
export function kubeconfigIn(value: unknown, path: string): ConfigFile {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap) throw new UserError(`the kubeconfig ${path} is no kubeconfig: it must be a map`);
  for (const section of ['clusters', 'users', 'contexts'] as const) {
    const entries: unknown = (value as ConfigFile)[section] ?? [];
    if (!Array.isArray(entries) || !entries.every((e) => typeof e?.name === 'string'))
      throw new UserError(`the kubeconfig ${path} is no kubeconfig: "${section}" must be a list of entries with names`);
  }
  return value as ConfigFile;
}

async function readConfig(path: string): Promise<ConfigFile> {
  return kubeconfigIn(await parsedConfig(path), path);
}

async function parsedConfig(path: string): Promise<unknown> {
  const text = readOrExplain(path, 'the kubeconfig').toString();
  try {
    // Those we write are JSON, for which a command that is over in no time need not load a parser.
    if (text.startsWith('{')) return JSON.parse(text);
  } catch {
    // A map in YAML begins so, too.
  }
  const { parseYaml } = await import('./yaml.ts');
  try {
    return parseYaml(text) ?? {};
  } catch (e) {
    throw new UserError(`the kubeconfig ${path} is not valid YAML: ${(e as Error).message.split('\n')[0]}`);
  }
}

/** Several files count as one; the first to set a name or the current context wins. */
class Files {
  readonly #files: readonly Placed<ConfigFile>[];
  readonly #names: string;

  private constructor(paths: readonly string[], values: readonly ConfigFile[]) {
    this.#files = values.map((value, i) => ({ value, base: dirname(resolve(paths[i] ?? '')) }));
    this.#names = paths.join(' and ');
  }

  static async read(paths: readonly string[]): Promise<Files> {
    return new Files(paths, await Promise.all(paths.map(readConfig)));
  }

  get currentContext(): string | undefined {
    return this.#files.map((f) => f.value['current-context']).find(Boolean);
  }

  find<T>(
    what: string,
    name: string,
    entriesOf: (f: ConfigFile) => { name: string; entry?: T | undefined }[],
  ): Placed<T> {
    for (const { value, base } of this.#files) {
      const found = entriesOf(value).find((e) => e.name === name);
      if (found?.entry) return { value: found.entry, base };
    }
    throw new UserError(`${what} "${name}" does not exist in ${this.#names}`);
  }
}

/** $KUBECONFIG may list several files; those that do not exist are skipped, as kubectl does. */
function pathsFromEnv(env: NodeJS.ProcessEnv): string[] {
  const paths = (env.KUBECONFIG ?? '').split(':').filter(Boolean);
  const existing = paths.filter((p) => {
    try {
      readFileSync(p);
      return true;
    } catch {
      return false;
    }
  });
  return existing.length > 0 ? existing : paths.slice(0, 1);
}

/** Which entries of the files: by default those of the current context. */
export interface ChosenEntries {
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
}

/**
 * Reads `path`, or the files in $KUBECONFIG, or the pod's account, or ~/.kube/config.
 * @throws UserError in one sentence when something is missing.
 */
export async function loadKubeconfig(
  path?: string,
  env: NodeJS.ProcessEnv = process.env,
  chosen: ChosenEntries = {},
): Promise<Kubeconfig> {
  let paths = path ? [path] : pathsFromEnv(env);
  if (paths.length === 0) {
    const pod = inCluster(env, env.COXSWAIN_SERVICE_ACCOUNT_DIR ?? IN_CLUSTER);
    if (pod) return pod;
    paths = [join(homedir(), '.kube', 'config')];
  }
  const files = await Files.read(paths);
  const name = chosen.context ?? files.currentContext;
  const named = chosen.cluster !== undefined && chosen.user !== undefined;
  if (!name && !named) throw new UserError(`no context is chosen: set current-context in ${paths.join(' and ')}`);
  const context = name
    ? files.find('context', name, (f) => (f.contexts ?? []).map((c) => ({ name: c.name, entry: c.context }))).value
    : undefined;
  const user = chosen.user ?? context?.user;
  const cluster = files.find('cluster', chosen.cluster ?? context?.cluster ?? '', (f) =>
    (f.clusters ?? []).map((c) => ({ name: c.name, entry: c.cluster })),
  );
  const credentials = user
    ? files.find('user', user, (f) => (f.users ?? []).map((u) => ({ name: u.name, entry: u.user ?? {} })))
    : { value: {}, base: '.' };
  const { namespace } = context ?? {};
  return { ...clusterPart(cluster), ...(await userPart(credentials)), ...(namespace ? { namespace } : {}) };
}

function clusterPart({ value: c, base }: Placed<Cluster>): Pick<Kubeconfig, 'server'> & Partial<Kubeconfig> {
  if (!c.server) throw new UserError('the cluster in the kubeconfig has no server');
  const ca = material(c['certificate-authority-data'], c['certificate-authority'], base);
  return {
    server: c.server,
    ...(ca ? { ca } : {}),
    ...(c['insecure-skip-tls-verify'] ? { insecureSkipTlsVerify: true } : {}),
    ...(c['tls-server-name'] ? { tlsServerName: c['tls-server-name'] } : {}),
    ...(c['proxy-url'] ? { proxyUrl: c['proxy-url'] } : {}),
  };
}

function certificateFiles(u: User, base: string): Pick<Kubeconfig, 'certFiles'> {
  const { 'client-certificate': cert, 'client-key': key } = u;
  if (!cert || !key || u['client-certificate-data'] || u['client-key-data']) return {};
  return { certFiles: { cert: resolve(base, cert), key: resolve(base, key) } };
}

async function userPart({ value: u, base }: Placed<User>): Promise<Partial<Kubeconfig>> {
  const cert = material(u['client-certificate-data'], u['client-certificate'], base);
  const key = material(u['client-key-data'], u['client-key'], base);
  const tokenFile = u.tokenFile ? resolve(base, u.tokenFile) : undefined;
  const fromFile = tokenFile ? readOrExplain(tokenFile, 'the token file').toString().trim() : undefined;
  const token = fromFile ?? u.token;
  return {
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...certificateFiles(u, base),
    ...(token ? { token } : {}),
    ...(tokenFile ? { tokenFile } : {}),
    ...(u.username ? { username: u.username, password: u.password ?? '' } : {}),
    ...(u.exec ? await (await import('./exec-plugin.ts')).runExecPlugin(u.exec, base) : {}),
  };
}
