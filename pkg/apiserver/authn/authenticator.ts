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

/** The token of the Authorization header; undefined: it has none, or speaks of something else, which is no claim to anything. */
function bearerToken({ headers }: IncomingMessage): string | undefined {
  const [scheme, token] = headers.authorization?.trim().split(' ', 2) ?? [];
  return scheme?.toLowerCase() === 'bearer' && token ? token : undefined;
}

/**
 * Who sends this request, in the order of Kubernetes' authenticators: what a front proxy says, then the client certificate,
 * then a bearer token, then the token among a WebSocket's sub-protocols, else anonymous. The first that knows somebody
 * decides; a claim that fails refuses the request only when no other succeeds.
 * @param proxied the user that a front proxy speaks for; undefined: no proxy is asking; 'invalid': the certificate is a
 *   front proxy's alone, and it names nobody or must not be believed
 */
export function authenticator(
  tokens: readonly TokenAuthenticator[],
  proxied?: (request: IncomingMessage) => UserInfo | 'invalid' | undefined,
): (request: IncomingMessage) => UserInfo | Promise<UserInfo> {
  const certified = new WeakMap<UserInfo, UserInfo>();

  const userOfToken = async (token: string): Promise<UserInfo | undefined> => {
    for (const t of tokens) {
      const found = await t(token);
      if (!found) continue;
      const { audiences: _ours, ...user } = found;
      return withAuthenticated(user);
    }
    return undefined;
  };

  const byTokens = async (bearer: string | undefined, request: IncomingMessage): Promise<UserInfo> => {
    const user = bearer && (await userOfToken(bearer));
    if (user) return user;
    const offered = subprotocolToken(request);
    const other = offered && (await userOfToken(offered));
    if (!other) throw errors.unauthorized();
    return other;
  };

  return (request) => {
    const spokenFor = proxied?.(request);
    if (spokenFor && spokenFor !== 'invalid') return withAuthenticated(spokenFor);
    const user = spokenFor ?? userOfCertificate(request.socket as TLSSocket, systemClock.now());
    if (user && user !== 'invalid') {
      let full = certified.get(user);
      if (!full) {
        full = withAuthenticated(user);
        certified.set(user, full);
      }
      return full;
    }
    const bearer = bearerToken(request);
    if (bearer || subprotocolToken(request)) return byTokens(bearer, request);
    if (user) throw errors.unauthorized();
    return ANONYMOUS;
  };
}
