import { type Kubeconfig, loadKubeconfig, readOrExplain } from '#client/kubeconfig.ts';
import { UserError } from '#process/user-error.ts';
import { versionInfo } from '#process/version.ts';
import type { Discovery } from './api/discovery.ts';
import { loadDiscovery } from './api/discovery-cache.ts';
import { Rest, type RestOptions } from './api/rest.ts';
import { CliError } from './errors.ts';

/** Options every command takes. */
export interface GlobalOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly server?: string;
  readonly token?: string;
  readonly requestTimeout?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly certificateAuthority?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly tlsServerName?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly asUid?: string;
  /** --cluster and --user: entries of the kubeconfig. */
  readonly entryCluster?: string;
  readonly entryUser?: string;
  /** --username and --password. */
  readonly basicUsername?: string;
  readonly basicPassword?: string;
  readonly cacheDir?: string;
  /** How much is told of requests. */
  readonly v?: string;
  readonly warningsAsErrors?: boolean;
  readonly matchServerVersion?: boolean;
}

/** What commands work with: the streams, the server, and lazily its discovery. */
export interface CliContext {
  readonly rest: Rest;
  readonly config: Kubeconfig;
  readonly namespace: string;
  /** By -n: files may then name no other one. */
  readonly namespaceGiven: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly signal: AbortSignal;
  discovery(): Promise<Discovery>;
  /** How often the server has warned. */
  warnings(): number;
  /** Ends all connections. Later requests make new ones. */
  close(): void;
}

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Connects to the cluster the kubeconfig names. */
export async function openContext(options: GlobalOptions, streams: Streams): Promise<CliContext> {
  if (!options.as && (options.asGroup || options.asUid))
    throw new CliError('--as-group and --as-uid say more of the user of --as, which is missing');
  const { context, entryCluster: cluster, entryUser: user } = options;
  const chosen = { ...(context ? { context } : {}), ...(cluster ? { cluster } : {}), ...(user ? { user } : {}) };
  const found = await loadKubeconfig(options.kubeconfig, process.env, chosen).catch((e: unknown) => {
    // What names a file or a context means it.
    if (!(e instanceof UserError) || options.kubeconfig || Object.keys(chosen).length > 0) throw e;
    return e;
  });
  if (found instanceof UserError && !options.server) return offline(found, options, streams);
  const loadedConfig = withFlags(found instanceof UserError ? { server: '' } : found, options);
  // A credential program gives its token once; a command is over before it expires.
  const token = loadedConfig.token ?? (await loadedConfig.tokenSource?.());
  const config = token ? { ...loadedConfig, token } : loadedConfig;
  const timeoutMs = options.requestTimeout ? timeoutOf(options.requestTimeout) : undefined;
  let warned = 0;
  const warn = (text: string): void => {
    warned++;
    streams.err(`Warning: ${text}\n`);
  };
  const rest = new Rest(config, warn, {
    ...options,
    ...tracing(options, streams),
    signal: streams.signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  if (options.matchServerVersion) await requireSameVersion(rest);
  let loaded: Promise<Discovery> | undefined;
  return {
    rest,
    config,
    namespace: options.namespace || config.namespace || 'default',
    namespaceGiven: Boolean(options.namespace),
    ...streams,
    discovery() {
      loaded ??= loadDiscovery(rest, config, options.cacheDir);
      return loaded;
    },
    warnings: () => warned,
    close: () => rest.close(),
  };
}

/** A command that asks no server needs no kubeconfig; any other is told that there is none. */
function offline(why: UserError, options: GlobalOptions, streams: Streams): CliContext {
  const absent = (why.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  const todo = 'name one with --kubeconfig or $KUBECONFIG, or make a cluster with "cox cluster up"';
  const refuse = (): never => {
    throw absent ? new UserError(`${why.message}: ${todo}`) : why;
  };
  return {
    get rest() {
      return refuse();
    },
    get config() {
      return refuse();
    },
    namespace: options.namespace || 'default',
    namespaceGiven: Boolean(options.namespace),
    ...streams,
    discovery: async () => (await import('./api/builtin-discovery.ts')).builtinDiscovery(refuse),
    warnings: () => 0,
    close: () => undefined,
  };
}

/** -v: what is told of requests. @throws CliError for a level that is no number */
function tracing({ v = '0' }: GlobalOptions, { err }: Streams): Pick<RestOptions, 'trace'> {
  if (!/^\d+$/.test(v)) throw new CliError(`invalid argument "${v}" for "-v, --v" flag: it is no number`);
  const level = Number(v);
  if (level < 6) return {};
  return { trace: (line, body) => err(`${line}\n${level >= 8 && body ? `${body}\n` : ''}`) };
}

/** --match-server-version. @throws CliError */
async function requireSameVersion(rest: Rest): Promise<void> {
  const { gitVersion } = await rest.json<{ gitVersion?: string }>({ path: '/version' });
  if (gitVersion !== versionInfo.gitVersion)
    throw new CliError(`server version (${gitVersion}) differs from client version (${versionInfo.gitVersion})!`);
}

/**
 * Flags win over the file; a token or a certificate takes the place of its credentials. A name and a password go beside its
 * certificate, which servers ask first: to those of today they say nothing.
 */
function withFlags(config: Kubeconfig, o: GlobalOptions): Kubeconfig {
  const { token: _t, tokenFile: _f, tokenSource: _s, ...certified } = config;
  const { cert: _c, key: _k, ...others } = certified;
  const { basicUsername: username, basicPassword: password = '' } = o;
  const basic = username ? { ...certified, username, password } : undefined;
  const base = o.token ? { ...others, token: o.token } : o.clientCertificate ? others : (basic ?? config);
  return {
    ...base,
    ...(o.server ? { server: o.server } : {}),
    ...(o.certificateAuthority
      ? { ca: readOrExplain(o.certificateAuthority, '--certificate-authority: the file') }
      : {}),
    ...(o.clientCertificate ? { cert: readOrExplain(o.clientCertificate, '--client-certificate: the file') } : {}),
    ...(o.clientKey ? { key: readOrExplain(o.clientKey, '--client-key: the file') } : {}),
    ...(o.insecureSkipTlsVerify ? { insecureSkipTlsVerify: true } : {}),
    ...(o.tlsServerName ? { tlsServerName: o.tlsServerName } : {}),
  };
}

/** "30s", or seconds as a number. @returns milliseconds. @throws CliError */
export function timeoutOf(text: string): number {
  const match = /^(\d+)(ms|s|m|h)?$/.exec(text);
  if (!match) throw new CliError(`--request-timeout: "${text}" is not a duration such as 30s or 2m`);
  return Number(match[1]) * ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1000);
}
