import type { ResourceAttributes } from '#api/kinds/authorization/attributes.ts';
import type { TokenReview } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { type FieldError, invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { RulesOf } from '../admission/rbac-escalation.ts';
import type { TokenAuthenticator } from '../authn/authenticator.ts';
import type { AuthorizationRequest, Authorizer } from '../authz/rules.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext, UserInfo } from '../request/context.ts';
import { readObject } from '../rest/body.ts';
import { type Answer, valueAnswer } from '../rest/respond.ts';
import { equalitiesOf, selectorErrors } from './review-selectors.ts';

/** Kinds that are asked and answered but never stored. */
export interface ReviewDeps {
  readonly authorizer: Authorizer;
  readonly rules: RulesOf & { reasonFor(user: UserInfo, r: AuthorizationRequest): string | undefined };
  readonly tokens: readonly TokenAuthenticator[];
  /** Whom tokens are meant for that name nobody: the API server. */
  readonly audience: string;
}

interface AccessSpec {
  resourceAttributes?: ResourceAttributes;
  nonResourceAttributes?: { path?: string; verb?: string };
  user?: string;
  groups?: string[];
}

function accessRequest(spec: AccessSpec): AuthorizationRequest {
  const a = spec.resourceAttributes;
  const n = spec.nonResourceAttributes;
  return {
    isResource: a !== undefined,
    verb: a?.verb ?? n?.verb ?? '',
    group: a?.group ?? '',
    resource: a?.resource ?? '',
    subresource: a?.subresource ?? '',
    namespace: a?.namespace ?? '',
    name: a?.name ?? '',
    path: n?.path ?? '',
    fields: equalitiesOf(a ?? {}),
  };
}

function accessReview(ctx: RequestContext, review: KubeObject, deps: ReviewDeps, self: boolean): unknown {
  const spec = (review as { spec?: AccessSpec }).spec ?? {};
  const user: UserInfo = self ? ctx.user : { name: spec.user ?? '', groups: spec.groups ?? [] };
  const asked = accessRequest(spec);
  const allowed = deps.authorizer.allows(user, asked);
  const reason = allowed ? deps.rules.reasonFor(user, asked) : deps.authorizer.objectionTo?.(user, asked);
  const evaluationError = selectorErrors(spec.resourceAttributes ?? {});
  return { allowed, ...(reason ? { reason } : {}), ...(evaluationError ? { evaluationError } : {}) };
}

async function tokenReview(review: KubeObject, deps: ReviewDeps): Promise<unknown> {
  const { token = '', audiences: named = [] } = (review as TokenReview).spec ?? {};
  if (!token) throw errors.badRequest('token is required for TokenReview in authentication');
  const asked = named.length > 0 ? named : [deps.audience];
  for (const t of deps.tokens) {
    const u = await t(token, asked);
    const audiences = u?.audiences ?? asked.filter((a) => a === deps.audience);
    if (!u || audiences.length === 0) continue;
    const groups = [...new Set([...u.groups, 'system:authenticated'])];
    const user = { username: u.name, ...(u.uid ? { uid: u.uid } : {}), groups, ...(u.extra ? { extra: u.extra } : {}) };
    return { authenticated: true, user, audiences };
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

/** Everything the user may do in a namespace, as far as rules tell: what `kubectl auth can-i --list` prints. */
function rulesReview(ctx: RequestContext, review: KubeObject, deps: ReviewDeps): unknown {
  const namespace = (review as { spec?: { namespace?: string } }).spec?.namespace ?? '';
  if (!namespace) throw errors.badRequest('no namespace on request');
  const rules = deps.rules.rulesFor(ctx.user, namespace);
  return {
    resourceRules: rules
      .filter((r) => r.resources)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames ? { resourceNames } : {}),
      })),
    nonResourceRules: rules
      .filter((r) => r.nonResourceURLs)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}

/** A local review is about its own namespace. */
function elsewhere({ info }: RequestContext, review: KubeObject): FieldError[] {
  const asked = (review as { spec?: AccessSpec }).spec?.resourceAttributes?.namespace ?? '';
  if (info.resource !== 'localsubjectaccessreviews' || asked === info.namespace) return [];
  return [invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')];
}

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
    SelfSubjectRulesReview: (o) => rulesReview(ctx, o, deps),
  };
  const handler = handlers[kind.kind];
  if (!handler) return undefined;
  const object = readObject(ctx, kind, 'Warn');
  const problems = [...(kind.validate?.(object) ?? []), ...elsewhere(ctx, object)];
  if (problems.length > 0) throw errors.invalid(resource.ref, object.metadata?.name ?? '', problems);
  const status = await handler(object);
  // Nothing is stored: what it is known by is what the client says. Who asks of himself gets nothing back but the answer.
  const own = kind.kind === 'SelfSubjectReview';
  const metadata = own ? { creationTimestamp: apiTime(Date.now()) } : (object.metadata ?? {});
  const answer = { ...object, kind: kind.kind, apiVersion: resource.apiVersion, metadata, status } as KubeObject;
  return valueAnswer(ctx, kind.schema, answer, 201);
}
