import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, int32, mapList, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';
import { MatchCondition, RuleWithOperations } from './rules.ts';
import { WebhookClientConfig } from './webhook-client.ts';
import { validateWebhooks } from './webhook-validation.ts';

const PKG = 'io.k8s.api.admissionregistration.v1';
const obj = objectsIn(PKG);

export const ValidatingWebhook = obj('ValidatingWebhook', 'A webhook that may refuse requests.', {
  name: req(1, str, 'Its full name.'),
  clientConfig: req(2, WebhookClientConfig, 'How to call it.'),
  rules: f(3, arr(RuleWithOperations), 'Which requests it gets.'),
  failurePolicy: f(4, oneOf('Fail', 'Ignore'), 'What is done when it cannot be asked.', { ptr: true, default: 'Fail' }),
  matchPolicy: f(9, oneOf('Equivalent', 'Exact'), 'Whether rules match equivalent requests.', {
    ptr: true,
    default: 'Equivalent',
  }),
  namespaceSelector: f(5, LabelSelector, 'Namespaces it is asked about.', { default: {} }),
  objectSelector: f(10, LabelSelector, 'Objects it is asked about.', { default: {} }),
  sideEffects: req(6, oneOf('None', 'NoneOnDryRun', 'Some', 'Unknown'), 'Whether asking it changes anything.', {
    ptr: true,
  }),
  timeoutSeconds: f(7, int32, 'Seconds to wait for it.', { ptr: true, default: 10 }),
  admissionReviewVersions: req(8, arr(str), 'Versions of the review it understands.'),
  matchConditions: f(11, mapList(MatchCondition, 'name'), 'Expressions that must be true for it to be asked.'),
});
export type ValidatingWebhook = TypeOf<typeof ValidatingWebhook>;

export const ValidatingWebhookConfigurationSchema = topLevel(
  PKG,
  'ValidatingWebhookConfiguration',
  'Webhooks that may refuse requests.',
  {
    webhooks: f(2, mapList(ValidatingWebhook, 'name'), 'The webhooks.'),
  },
);
export type ValidatingWebhookConfiguration = TypeOf<typeof ValidatingWebhookConfigurationSchema>;

export const ValidatingWebhookConfigurations = defineKind<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  needsVersion: true,
  categories: ['api-extensions'],
  namespaced: false,
  hasGeneration: true,
  schema: ValidatingWebhookConfigurationSchema,
  validate: validateWebhooks,
  columns: [nameColumn, numberColumn('Webhooks', 'Number of webhooks.', (o) => (o.webhooks ?? []).length), ageColumn],
});
