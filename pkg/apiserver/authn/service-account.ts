import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { importPKCS8, importSPKI, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Kind } from '#api/kind.ts';
import { Pods, Secrets, ServiceAccounts } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { objectKey } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';

/** Claims Kubernetes puts under "kubernetes.io" in bound tokens. */
interface BoundClaims {
  namespace?: string;
  serviceaccount?: { name?: string; uid?: string };
  pod?: { name?: string; uid?: string };
  secret?: { name?: string; uid?: string };
}

export interface TokenRequestSpec {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: { readonly kind: 'Pod' | 'Secret'; readonly name: string; readonly uid: string };
}

export interface ServiceAccountTokens {
  /** @returns the signed token and when it ends (epoch ms). */
  issue(spec: TokenRequestSpec): Promise<{ token: string; expiresAt: number }>;
  /** The user, or undefined when the token is not ours, expired, or bound to something that is gone. */
  authenticate(token: string): Promise<UserInfo | undefined>;
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

export const serviceAccountUser = (namespace: string, name: string, uid: string): UserInfo => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  uid,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});

/** Signs and checks service-account JWTs ("Managing Service Accounts", bound tokens). Verified tokens are remembered. */
export async function serviceAccountTokens(
  keys: ServiceAccountKeys,
  resources: ResourceTable,
  clock: Clock,
): Promise<ServiceAccountTokens> {
  const alg = keyAlgorithm(keys.publicKey);
  const publicKey = await importSPKI(keys.publicKey, alg);
  const privateKey = await importPKCS8(keys.signingKey, alg);
  const verified = new Map<string, { claims: JWTPayload; until: number }>();

  const alive = (kind: Kind, namespace: string, ref: { name?: string; uid?: string }): boolean => {
    const found = resources.of(kind as Kind<KubeObject>).cache.get(objectKey(kind, namespace, ref.name ?? ''));
    return found !== undefined && (!ref.uid || found.object.metadata.uid === ref.uid);
  };

  const verify = async (token: string): Promise<JWTPayload | undefined> => {
    const id = createHash('sha256').update(token).digest('base64');
    const hit = verified.get(id);
    if (hit && hit.until > clock.now()) return hit.claims;
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        issuer: keys.issuer,
        audience: keys.issuer,
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
      const k8s: Record<string, unknown> = {
        namespace: spec.namespace,
        serviceaccount: { name: spec.name, uid: spec.uid },
      };
      if (spec.bound) k8s[spec.bound.kind.toLowerCase()] = { name: spec.bound.name, uid: spec.bound.uid };
      const token = await new SignJWT({ 'kubernetes.io': k8s })
        .setProtectedHeader({ alg })
        .setIssuer(keys.issuer)
        .setSubject(`system:serviceaccount:${spec.namespace}:${spec.name}`)
        .setAudience(spec.audiences.length > 0 ? [...spec.audiences] : [keys.issuer])
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(exp)
        .setJti(randomUUID())
        .sign(privateKey);
      return { token, expiresAt: exp * 1000 };
    },

    async authenticate(token) {
      const claims = await verify(token);
      const bound = claims?.['kubernetes.io'] as BoundClaims | undefined;
      const namespace = bound?.namespace;
      const account = bound?.serviceaccount;
      if (!namespace || !account?.name) return undefined;
      if (!alive(ServiceAccounts, namespace, account)) return undefined;
      if (bound.pod && !alive(Pods, namespace, bound.pod)) return undefined;
      if (bound.secret && !alive(Secrets, namespace, bound.secret)) return undefined;
      const user = serviceAccountUser(namespace, account.name, account.uid ?? '');
      if (!bound.pod) return user;
      return {
        ...user,
        extra: {
          'authentication.kubernetes.io/pod-name': [bound.pod.name ?? ''],
          'authentication.kubernetes.io/pod-uid': [bound.pod.uid ?? ''],
        },
      };
    },
  };
}

const keyAlgorithm = (pem: string): string => (createPublicKey(pem).asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256');
