import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { UserError } from '#process/main.ts';

/** How to reach one cluster as one user. */
export interface Kubeconfig {
  readonly server: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly token?: string;
  /** Re-read from time to time: tokens in pods are rotated. */
  readonly tokenFile?: string;
  readonly namespace?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly tlsServerName?: string;
}

interface Named<T> {
  name: string;
  cluster?: T;
  user?: T;
  context?: T;
}
interface ConfigFile {
  'current-context'?: string;
  clusters?: Named<Record<string, string | boolean>>[];
  users?: Named<Record<string, string>>[];
  contexts?: Named<{ cluster: string; user: string; namespace?: string }>[];
}

const IN_CLUSTER = '/var/run/secrets/kubernetes.io/serviceaccount';

function inCluster(env: NodeJS.ProcessEnv): Kubeconfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) return undefined;
  try {
    return {
      server: `https://${host}:${port}`,
      ca: readFileSync(`${IN_CLUSTER}/ca.crt`),
      token: readFileSync(`${IN_CLUSTER}/token`, 'utf8').trim(),
      tokenFile: `${IN_CLUSTER}/token`,
      namespace: readFileSync(`${IN_CLUSTER}/namespace`, 'utf8').trim(),
    };
  } catch {
    return undefined;
  }
}

/** Inline base64 data or a file, relative to the kubeconfig. */
function material(entry: Record<string, unknown>, name: string, base: string): Buffer | undefined {
  const data = entry[`${name}-data`];
  if (typeof data === 'string' && data) return Buffer.from(data, 'base64');
  const file = entry[name];
  if (typeof file !== 'string' || !file) return undefined;
  try {
    return readFileSync(resolve(base, file));
  } catch (e) {
    throw new UserError(`${name} names ${file}, which cannot be read (${(e as NodeJS.ErrnoException).code})`);
  }
}

function readConfig(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    throw new UserError(
      `the kubeconfig ${path} cannot be read (${(e as NodeJS.ErrnoException).code}); is the cluster up?`,
    );
  }
  try {
    return (parse(text) ?? {}) as ConfigFile;
  } catch (e) {
    throw new UserError(`the kubeconfig ${path} is not valid YAML: ${(e as Error).message.split('\n')[0]}`);
  }
}

/**
 * Reads `path`, or $KUBECONFIG, or the in-cluster account, or ~/.kube/config.
 * @throws UserError in one sentence when something is missing.
 */
export async function loadKubeconfig(
  path?: string,
  env: NodeJS.ProcessEnv = process.env,
  context?: string,
): Promise<Kubeconfig> {
  const chosen = path ?? env.KUBECONFIG?.split(':').find(Boolean);
  if (!chosen) {
    const pod = inCluster(env);
    if (pod) return pod;
  }
  const file = chosen ?? join(homedir(), '.kube', 'config');
  const config = readConfig(file);
  const name = context ?? config['current-context'];
  const ctx = config.contexts?.find((c) => c.name === name)?.context;
  if (!ctx) throw new UserError(`context "${name ?? ''}" does not exist in ${file}`);
  const cluster = config.clusters?.find((c) => c.name === ctx.cluster)?.cluster;
  if (!cluster) throw new UserError(`cluster "${ctx.cluster}" does not exist in ${file}`);
  const user = config.users?.find((u) => u.name === ctx.user)?.user ?? {};
  const base = dirname(file);
  const ca = material(cluster, 'certificate-authority', base);
  const cert = material(user, 'client-certificate', base);
  const key = material(user, 'client-key', base);
  const token = user.token ?? (user.tokenFile ? readFileSync(resolve(base, user.tokenFile), 'utf8').trim() : undefined);
  return {
    server: String(cluster.server ?? ''),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(token ? { token } : {}),
    ...(user.tokenFile ? { tokenFile: resolve(base, user.tokenFile) } : {}),
    ...(ctx.namespace ? { namespace: ctx.namespace } : {}),
    ...(cluster['insecure-skip-tls-verify'] ? { insecureSkipTlsVerify: true } : {}),
    ...(typeof cluster['tls-server-name'] === 'string' ? { tlsServerName: cluster['tls-server-name'] } : {}),
  };
}
