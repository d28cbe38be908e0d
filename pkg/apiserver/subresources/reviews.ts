import { randomUUID } from 'node:crypto';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { TokenAuthenticator } from '../authn/authenticator.ts';
import type { RbacAuthorizer } from '../authz/rbac.ts';
import type { AuthorizationRequest } from '../authz/rules.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext, UserInfo } from '../request/context.ts';
import { readObject } from '../rest/body.ts';
import { type Answer, valueAnswer } from '../rest/respond.ts';

/** Kinds that are asked and answered but never stored. */
export interface ReviewDeps {
  readonly authorizer: RbacAuthorizer;
  readonly tokens: readonly TokenAuthenticator[];
}

interface AccessSpec {
  resourceAttributes?: {
    namespace?: string;
    verb?: string;
    group?: string;
    resource?: string;
    subresource?: string;
    name?: string;
  };
  nonResourceAttributes?: { path?: string; verb?: string };
  user?: string;
  groups?: string[];
}

function accessRequest(spec: AccessSpec): AuthorizationRequest {
  const a = spec.resourceAttributes;
  const n = spec.nonResourceAttributes;
  if ((a === undefined) === (n === undefined)) {
    throw errors.badRequest('exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be set');
  }
  return {
    isResource: a !== undefined,
    verb: a?.verb ?? n?.verb ?? '',
    group: a?.group ?? '',
    resource: a?.resource ?? '',
    subresource: a?.subresource ?? '',
    namespace: a?.namespace ?? '',
    name: a?.name ?? '',
    path: n?.path ?? '',
  };
}

function accessReview(ctx: RequestContext, review: KubeObject, deps: ReviewDeps, self: boolean): unknown {
  const spec = (review as { spec?: AccessSpec }).spec ?? {};
  const user: UserInfo = self ? ctx.user : { name: spec.user ?? '', groups: spec.groups ?? [] };
  if (!self && !user.name && user.groups.length === 0) {
    throw errors.badRequest('at least one of spec.user and spec.groups must be set');
  }
  return { allowed: deps.authorizer.allows(user, accessRequest(spec)) };
}

async function tokenReview(review: KubeObject, deps: ReviewDeps): Promise<unknown> {
  const token = (review as { spec?: { token?: string } }).spec?.token ?? '';
  for (const t of deps.tokens) {
    const u = await t(token);
    if (!u) continue;
    const groups = [...new Set([...u.groups, 'system:authenticated'])];
    const user = { username: u.name, ...(u.uid ? { uid: u.uid } : {}), groups, ...(u.extra ? { extra: u.extra } : {}) };
    return { authenticated: true, user };
  }
  return { user: {}, error: 'invalid bearer token' };
}

const selfSubject = ({ user }: RequestContext): unknown => ({
  userInfo: {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: user.groups,
    ...(user.extra ? { extra: user.extra } : {}),
  },
});

/** Answers a create of a review kind. @returns undefined when the kind is not one of them. */
export async function answerReview(
  ctx: RequestContext,
  resource: Resource,
  deps: ReviewDeps,
): Promise<Answer | undefined> {
  const { kind } = resource;
  const handlers: Record<string, (o: KubeObject) => unknown> = {
    SelfSubjectAccessReview: (o) => accessReview(ctx, o, deps, true),
    SubjectAccessReview: (o) => accessReview(ctx, o, deps, false),
    LocalSubjectAccessReview: (o) => accessReview(ctx, o, deps, false),
    TokenReview: (o) => tokenReview(o, deps),
    SelfSubjectReview: () => selfSubject(ctx),
  };
  const handler = handlers[kind.kind];
  if (!handler) return undefined;
  const object = readObject(ctx, kind, 'Warn');
  const status = await handler(object);
  const metadata = { ...object.metadata, uid: randomUUID() };
  const answer = { ...object, kind: kind.kind, apiVersion: resource.apiVersion, metadata, status } as KubeObject;
  return valueAnswer(ctx, answer, 201);
}
