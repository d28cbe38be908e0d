import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errors } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import type { UserInfo } from '../request/context.ts';
import { subprotocolToken } from './subprotocol-token.ts';
import { userOfCertificate } from './x509.ts';

/** Whose token it is. */
export interface TokenUser extends UserInfo {
  /** Which of the audiences asked for it is meant for; undefined: it knows of none, and is meant for the API server. */
  readonly audiences?: readonly string[];
}

/** Tries one kind of bearer token. @param audiences one of whom it must be meant for; default: the API server */
export type TokenAuthenticator = (
  token: string,
  audiences?: readonly string[],
) => TokenUser | undefined | Promise<TokenUser | undefined>;

export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const withAuthenticated = (u: UserInfo): UserInfo =>
  u.groups.includes('system:authenticated') ? u : { ...u, groups: [...u.groups, 'system:authenticated'] };

/**
 * Who sends this request: what a front proxy says, then a bearer token, then the client certificate, then the token among a
 * WebSocket's sub-protocols, else anonymous.
 * @param proxied the user that a front proxy speaks for; undefined: no proxy is asking
 */
export function authenticator(
  tokens: readonly TokenAuthenticator[],
  proxied?: (request: IncomingMessage) => UserInfo | undefined,
): (request: IncomingMessage) => UserInfo | Promise<UserInfo> {
  const certified = new WeakMap<UserInfo, UserInfo>();

  const byToken = async (token: string): Promise<UserInfo> => {
    for (const t of tokens) {
      const found = await t(token);
      if (!found) continue;
      const { audiences: _ours, ...user } = found;
      return withAuthenticated(user);
    }
    throw errors.unauthorized();
  };

  return (request) => {
    const spokenFor = proxied?.(request);
    if (spokenFor) return withAuthenticated(spokenFor);
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const [scheme, token] = authorization.split(' ', 2);
      if (scheme?.toLowerCase() === 'bearer' && token) return byToken(token);
      throw errors.unauthorized();
    }
    const user = userOfCertificate(request.socket as TLSSocket, systemClock.now());
    if (!user || user === 'invalid') {
      const token = subprotocolToken(request);
      if (token) return byToken(token);
      if (user) throw errors.unauthorized();
      return ANONYMOUS;
    }
    let full = certified.get(user);
    if (!full) {
      full = withAuthenticated(user);
      certified.set(user, full);
    }
    return full;
  };
}
