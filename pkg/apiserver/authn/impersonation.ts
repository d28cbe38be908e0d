import type { IncomingMessage } from 'node:http';
import { errors } from '#api/meta/errors.ts';
import { refusal } from '../authz/authorize.ts';
import type { AuthorizationRequest, Authorizer } from '../authz/rules.ts';
import type { UserInfo } from '../request/context.ts';
import { unescaped } from './request-header.ts';
import { serviceAccountGroups } from './service-account.ts';

const USER = 'impersonate-user';
const GROUP = 'impersonate-group';
const UID = 'impersonate-uid';
const EXTRA = 'impersonate-extra-';
const UNAUTHENTICATED = 'system:unauthenticated';
const AUTHENTICATION = 'authentication.k8s.io';

/** Values of a header that may be repeated; Node joins those it does not know. */
const valuesOf = (request: IncomingMessage, name: string): readonly string[] =>
  request.headersDistinct[name]?.filter((v) => v !== '') ?? [];

const accountOf = (name: string): { namespace: string; name: string } | undefined => {
  const m = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  return m ? { namespace: m[1] ?? '', name: m[2] ?? '' } : undefined;
};

/** Whether any header speaks of it: one that asks for a part without a user is refused. */
function asksFor(headers: IncomingMessage['headers']): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true;
  return false;
}

/** What the headers ask for, and the permission each part needs. */
function wanted(request: IncomingMessage): { user: UserInfo; asks: AuthorizationRequest[] } | undefined {
  const [name] = valuesOf(request, USER);
  const groups = valuesOf(request, GROUP);
  const [uid] = valuesOf(request, UID);
  const extras = Object.keys(request.headersDistinct).filter((h) => h.startsWith(EXTRA));
  if (name === undefined) {
    if (groups.length + extras.length > 0 || uid !== undefined) {
      throw errors.internal('groups, uid or extra were to be impersonated without a user');
    }
    return undefined;
  }
  const ask = (over: Partial<AuthorizationRequest>): AuthorizationRequest => ({
    verb: 'impersonate',
    isResource: true,
    group: '',
    resource: 'users',
    subresource: '',
    namespace: '',
    name,
    path: '',
    ...over,
  });
  const account = accountOf(name);
  const asks = [account ? ask({ resource: 'serviceaccounts', ...account }) : ask({})];
  for (const g of groups) asks.push(ask({ resource: 'groups', name: g }));
  if (uid !== undefined) asks.push(ask({ group: AUTHENTICATION, resource: 'uids', name: uid }));
  const extra: Record<string, readonly string[]> = {};
  for (const header of extras) {
    const key = unescaped(header.slice(EXTRA.length));
    extra[key] = valuesOf(request, header);
    for (const value of extra[key] ?? []) {
      asks.push(ask({ group: AUTHENTICATION, resource: 'userextras', subresource: key, name: value }));
    }
  }
  const user: UserInfo = {
    name,
    groups: groupsOf(name, groups, account),
    ...(uid === undefined ? {} : { uid }),
    ...(extras.length > 0 ? { extra } : {}),
  };
  return { user, asks };
}

/** Groups that come with the name, as if it had been authenticated. */
function groupsOf(
  name: string,
  given: readonly string[],
  account: { namespace: string } | undefined,
): readonly string[] {
  const own = account && given.length === 0 ? serviceAccountGroups(account.namespace) : given;
  if (own.includes(UNAUTHENTICATED)) return own;
  const state = name === 'system:anonymous' ? UNAUTHENTICATED : 'system:authenticated';
  return own.includes(state) ? own : [...own, state];
}

const actors = new WeakMap<IncomingMessage, UserInfo>();

/** Who really sent a request that is made, or was to be made, as somebody else; undefined: nobody else was asked for. */
export const actorOf = (request: IncomingMessage): UserInfo | undefined => actors.get(request);

/**
 * Lets those who may act for others do so ("User impersonation"): the request goes on as the user its headers name.
 * @throws StatusError 403 when any part is not permitted
 */
export function impersonating(
  authenticate: (request: IncomingMessage) => UserInfo | Promise<UserInfo>,
  authorizer: Authorizer,
): (request: IncomingMessage) => UserInfo | Promise<UserInfo> {
  const act = (real: UserInfo, request: IncomingMessage): UserInfo => {
    const found = wanted(request);
    if (!found) return real;
    actors.set(request, real);
    for (const r of found.asks) {
      if (authorizer.allows(real, r)) continue;
      throw errors.forbidden({ group: r.group, plural: r.resource, kind: r.resource }, r.name, refusal(real, r));
    }
    return found.user;
  };
  return (request) => {
    const real = authenticate(request);
    // The rule: nobody acts for anybody.
    if (!asksFor(request.headers)) return real;
    return real instanceof Promise ? real.then((u) => act(u, request)) : act(real, request);
  };
}
