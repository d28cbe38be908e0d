import { defineKind, topLevel } from '../../kind.ts';
import { f, req, type TypeOf } from '../../schema/schema.ts';
import { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from './attributes.ts';
import { validateAccessRequest, validateSubject } from './review-validation.ts';

const PKG = 'io.k8s.api.authorization.v1';

export const LocalSubjectAccessReviewSchema = topLevel(
  PKG,
  'LocalSubjectAccessReview',
  'Asks whether a user may do something in one namespace; nothing is stored.',
  {
    spec: req(2, SubjectAccessReviewSpec, 'The request.'),
    status: f(3, SubjectAccessReviewStatus, 'The answer.'),
  },
);
export type LocalSubjectAccessReview = TypeOf<typeof LocalSubjectAccessReviewSchema>;

export const LocalSubjectAccessReviews = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  verbs: ['create'],
  schema: LocalSubjectAccessReviewSchema,
  validate: (o) => [...validateAccessRequest(o.spec), ...validateSubject(o.spec)],
});
