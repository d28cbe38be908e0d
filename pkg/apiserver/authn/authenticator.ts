import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errors } from '#api/meta/errors.ts';
import type { UserInfo } from '../request/context.ts';
import { userOfCertificate } from './x509.ts';

/** Tries one kind of bearer token. */
export type TokenAuthenticator = (token: string) => UserInfo | undefined | Promise<UserInfo | undefined>;

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const withAuthenticated = (u: UserInfo): UserInfo =>
  u.groups.includes('system:authenticated') ? u : { ...u, groups: [...u.groups, 'system:authenticated'] };

/** Who sends this request: bearer token first, then the client certificate, else anonymous. */
export function authenticator(
  tokens: readonly TokenAuthenticator[],
): (request: IncomingMessage) => UserInfo | Promise<UserInfo> {
  const certified = new WeakMap<UserInfo, UserInfo>();

  const byToken = async (token: string): Promise<UserInfo> => {
    for (const t of tokens) {
      const user = await t(token);
      if (user) return withAuthenticated(user);
    }
    throw errors.unauthorized();
  };

  return (request) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const [scheme, token] = authorization.split(' ', 2);
      if (scheme?.toLowerCase() === 'bearer' && token) return byToken(token);
      throw errors.unauthorized();
    }
    const user = userOfCertificate(request.socket as TLSSocket);
    if (user === 'invalid') throw errors.unauthorized();
    if (!user) return ANONYMOUS;
    let full = certified.get(user);
    if (!full) {
      full = withAuthenticated(user);
      certified.set(user, full);
    }
    return full;
  };
}
