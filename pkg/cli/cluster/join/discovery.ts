import { createHash, X509Certificate } from 'node:crypto';
import type { ConfigMap } from '#api/kinds/index.ts';
import { StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { parseYaml } from '#client/yaml.ts';
import { certificatesIn } from '#pki/bundle.ts';
import { type SharedSecret, verifyDetached } from '#pki/detached-signature.ts';
import { Rest } from '../../api/rest.ts';
import { CliError, sentence } from '../../errors.ts';

/** What a machine that joins believes about the cluster. */
export interface Discovered {
  readonly server: string;
  /** Authority of the API server, PEM. */
  readonly ca: string;
}

/** Whom to believe ("kubeadm join", discovery). */
export interface Trust {
  readonly token: SharedSecret;
  /** "sha256:…" of the public keys of authorities; empty: the token alone must do. */
  readonly hashes: readonly string[];
}

const CLUSTER_INFO = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const ANSWER_MS = 10_000;
/** A token made a moment ago has yet to sign, and in a cluster made a moment ago there is nothing to sign. */
const SIGNATURE_MS = 10_000;
const PAUSE_MS = 250;

/** "abcdef.0123456789abcdef". @throws CliError */
export function parseToken(text: string): SharedSecret {
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? [];
  if (id && secret) return { id, secret };
  throw new CliError('--token: it is no bootstrap token, such as abcdef.0123456789abcdef');
}

/** "host:port" or a URL. @throws CliError */
export function parseServer(text: string): string {
  const url = URL.canParse(`https://${text.replace(/^https:\/\//, '')}`)
    ? new URL(`https://${text.replace(/^https:\/\//, '')}`)
    : undefined;
  if (!url?.hostname || url.pathname !== '/' || text.startsWith('http:'))
    throw new CliError(`"${text}" is no address of an API server, such as 10.0.0.1:6443`);
  return `https://${url.hostname}:${url.port || '6443'}`;
}

/** "sha256:…" of a CA's public key, by which who joins knows the cluster ("kubeadm join", discovery-token-ca-cert-hash). */
export function authorityHash(pem: string | Buffer): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/**
 * Pure: the authority that cluster-info names, if the token has signed it and it is the one that was pinned.
 * @returns undefined while the token has not signed. @throws CliError
 */
export function authorityIn(info: ConfigMap, { token, hashes }: Trust): string | undefined {
  const { kubeconfig = '' } = info.data ?? {};
  const signature = info.data?.[`jws-kubeconfig-${token.id}`];
  if (signature === undefined) return undefined;
  if (!verifyDetached(kubeconfig, signature, token))
    throw new CliError(
      'the token has not signed what this server says of the cluster: either the token is mistyped, or it is another server',
    );
  const config = parseYaml(kubeconfig) as { clusters?: { cluster?: Record<string, string> }[] } | undefined;
  const data = config?.clusters?.[0]?.cluster?.['certificate-authority-data'] ?? '';
  const ca = Buffer.from(data, 'base64').toString();
  const found = certificatesIn(ca).map((c) => authorityHash(c.raw));
  if (found.length === 0) throw new CliError('cluster-info names no certificate authority');
  if (hashes.length > 0 && !found.some((h) => hashes.includes(h)))
    throw new CliError(
      `the authority of this cluster has the hash ${found[0]}, which is not the one given: is it another?`,
    );
  return ca;
}

/** @returns cluster-info, or why the server shows none */
async function readInfo(rest: Rest, server: string): Promise<ConfigMap | StatusError> {
  try {
    return await rest.json<ConfigMap>({ path: CLUSTER_INFO });
  } catch (e) {
    if (e instanceof StatusError) return e;
    throw new CliError(`the API server at ${server} cannot be asked: ${sentence(e).replace(/^error: /, '')}`);
  }
}

async function signedAuthority(rest: Rest, server: string, trust: Trust): Promise<string> {
  const end = systemClock.now() + SIGNATURE_MS;
  for (;;) {
    const info = await readInfo(rest, server);
    const ca = info instanceof StatusError ? undefined : authorityIn(info, trust);
    if (ca !== undefined) return ca;
    if (systemClock.now() >= end)
      throw new CliError(
        info instanceof StatusError
          ? `the API server at ${server} publishes no cluster-info to join by (${info.message}); its controller manager makes it`
          : `the cluster does not know the token ${trust.token.id}: it has ended or was deleted; "cox cluster token create" makes another`,
      );
    await systemClock.sleep(PAUSE_MS);
  }
}

/**
 * Finds out whom to believe: cluster-info is read from a server nobody knows yet, believed if the token has signed it and the
 * authority is the pinned one, and read again from the server that this authority has certified.
 */
export async function discover(server: string, trust: Trust): Promise<Discovered> {
  const options = { timeoutMs: ANSWER_MS };
  const stranger = new Rest({ server, insecureSkipTlsVerify: true }, () => {}, options);
  let ca: string;
  try {
    ca = await signedAuthority(stranger, server, trust);
  } finally {
    stranger.close();
  }
  const known = new Rest({ server, ca: Buffer.from(ca) }, () => {}, options);
  try {
    const again = await signedAuthority(known, server, trust);
    if (again !== ca) throw new CliError(`the API server at ${server} says another thing of the cluster each time`);
    return { server, ca };
  } finally {
    known.close();
  }
}
