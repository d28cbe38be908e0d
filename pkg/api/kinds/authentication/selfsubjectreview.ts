import { defineKind, topLevel } from '../../kind.ts';
import { f, objectsIn, type TypeOf } from '../../schema/schema.ts';
import { column } from '../print/columns.ts';
import { UserInfo } from './userinfo.ts';

const PKG = 'io.k8s.api.authentication.v1';
const obj = objectsIn(PKG);

export const SelfSubjectReviewStatus = obj('SelfSubjectReviewStatus', 'Who the caller is.', {
  userInfo: f(1, UserInfo, 'The caller.'),
});
export type SelfSubjectReviewStatus = TypeOf<typeof SelfSubjectReviewStatus>;

export const SelfSubjectReviewSchema = topLevel(
  PKG,
  'SelfSubjectReview',
  'Asks who the caller is; nothing is stored.',
  {
    status: f(2, SelfSubjectReviewStatus, 'The answer.'),
  },
);
export type SelfSubjectReview = TypeOf<typeof SelfSubjectReviewSchema>;

export const SelfSubjectReviews = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
  verbs: ['create'],
  schema: SelfSubjectReviewSchema,
  columns: [
    column('Username', 'Name of the caller.', (o) => o.status?.userInfo?.username ?? ''),
    column('UID', 'UID of the caller.', (o) => o.status?.userInfo?.uid ?? ''),
  ],
});
