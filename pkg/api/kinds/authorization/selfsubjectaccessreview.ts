import { defineKind, topLevel } from '../../kind.ts';
import { f, objectsIn, req, type TypeOf } from '../../schema/schema.ts';
import { NonResourceAttributes, ResourceAttributes, SubjectAccessReviewStatus } from './attributes.ts';
import { validateAccessRequest } from './review-validation.ts';

const PKG = 'io.k8s.api.authorization.v1';
const obj = objectsIn(PKG);

export const SelfSubjectAccessReviewSpec = obj('SelfSubjectAccessReviewSpec', "The caller's request.", {
  resourceAttributes: f(1, ResourceAttributes, 'A request for a resource.'),
  nonResourceAttributes: f(2, NonResourceAttributes, 'A request for a path.'),
});
export type SelfSubjectAccessReviewSpec = TypeOf<typeof SelfSubjectAccessReviewSpec>;

export const SelfSubjectAccessReviewSchema = topLevel(
  PKG,
  'SelfSubjectAccessReview',
  'Asks whether the caller may do something; nothing is stored.',
  {
    spec: req(2, SelfSubjectAccessReviewSpec, 'The request.'),
    status: f(3, SubjectAccessReviewStatus, 'The answer.'),
  },
);
export type SelfSubjectAccessReview = TypeOf<typeof SelfSubjectAccessReviewSchema>;

export const SelfSubjectAccessReviews = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
  verbs: ['create'],
  schema: SelfSubjectAccessReviewSchema,
  validate: (o) => validateAccessRequest(o.spec),
});
