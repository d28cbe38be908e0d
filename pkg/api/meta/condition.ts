import { f, int64, objectsIn, oneOf, req, str, type TypeOf, time } from '../schema/schema.ts';

const obj = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1');

export const Condition = obj('Condition', 'One aspect of an object, in the form shared by newer kinds.', {
  type: req(1, str, 'Which aspect, in CamelCase.'),
  status: req(2, oneOf('True', 'False', 'Unknown'), 'Whether it holds.'),
  observedGeneration: f(3, int64, 'Generation of the object the condition was computed for.'),
  lastTransitionTime: req(4, time, 'When the status last changed.'),
  reason: req(5, str, 'Short reason in CamelCase.'),
  message: req(6, str, 'Explanation for people; may be empty.'),
});
export type Condition = TypeOf<typeof Condition>;
