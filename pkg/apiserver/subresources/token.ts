import { type Pod, Pods, type ServiceAccount, type TokenRequest, TokenRequests } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { invalid } from '#api/meta/fielderrors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { ServiceAccountTokens } from '../authn/service-account.ts';
import { objectKey, type Resource, type ResourceTable } from '../registry/resource.ts';
import type { ObjectStore } from '../registry/store.ts';
import { timestamp } from '../registry/writer.ts';
import type { RequestContext } from '../request/context.ts';
import { readObject } from '../rest/body.ts';
import { type Answer, valueAnswer } from '../rest/respond.ts';
import type { SubresourceHandler } from './types.ts';

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;

export interface TokenDeps {
  readonly tokens: ServiceAccountTokens;
  readonly resources: ResourceTable;
  readonly storeOf: (resource: Resource) => ObjectStore;
}

/** POST serviceaccounts/token: a TokenRequest answered with a signed token ("Managing Service Accounts"). */
export function tokenHandler(deps: TokenDeps): SubresourceHandler {
  return {
    path: 'serviceaccounts/token',
    group: '',
    async handle(ctx, resource): Promise<Answer> {
      if (ctx.info.verb !== 'create') throw errors.methodNotAllowed();
      const { namespace, name } = ctx.info;
      const request = readObject(ctx, TokenRequests as never, 'Warn') as TokenRequest;
      const account = await deps.storeOf(resource).read(objectKey(resource.kind, namespace, name), name);
      const seconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS;
      if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
        const why =
          seconds < MIN_SECONDS
            ? 'may not specify a duration less than 10 minutes'
            : 'may not specify a duration larger than 2^32 seconds';
        throw errors.invalid({ group: 'authentication.k8s.io', plural: 'tokenrequests', kind: 'TokenRequest' }, '', [
          invalid('spec.expirationSeconds', seconds, why),
        ]);
      }
      const bound = await boundObject(deps, ctx, request);
      const { token, expiresAt } = await deps.tokens.issue({
        namespace,
        name,
        uid: (account.object as Stored<ServiceAccount>).metadata.uid,
        audiences: request.spec?.audiences ?? [],
        expirationSeconds: seconds,
        ...(bound ? { bound } : {}),
      });
      const answer = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, creationTimestamp: timestamp(Date.now()) },
        spec: { ...request.spec, audiences: request.spec?.audiences ?? [], expirationSeconds: seconds },
        status: { token, expirationTimestamp: timestamp(expiresAt) },
      };
      return valueAnswer(ctx, answer, 201);
    },
  };
}

async function boundObject(
  deps: TokenDeps,
  ctx: RequestContext,
  request: TokenRequest,
): Promise<{ kind: 'Pod'; name: string; uid: string } | undefined> {
  const ref = request.spec?.boundObjectRef;
  if (!ref?.name) return undefined;
  if (ref.kind !== 'Pod') {
    throw errors.badRequest(`cannot bind token for serviceaccount "${ctx.info.name}" to object type "${ref.kind}"`);
  }
  const pods = deps.resources.of(Pods) as unknown as Resource;
  const pod = await deps.storeOf(pods).read(objectKey(pods.kind, ctx.info.namespace, ref.name), ref.name);
  const stored = pod.object as Stored<Pod>;
  if (ref.uid && ref.uid !== stored.metadata.uid) {
    throw errors.conflict(
      pods.ref,
      ref.name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (stored.spec?.serviceAccountName !== ctx.info.name) {
    throw errors.badRequest(
      `cannot bind token for serviceaccount "${ctx.info.name}" to pod running with different serviceaccount name.`,
    );
  }
  return { kind: 'Pod', name: ref.name, uid: stored.metadata.uid };
}
