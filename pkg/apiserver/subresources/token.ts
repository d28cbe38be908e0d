import {
  Nodes,
  type Pod,
  Pods,
  Secrets,
  type ServiceAccount,
  type TokenRequest,
  TokenRequests,
} from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Lookup } from '../admission/lookup.ts';
import type { Admission } from '../admission/types.ts';
import type { ServiceAccountTokens } from '../authn/service-account.ts';
import { objectKey, type Resource, type ResourceTable } from '../registry/resource.ts';
import type { ObjectStore } from '../registry/store.ts';
import type { RequestContext } from '../request/context.ts';
import { readObject } from '../rest/body.ts';
import { type Answer, valueAnswer } from '../rest/respond.ts';
import { targetOf } from '../rest/write.ts';
import { admitSubresource } from './admit.ts';
import type { SubresourceHandler } from './types.ts';

const DEFAULT_SECONDS = 3600;
/** The audit annotation that tells which token was made: its user is written down with the same id. */
const ISSUED = 'authentication.kubernetes.io/issued-credential-id';

export interface TokenDeps {
  readonly tokens: ServiceAccountTokens;
  readonly admission: Admission;
  readonly resources: ResourceTable;
  readonly lookup: Lookup;
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
      const problems = TokenRequests.validate?.(request) ?? [];
      if (problems.length > 0) {
        const ref = { group: 'authentication.k8s.io', plural: 'tokenrequests', kind: 'TokenRequest' };
        throw errors.invalid(ref, '', problems);
      }
      const bound = await boundObject(deps, ctx, request);
      await admitSubresource(deps.admission, targetOf(ctx, resource), request as KubeObject, TokenRequests as never);
      const { token, audiences, expiresAt, credentialId } = await deps.tokens.issue({
        namespace,
        name,
        uid: (account.object as Stored<ServiceAccount>).metadata.uid,
        audiences: request.spec?.audiences ?? [],
        expirationSeconds: seconds,
        ...(bound ? { bound } : {}),
        ...(bound?.node ? { node: bound.node } : {}),
      });
      ctx.annotations?.set(ISSUED, credentialId);
      const answer = {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, creationTimestamp: apiTime(Date.now()) },
        spec: { ...request.spec, audiences: [...audiences], expirationSeconds: seconds },
        status: { token, expirationTimestamp: apiTime(expiresAt) },
      };
      return valueAnswer(ctx, TokenRequests.schema, answer, 201);
    },
  };
}

interface Bound {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
  /** Where a pod is. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

const KINDS = { Pod: Pods, Secret: Secrets, Node: Nodes } as const;

/** The object a token ends with. @throws StatusError when there is none such, or it is not the account's */
async function boundObject(deps: TokenDeps, ctx: RequestContext, request: TokenRequest): Promise<Bound | undefined> {
  const ref = request.spec?.boundObjectRef;
  if (!ref?.name) return undefined;
  const account = ctx.info.name;
  if (ref.kind !== 'Pod' && ref.kind !== 'Secret' && ref.kind !== 'Node') {
    throw errors.badRequest(`cannot bind token for serviceaccount "${account}" to object type "${ref.kind}"`);
  }
  const resource = deps.resources.of(KINDS[ref.kind] as never) as Resource;
  const key = objectKey(resource.kind, ctx.info.namespace, ref.name);
  const { object } = await deps.storeOf(resource).read(key, ref.name);
  if (ref.uid && ref.uid !== object.metadata.uid) {
    throw errors.conflict(
      resource.ref,
      ref.name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (ref.kind === 'Pod' && (object as Pod).spec?.serviceAccountName !== account) {
    throw errors.badRequest(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    );
  }
  const nodeName = ref.kind === 'Pod' ? (object as Pod).spec?.nodeName : undefined;
  const uid = nodeName && (await deps.lookup.find(Nodes, '', nodeName))?.metadata.uid;
  const node = nodeName ? { node: { name: nodeName, ...(uid ? { uid } : {}) } } : {};
  return { kind: ref.kind, name: ref.name, uid: object.metadata.uid, ...node };
}
