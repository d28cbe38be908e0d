import { defineKind, topLevel } from '../../kind.ts';
import { f, req, type TypeOf } from '../../schema/schema.ts';
import { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from './attributes.ts';
import { validateAccessRequest, validateSubject } from './review-validation.ts';

const PKG = 'io.k8s.api.authorization.v1';

export const SubjectAccessReviewSchema = topLevel(
  PKG,
  'SubjectAccessReview',
  'Asks whether a user may do something; nothing is stored.',
  {
    spec: req(2, SubjectAccessReviewSpec, 'The request.'),
    status: f(3, SubjectAccessReviewStatus, 'The answer.'),
  },
);
export type SubjectAccessReview = TypeOf<typeof SubjectAccessReviewSchema>;

export const SubjectAccessReviews = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: SubjectAccessReviewSchema,
  validate: (o) => [...validateAccessRequest(o.spec), ...validateSubject(o.spec)],
});
