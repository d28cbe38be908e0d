import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { importPKCS8, importSPKI, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Kind } from '#api/kind.ts';
import { Nodes, Pods, Secrets, ServiceAccounts } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Lookup } from '../admission/lookup.ts';
import type { UserInfo } from '../request/context.ts';
import type { TokenUser } from './authenticator.ts';
import { keyId } from './issuer.ts';

/** Claims Kubernetes puts under "kubernetes.io" in bound tokens. */
interface BoundClaims {
  namespace?: string;
  serviceaccount?: { name?: string; uid?: string };
  pod?: { name?: string; uid?: string };
  node?: { name?: string; uid?: string };
  secret?: { name?: string; uid?: string };
}

export interface TokenRequestSpec {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: { readonly kind: 'Pod' | 'Secret' | 'Node'; readonly name: string; readonly uid: string };
  /** The node of the pod it is bound to. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

export interface ServiceAccountTokens {
  /** @returns the signed token, whom it is for, when it ends (epoch ms), and which one it is */
  issue(
    spec: TokenRequestSpec,
  ): Promise<{ token: string; audiences: readonly string[]; expiresAt: number; credentialId: string }>;
  /** The user, or undefined when the token is not ours, expired, or bound to something that is gone. */
  authenticate(token: string, audiences?: readonly string[]): Promise<TokenUser | undefined>;
}

export interface ServiceAccountKeys {
  /** PEM (PKCS #8), signs new tokens. */
  readonly signingKey: string;
  /** PEM (SPKI), verifies tokens. */
  readonly publicKey: string;
  readonly issuer: string;
}

const MAX_CACHED = 4096;
const ALGORITHMS = ['ES256', 'RS256'];

export const serviceAccountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
  'system:authenticated',
];

export const serviceAccountUser = (namespace: string, name: string, uid: string): UserInfo => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  uid,
  groups: serviceAccountGroups(namespace),
});

/** Signs and checks service-account JWTs ("Managing Service Accounts", bound tokens). Verified tokens are remembered. */
export async function serviceAccountTokens(
  keys: ServiceAccountKeys,
  lookup: Lookup,
  clock: Clock,
): Promise<ServiceAccountTokens> {
  const alg = keyAlgorithm(keys.publicKey);
  const kid = keyId(keys.publicKey);
  const publicKey = await importSPKI(keys.publicKey, alg);
  const privateKey = await importPKCS8(keys.signingKey, alg);
  const verified = new Map<string, { claims: JWTPayload; until: number }>();

  /** A token is good at once: what another server made a moment ago and this one has not seen yet is there, too. */
  const alive = async (kind: Kind, namespace: string, ref: { name?: string; uid?: string }): Promise<boolean> => {
    const found = await lookup.find(kind as Kind<KubeObject>, namespace, ref.name ?? '');
    return found !== undefined && (!ref.uid || found.metadata.uid === ref.uid);
  };

  const verify = async (token: string): Promise<JWTPayload | undefined> => {
    const id = createHash('sha256').update(token).digest('base64');
    const hit = verified.get(id);
    if (hit && hit.until > clock.now()) return hit.claims;
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        issuer: keys.issuer,
        algorithms: ALGORITHMS,
        currentDate: new Date(clock.now()),
      });
      if (verified.size >= MAX_CACHED) verified.clear();
      verified.set(id, { claims: payload, until: (payload.exp ?? 0) * 1000 });
      return payload;
    } catch {
      return undefined;
    }
  };

  return {
    async issue(spec) {
      const now = Math.floor(clock.now() / 1000);
      const exp = now + spec.expirationSeconds;
      const jti = randomUUID();
      const k8s: Record<string, unknown> = {
        namespace: spec.namespace,
        serviceaccount: { name: spec.name, uid: spec.uid },
      };
      if (spec.node) k8s.node = spec.node;
      if (spec.bound) k8s[spec.bound.kind.toLowerCase()] = { name: spec.bound.name, uid: spec.bound.uid };
      const audiences = spec.audiences.length > 0 ? [...spec.audiences] : [keys.issuer];
      const token = await new SignJWT({ 'kubernetes.io': k8s })
        .setProtectedHeader({ alg, kid })
        .setIssuer(keys.issuer)
        .setSubject(`system:serviceaccount:${spec.namespace}:${spec.name}`)
        .setAudience(audiences)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(exp)
        .setJti(jti)
        .sign(privateKey);
      return { token, audiences, expiresAt: exp * 1000, credentialId: credentialId(jti) };
    },

    async authenticate(token, audiences = [keys.issuer]) {
      const claims = await verify(token);
      const meant = [claims?.aud ?? []].flat();
      const matched = audiences.filter((a) => meant.includes(a));
      if (matched.length === 0) return undefined;
      const bound = claims?.['kubernetes.io'] as BoundClaims | undefined;
      const namespace = bound?.namespace;
      const account = bound?.serviceaccount;
      if (!namespace || !account?.name) return undefined;
      if (!(await alive(ServiceAccounts, namespace, account))) return undefined;
      if (bound.pod && !(await alive(Pods, namespace, bound.pod))) return undefined;
      if (bound.secret && !(await alive(Secrets, namespace, bound.secret))) return undefined;
      // A token of a pod lives as long as the pod; one of a node alone as long as that.
      if (bound.node && !bound.pod && !(await alive(Nodes, '', bound.node))) return undefined;
      const user = serviceAccountUser(namespace, account.name, account.uid ?? '');
      return { ...user, extra: extraOf(claims?.jti, bound), audiences: matched };
    },
  };
}

/** What a token is called in the audit log. */
const credentialId = (jti: string): string => `JTI=${jti}`;

/** What a token says beside whose it is: which one it is, and what it is bound to. */
function extraOf(jti: string | undefined, { pod, node }: BoundClaims): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  const say = (what: string, value: string | undefined): void => {
    if (value) extra[`authentication.kubernetes.io/${what}`] = [value];
  };
  say('credential-id', jti && credentialId(jti));
  say('node-name', node?.name);
  say('node-uid', node?.uid);
  say('pod-name', pod?.name);
  say('pod-uid', pod?.uid);
  return extra;
}

const keyAlgorithm = (pem: string): string => (createPublicKey(pem).asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256');
