import { FieldSelectorRequirement, LabelSelectorRequirement } from '../../meta/labelselector.ts';
import { arr, bool, f, map, objectsIn, req, str, type TypeOf } from '../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.authorization.v1');

export const FieldSelectorAttributes = obj('FieldSelectorAttributes', 'The field selector of a request.', {
  rawSelector: f(1, str, 'As text.'),
  requirements: f(2, arr(FieldSelectorRequirement), 'As conditions.'),
});
export type FieldSelectorAttributes = TypeOf<typeof FieldSelectorAttributes>;

export const LabelSelectorAttributes = obj('LabelSelectorAttributes', 'The label selector of a request.', {
  rawSelector: f(1, str, 'As text.'),
  requirements: f(2, arr(LabelSelectorRequirement), 'As conditions.'),
});
export type LabelSelectorAttributes = TypeOf<typeof LabelSelectorAttributes>;

export const ResourceAttributes = obj('ResourceAttributes', 'A request for a resource.', {
  namespace: f(1, str, 'Namespace; empty for all or for cluster scope.'),
  verb: f(2, str, 'The verb; * means all.'),
  group: f(3, str, 'API group; * means all.'),
  version: f(4, str, 'API version; * means all.'),
  resource: f(5, str, 'Plural name; * means all.'),
  subresource: f(6, str, 'Subresource; empty for none.'),
  name: f(7, str, 'Name of the object; empty for all.'),
  fieldSelector: f(8, FieldSelectorAttributes, 'Limits a list by fields.'),
  labelSelector: f(9, LabelSelectorAttributes, 'Limits a list by labels.'),
});
export type ResourceAttributes = TypeOf<typeof ResourceAttributes>;

export const NonResourceAttributes = obj('NonResourceAttributes', 'A request for a path that is no resource.', {
  path: f(1, str, 'The path.'),
  verb: f(2, str, 'The HTTP verb.'),
});
export type NonResourceAttributes = TypeOf<typeof NonResourceAttributes>;

export const SubjectAccessReviewStatus = obj('SubjectAccessReviewStatus', 'Whether a request is allowed.', {
  allowed: req(1, bool, 'It is allowed.'),
  denied: f(4, bool, 'It is denied, whatever other authorizers say.'),
  reason: f(2, str, 'Why.'),
  evaluationError: f(3, str, 'What went wrong while deciding.'),
});
export type SubjectAccessReviewStatus = TypeOf<typeof SubjectAccessReviewStatus>;

export const SubjectAccessReviewSpec = obj('SubjectAccessReviewSpec', "A user's request.", {
  resourceAttributes: f(1, ResourceAttributes, 'A request for a resource.'),
  nonResourceAttributes: f(2, NonResourceAttributes, 'A request for a path.'),
  user: f(3, str, 'Name of the user.'),
  groups: f(4, arr(str), 'Groups of the user.'),
  extra: f(5, map(arr(str)), 'Further facts about the user.'),
  uid: f(6, str, 'UID of the user.'),
});
export type SubjectAccessReviewSpec = TypeOf<typeof SubjectAccessReviewSpec>;
