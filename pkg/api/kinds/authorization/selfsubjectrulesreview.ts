import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const PKG = 'io.k8s.api.authorization.v1';
const obj = objectsIn(PKG);

export const SelfSubjectRulesReviewSpec = obj('SelfSubjectRulesReviewSpec', 'Where the rules hold.', {
  namespace: f(1, str, 'The namespace.'),
});
export type SelfSubjectRulesReviewSpec = TypeOf<typeof SelfSubjectRulesReviewSpec>;

export const ResourceRule = obj('ResourceRule', 'Verbs allowed on resources.', {
  verbs: req(1, arr(str), 'Verbs; * means all.'),
  apiGroups: f(2, arr(str), 'API groups; * means all.'),
  resources: f(3, arr(str), 'Resources; * means all.'),
  resourceNames: f(4, arr(str), 'Names of the objects; empty means all.'),
});
export type ResourceRule = TypeOf<typeof ResourceRule>;

export const NonResourceRule = obj('NonResourceRule', 'Verbs allowed on paths.', {
  verbs: req(1, arr(str), 'Verbs; * means all.'),
  nonResourceURLs: f(2, arr(str), 'Paths; a trailing * matches the rest.'),
});
export type NonResourceRule = TypeOf<typeof NonResourceRule>;

export const SubjectRulesReviewStatus = obj('SubjectRulesReviewStatus', 'What the caller may do.', {
  resourceRules: req(1, arr(ResourceRule), 'On resources.'),
  nonResourceRules: req(2, arr(NonResourceRule), 'On paths.'),
  incomplete: req(3, bool, 'There may be more rules.'),
  evaluationError: f(4, str, 'What went wrong while gathering them.'),
});
export type SubjectRulesReviewStatus = TypeOf<typeof SubjectRulesReviewStatus>;

export const SelfSubjectRulesReviewSchema = topLevel(
  PKG,
  'SelfSubjectRulesReview',
  'Asks what the caller may do in a namespace; nothing is stored.',
  {
    spec: req(2, SelfSubjectRulesReviewSpec, 'Where.'),
    status: f(3, SubjectRulesReviewStatus, 'The answer.'),
  },
);
export type SelfSubjectRulesReview = TypeOf<typeof SelfSubjectRulesReviewSchema>;

export const SelfSubjectRulesReviews = defineKind<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
  verbs: ['create'],
  schema: SelfSubjectRulesReviewSchema,
});
