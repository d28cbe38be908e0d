import { timingSafeEqual } from 'node:crypto';
import { type Secret, Secrets } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { TokenAuthenticator } from './authenticator.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const TYPE = 'bootstrap.kubernetes.io/token';
const GROUP = 'system:bootstrappers';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

const same = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** Tokens by which new nodes join: Secrets in kube-system ("Authenticating with Bootstrap Tokens"). */
export function bootstrapTokens(resources: ResourceTable, clock: Clock): TokenAuthenticator {
  return (token) => {
    const [, id = '', given = ''] = TOKEN.exec(token) ?? [];
    if (!id) return undefined;
    const found = resources.of(Secrets).cache.get(`kube-system/bootstrap-token-${id}`)?.object as Secret | undefined;
    if (!found || found.type !== TYPE || found.metadata?.deletionTimestamp) return undefined;
    const value = (key: string): string => Buffer.from(found.data?.[key] ?? '', 'base64').toString();
    if (value('token-id') !== id || !same(value('token-secret'), given)) return undefined;
    if (value('usage-bootstrap-authentication') !== 'true') return undefined;
    const until = value('expiration');
    // A time that cannot be read has passed.
    if (until && !(Date.parse(until) > clock.now())) return undefined;
    const extra = value('auth-extra-groups')
      .split(',')
      .filter((g) => g !== '');
    if (!extra.every((g) => EXTRA_GROUP.test(g))) return undefined;
    return { name: `system:bootstrap:${id}`, groups: [GROUP, ...extra] };
  };
}
