import { defineKind, topLevel } from '../../kind.ts';
import { LabelSelector } from '../../meta/labelselector.ts';
import { arr, f, int32, mapList, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ageColumn, nameColumn, numberColumn } from '../print/columns.ts';
import { MatchCondition, RuleWithOperations } from './rules.ts';
import { WebhookClientConfig } from './webhook-client.ts';
import { validateWebhooks } from './webhook-validation.ts';

const PKG = 'io.k8s.api.admissionregistration.v1';
const obj = objectsIn(PKG);

export const MutatingWebhook = obj('MutatingWebhook', 'A webhook that may change objects.', {
  name: req(1, str, 'Its full name.'),
  clientConfig: req(2, WebhookClientConfig, 'How to call it.'),
  rules: f(3, arr(RuleWithOperations), 'Which requests it gets.'),
  failurePolicy: f(4, oneOf('Fail', 'Ignore'), 'What is done when it cannot be asked.', { ptr: true, default: 'Fail' }),
  matchPolicy: f(9, oneOf('Equivalent', 'Exact'), 'Whether rules match equivalent requests.', {
    ptr: true,
    default: 'Equivalent',
  }),
  namespaceSelector: f(5, LabelSelector, 'Namespaces it is asked about.', { default: {} }),
  objectSelector: f(11, LabelSelector, 'Objects it is asked about.', { default: {} }),
  sideEffects: req(6, oneOf('None', 'NoneOnDryRun', 'Some', 'Unknown'), 'Whether asking it changes anything.', {
    ptr: true,
  }),
  timeoutSeconds: f(7, int32, 'Seconds to wait for it.', { ptr: true, default: 10 }),
  admissionReviewVersions: req(8, arr(str), 'Versions of the review it understands.'),
  reinvocationPolicy: f(10, oneOf('IfNeeded', 'Never'), 'Whether it is asked again when others change the object.', {
    ptr: true,
    default: 'Never',
  }),
  matchConditions: f(12, mapList(MatchCondition, 'name'), 'Expressions that must be true for it to be asked.'),
});
export type MutatingWebhook = TypeOf<typeof MutatingWebhook>;

export const MutatingWebhookConfigurationSchema = topLevel(
  PKG,
  'MutatingWebhookConfiguration',
  'Webhooks that may change objects before they are stored.',
  {
    webhooks: f(2, mapList(MutatingWebhook, 'name'), 'The webhooks.'),
  },
);
export type MutatingWebhookConfiguration = TypeOf<typeof MutatingWebhookConfigurationSchema>;

export const MutatingWebhookConfigurations = defineKind<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  needsVersion: true,
  categories: ['api-extensions'],
  namespaced: false,
  hasGeneration: true,
  schema: MutatingWebhookConfigurationSchema,
  validate: validateWebhooks,
  columns: [nameColumn, numberColumn('Webhooks', 'Number of webhooks.', (o) => (o.webhooks ?? []).length), ageColumn],
});
