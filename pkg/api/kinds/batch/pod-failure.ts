import { arr, f, int32, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ConditionStatus } from '../core/values.ts';

const obj = objectsIn('io.k8s.api.batch.v1');

export const PodFailurePolicyOnExitCodesRequirement = obj(
  'PodFailurePolicyOnExitCodesRequirement',
  'Matches pods by exit code.',
  {
    containerName: f(1, str, 'The container; absent means any.', { ptr: true }),
    operator: req(2, oneOf('In', 'NotIn'), 'In or NotIn.'),
    values: req(3, arr(int32, { listType: 'set' }), 'Exit codes.'),
  },
);
export type PodFailurePolicyOnExitCodesRequirement = TypeOf<typeof PodFailurePolicyOnExitCodesRequirement>;

export const PodFailurePolicyOnPodConditionsPattern = obj(
  'PodFailurePolicyOnPodConditionsPattern',
  'Matches pods by condition.',
  {
    type: req(1, str, 'Type of the condition.'),
    status: req(2, ConditionStatus, 'Its status.', { default: 'True' }),
  },
);
export type PodFailurePolicyOnPodConditionsPattern = TypeOf<typeof PodFailurePolicyOnPodConditionsPattern>;

export const PodFailurePolicyRule = obj('PodFailurePolicyRule', 'What is done about failed pods that match.', {
  action: req(1, oneOf('Count', 'FailIndex', 'FailJob', 'Ignore'), 'What is done.'),
  onExitCodes: f(2, PodFailurePolicyOnExitCodesRequirement, 'Match by exit code.'),
  onPodConditions: f(3, arr(PodFailurePolicyOnPodConditionsPattern), 'Match by conditions.'),
});
export type PodFailurePolicyRule = TypeOf<typeof PodFailurePolicyRule>;

export const PodFailurePolicy = obj(
  'PodFailurePolicy',
  'What is done about failed pods; the first rule that matches decides.',
  {
    rules: req(1, arr(PodFailurePolicyRule), 'The rules.'),
  },
);
export type PodFailurePolicy = TypeOf<typeof PodFailurePolicy>;

export const SuccessPolicyRule = obj('SuccessPolicyRule', 'When a job has succeeded early.', {
  succeededIndexes: f(1, str, 'Indexes that must have succeeded.', { ptr: true }),
  succeededCount: f(2, int32, 'How many indexes must have succeeded.', { ptr: true }),
});
export type SuccessPolicyRule = TypeOf<typeof SuccessPolicyRule>;

export const SuccessPolicy = obj('SuccessPolicy', 'When a job has succeeded early; one rule suffices.', {
  rules: req(1, arr(SuccessPolicyRule), 'The rules.'),
});
export type SuccessPolicy = TypeOf<typeof SuccessPolicy>;
