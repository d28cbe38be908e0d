import { defineKind, topLevel } from '../../kind.ts';
import type { FieldError } from '../../meta/fielderrors.ts';
import { arr, f, int64, objectsIn, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { validateTokenLifetime } from '../check/token-lifetime.ts';

const PKG = 'io.k8s.api.authentication.v1';
const obj = objectsIn(PKG);

export const BoundObjectReference = obj('BoundObjectReference', 'The object a token is bound to.', {
  kind: f(1, str, 'Pod, Secret or Node.'),
  apiVersion: f(2, str, 'API version of the object.'),
  name: f(3, str, 'Name of the object.'),
  uid: f(4, str, 'UID of the object.'),
});
export type BoundObjectReference = TypeOf<typeof BoundObjectReference>;

export const TokenRequestSpec = obj('TokenRequestSpec', 'The token wanted.', {
  audiences: req(1, arr(str), 'Who it is meant for; the API server by default.'),
  expirationSeconds: req(4, int64, 'Wanted lifetime.', { ptr: true, default: 3600 }),
  boundObjectRef: req(3, BoundObjectReference, 'Object whose deletion ends the token.'),
});
export type TokenRequestSpec = TypeOf<typeof TokenRequestSpec>;

export const TokenRequestStatus = obj('TokenRequestStatus', 'The token made.', {
  token: req(1, str, 'The bearer token.'),
  expirationTimestamp: req(2, time, 'When it expires.'),
});
export type TokenRequestStatus = TypeOf<typeof TokenRequestStatus>;

export const TokenRequestSchema = topLevel(
  PKG,
  'TokenRequest',
  'Asks for a token of a service account; posted to its token subresource.',
  {
    spec: req(2, TokenRequestSpec, 'The token wanted.'),
    status: f(3, TokenRequestStatus, 'The token made.'),
  },
);
export type TokenRequest = TypeOf<typeof TokenRequestSchema>;

const validateTokenRequest = (o: TokenRequest): FieldError[] =>
  validateTokenLifetime('spec.expirationSeconds', o.spec?.expirationSeconds);

/** Spoken by serviceaccounts/token only; not a resource of its own. */
export const TokenRequests = defineKind<TokenRequest>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  verbs: ['create'],
  schema: TokenRequestSchema,
  validate: validateTokenRequest,
});
