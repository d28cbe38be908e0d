import { BOOL, DYN, listOf, mapOf, type ObjectType, objectType, opaque, STRING, type Type } from '#cel/index.ts';
import { AUTHORIZER, authorizers, RESOURCE_CHECK } from './authorizer.ts';
import { kubernetesWith } from './environment.ts';

/** What expressions of policies and webhooks know: the authorizer, too. */
export const admissionEnvironment = kubernetesWith([authorizers]);

const kindType = objectType('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const resourceType = objectType('kubernetes.GroupVersionResource', {
  group: STRING,
  version: STRING,
  resource: STRING,
});
const userType = objectType('kubernetes.UserInfo', {
  username: STRING,
  uid: STRING,
  groups: listOf(STRING),
  extra: mapOf(STRING, listOf(STRING)),
});
const requestType = objectType('kubernetes.AdmissionRequest', {
  kind: kindType,
  resource: resourceType,
  subResource: STRING,
  requestKind: kindType,
  requestResource: resourceType,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: userType,
  dryRun: BOOL,
  options: DYN,
});
const namespaceType = objectType('kubernetes.Namespace', {
  metadata: objectType('kubernetes.NamespaceMetadata', {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: mapOf(STRING, STRING),
    annotations: mapOf(STRING, STRING),
    UID: STRING,
    creationTimestamp: { kind: 'timestamp' },
    deletionGracePeriodSeconds: { kind: 'int' },
    deletionTimestamp: { kind: 'timestamp' },
    generation: { kind: 'int' },
    resourceVersion: STRING,
    finalizers: listOf(STRING),
  }),
  spec: objectType('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
  status: objectType('kubernetes.NamespaceStatus', { phase: STRING }),
});

/** The types of what expressions speak of, where more is known than that it is some object. */
export interface KnownTypes {
  readonly object?: Type;
  readonly params?: Type;
}

type Variables = Readonly<Record<string, Type>>;

/** Variables of the match conditions of webhooks; with `params`, of policies. */
export function conditionVariables({ object = DYN }: KnownTypes = {}): Variables {
  return {
    object,
    oldObject: object,
    request: requestType,
    authorizer: opaque(AUTHORIZER),
    'authorizer.requestResource': opaque(RESOURCE_CHECK),
  };
}

/** Variables of a policy's expressions; messages may not ask the authorizer. */
export function policyVariables(known: KnownTypes, withParams: boolean, variables: ObjectType): Variables {
  return {
    ...conditionVariables(known),
    namespaceObject: namespaceType,
    variables,
    ...(withParams ? { params: known.params ?? DYN } : {}),
  };
}
export function messageVariables(all: Variables): Variables {
  const { authorizer: _a, 'authorizer.requestResource': _r, ...rest } = all;
  return rest;
}
