import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';
import { UserInfo } from './userinfo.ts';

const PKG = 'io.k8s.api.authentication.v1';
const obj = objectsIn(PKG);

export const TokenReviewSpec = obj('TokenReviewSpec', 'The token to check.', {
  token: f(1, str, 'The bearer token.'),
  audiences: f(2, arr(str), 'Audiences the caller stands for.'),
});
export type TokenReviewSpec = TypeOf<typeof TokenReviewSpec>;

export const TokenReviewStatus = obj('TokenReviewStatus', 'What the token says.', {
  authenticated: f(1, bool, 'The token is good.'),
  user: f(2, UserInfo, 'Who it belongs to.'),
  audiences: f(4, arr(str), 'Audiences of the token that the caller stands for.'),
  error: f(3, str, 'Why the token could not be checked.'),
});
export type TokenReviewStatus = TypeOf<typeof TokenReviewStatus>;

export const TokenReviewSchema = topLevel(
  PKG,
  'TokenReview',
  'Asks whether a bearer token is good; nothing is stored.',
  {
    spec: req(2, TokenReviewSpec, 'The token to check.'),
    status: f(3, TokenReviewStatus, 'The answer.'),
  },
);
export type TokenReview = TypeOf<typeof TokenReviewSchema>;

export const TokenReviews = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
  verbs: ['create'],
  schema: TokenReviewSchema,
});
