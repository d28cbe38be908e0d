import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { type SharedSecret, signDetached } from '#pki/detached-signature.ts';

export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
/** The ConfigMap in kube-public by which a machine that joins learns whom to believe. */
export const CLUSTER_INFO = 'cluster-info';
export const KUBECONFIG = 'kubeconfig';
const SIGNATURE = 'jws-kubeconfig-';

const value = (s: Secret, key: string): string => Buffer.from(s.data?.[key] ?? '', 'base64').toString();

/** When a token ends, epoch milliseconds; a time that cannot be read has passed. */
export function endOfToken(s: Secret): number {
  const text = value(s, 'expiration');
  if (text === '') return Number.POSITIVE_INFINITY;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : at;
}

/** What a token signs with; undefined when it is not for signing, has ended or is broken. */
export function signingSecret(s: Stored<Secret>, now: number): SharedSecret | undefined {
  const [id, secret] = [value(s, 'token-id'), value(s, 'token-secret')];
  if (s.type !== TOKEN_TYPE || s.metadata.deletionTimestamp || s.metadata.name !== `bootstrap-token-${id}`)
    return undefined;
  if (!secret || value(s, 'usage-bootstrap-signing') !== 'true' || endOfToken(s) <= now) return undefined;
  return { id, secret };
}

/**
 * Pure: the data of cluster-info with a signature for each of the tokens and none of others ("Authenticating with Bootstrap
 * Tokens", ConfigMap signing).
 */
export function signedInfo(
  data: Readonly<Record<string, string>>,
  kubeconfig: string,
  tokens: readonly SharedSecret[],
): Record<string, string> {
  const others = Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE));
  const signatures = tokens.map((t) => [`${SIGNATURE}${t.id}`, signDetached(kubeconfig, t)]);
  return Object.fromEntries([...others, [KUBECONFIG, kubeconfig], ...signatures]);
}

/** Pure: whether a kubeconfig is one that `clusterKubeconfig` made, for whichever address and authority. */
export function isOurs(kubeconfig: string): boolean {
  const part = (name: string): string => new RegExp(`"${name}": "([^"]*)"`).exec(kubeconfig)?.[1] ?? '';
  const ca = Buffer.from(part('certificate-authority-data'), 'base64').toString();
  return clusterKubeconfig(part('server'), ca) === kubeconfig;
}

/** Pure: what cluster-info says of the cluster: an address and the authority, nobody's credentials. */
export function clusterKubeconfig(server: string, ca: string): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const config = { apiVersion: 'v1', kind: 'Config', clusters: [{ name: '', cluster }], contexts: [], users: [] };
  return `${JSON.stringify({ ...config, 'current-context': '', preferences: {} }, null, 2)}\n`;
}
