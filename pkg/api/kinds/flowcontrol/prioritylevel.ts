import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import { f, int32, mapList, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { oneOfRequired } from '../check/check.ts';
import { validateConditionTypes } from '../check/status-validation.ts';
import { ageColumn, column, NONE, nameColumn } from '../print/columns.ts';
import { validateMandatoryLevel } from './mandatory.ts';

const PKG = 'io.k8s.api.flowcontrol.v1';
const obj = objectsIn(PKG);

export const QueuingConfiguration = obj('QueuingConfiguration', 'How requests wait.', {
  queues: req(1, int32, 'Number of queues.', { default: 64 }),
  handSize: req(2, int32, 'Queues a flow may use.', { default: 8 }),
  queueLengthLimit: req(3, int32, 'Requests that may wait in one queue.', { default: 50 }),
});
export type QueuingConfiguration = TypeOf<typeof QueuingConfiguration>;

export const LimitResponse = obj('LimitResponse', 'What is done with requests too many.', {
  type: req(1, oneOf('Queue', 'Reject'), 'Queue or Reject.'),
  queuing: f(2, QueuingConfiguration, 'How they wait.'),
});
export type LimitResponse = TypeOf<typeof LimitResponse>;

export const LimitedPriorityLevelConfiguration = obj(
  'LimitedPriorityLevelConfiguration',
  'Limits of a priority level.',
  {
    nominalConcurrencyShares: req(1, int32, 'Its share of the server.', { ptr: true, default: 30 }),
    limitResponse: f(2, LimitResponse, 'What is done with requests too many.'),
    lendablePercent: f(3, int32, 'Part of the share others may use.', { ptr: true, default: 0 }),
    borrowingLimitPercent: f(4, int32, "How much it may use of others' shares.", { ptr: true }),
  },
);
export type LimitedPriorityLevelConfiguration = TypeOf<typeof LimitedPriorityLevelConfiguration>;

export const ExemptPriorityLevelConfiguration = obj(
  'ExemptPriorityLevelConfiguration',
  'A priority level without limits.',
  {
    nominalConcurrencyShares: f(1, int32, 'Its share of the server.', { ptr: true, default: 0 }),
    lendablePercent: f(2, int32, 'Part of the share others may use.', { ptr: true, default: 0 }),
  },
);
export type ExemptPriorityLevelConfiguration = TypeOf<typeof ExemptPriorityLevelConfiguration>;

export const PriorityLevelConfigurationSpec = obj('PriorityLevelConfigurationSpec', 'Limits of a priority level.', {
  type: req(1, oneOf('Exempt', 'Limited'), 'Exempt or Limited.'),
  limited: f(2, LimitedPriorityLevelConfiguration, 'Its limits.'),
  exempt: f(3, ExemptPriorityLevelConfiguration, 'Settings when it has no limits.'),
});
export type PriorityLevelConfigurationSpec = TypeOf<typeof PriorityLevelConfigurationSpec>;

export const PriorityLevelConfigurationCondition = obj(
  'PriorityLevelConfigurationCondition',
  "One aspect of a priority level's state.",
  {
    type: f(1, str, 'Which aspect.'),
    status: f(2, str, 'True, False or Unknown.'),
    lastTransitionTime: f(3, time, 'When the status last changed.'),
    reason: f(4, str, 'Short reason, in CamelCase.'),
    message: f(5, str, 'Explanation for people.'),
  },
);
export type PriorityLevelConfigurationCondition = TypeOf<typeof PriorityLevelConfigurationCondition>;

export const PriorityLevelConfigurationStatus = obj('PriorityLevelConfigurationStatus', 'State of a priority level.', {
  conditions: f(1, mapList(PriorityLevelConfigurationCondition, 'type'), 'Aspects of its state.'),
});
export type PriorityLevelConfigurationStatus = TypeOf<typeof PriorityLevelConfigurationStatus>;

export const PriorityLevelConfigurationSchema = topLevel(
  PKG,
  'PriorityLevelConfiguration',
  'Limits how many requests are served at a time.',
  {
    spec: f(2, PriorityLevelConfigurationSpec, 'Its limits.'),
    status: f(3, PriorityLevelConfigurationStatus, 'Its state.'),
  },
);
export type PriorityLevelConfiguration = TypeOf<typeof PriorityLevelConfigurationSchema>;

function defaultLevel(o: PriorityLevelConfiguration): void {
  const { limited } = o.spec ?? {};
  if (limited) limited.limitResponse ??= { type: 'Reject' };
}

const MAX_QUEUES = 10_000_000;
/** So many bits a flow is hashed to: they choose its hand of queues. */
const MAX_HASH_BITS = 60;
const EXEMPT = 'exempt';

function validateQueuing(q: QueuingConfiguration, path: string): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = q;
  const positive = Object.entries({ queues, handSize, queueLengthLimit }).filter(([, n]) => n <= 0);
  const found = positive.map(([field, n]) => invalid(`${path}.${field}`, n, 'must be positive'));
  if (queues > MAX_QUEUES) found.push(invalid(`${path}.queues`, queues, `must not be greater than ${MAX_QUEUES}`));
  const bits = Math.ceil(Math.log2(queues) * handSize);
  const at = `${path}.handSize`;
  if (handSize > queues) found.push(invalid(at, handSize, `should not be greater than queues (${queues})`));
  else if (bits > MAX_HASH_BITS) {
    const needed = `required entropy bits of deckSize ${queues} and handSize ${handSize}`;
    found.push(invalid(at, handSize, `${needed} should not be greater than ${MAX_HASH_BITS}`));
  }
  return found;
}

function validateShares(spec: PriorityLevelConfigurationSpec): FieldError[] {
  const { type, limited, exempt } = spec;
  const part = type === 'Exempt' ? exempt : limited;
  if (!part) return [];
  const path = type === 'Exempt' ? 'spec.exempt' : 'spec.limited';
  const { nominalConcurrencyShares: shares = 0, lendablePercent: lendable = 0 } = part;
  const borrowing = limited?.borrowingLimitPercent ?? 0;
  return [
    ...(shares < 0 ? [invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')] : []),
    ...(lendable < 0 || lendable > 100
      ? [invalid(`${path}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive')]
      : []),
    ...(borrowing < 0
      ? [invalid(`${path}.borrowingLimitPercent`, borrowing, 'if specified, must be a non-negative integer')]
      : []),
  ];
}

function validateLevel(o: PriorityLevelConfiguration): FieldError[] {
  const { spec } = o;
  const found = oneOfRequired('spec.type', spec?.type, ['Exempt', 'Limited']);
  if ((o.metadata?.name === EXEMPT) !== (spec?.type === 'Exempt')) {
    found.push(invalid('spec.type', spec?.type ?? '', "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  if (spec?.type === 'Exempt' && spec.limited)
    found.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
  if (spec?.type === 'Limited' && spec.exempt)
    found.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
  if (spec?.type === 'Limited' && !spec.limited) {
    found.push(required('spec.limited', 'must not be empty when type is Limited'));
  }
  if (spec) found.push(...validateShares(spec));
  const response = spec?.limited?.limitResponse;
  const path = 'spec.limited.limitResponse';
  if (response) {
    found.push(...oneOfRequired(`${path}.type`, response.type, ['Queue', 'Reject']));
    if (response.type === 'Reject' && response.queuing) {
      found.push(forbidden(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited'));
    }
    if (response.queuing) found.push(...validateQueuing(response.queuing, `${path}.queuing`));
    if (response.type === 'Queue' && !response.queuing) {
      found.push(required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited'));
    }
  }
  return [...found, ...validateMandatoryLevel(o)];
}

const queuing = (o: PriorityLevelConfiguration, k: 'queues' | 'handSize' | 'queueLengthLimit'): string =>
  String(o.spec?.limited?.limitResponse?.queuing?.[k] ?? NONE);

export const PriorityLevelConfigurations = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
  hasStatus: true,
  schema: PriorityLevelConfigurationSchema,
  defaults: defaultLevel,
  prepareCreate: (o) => {
    o.status = {};
  },
  validate: validateLevel,
  validateStatus: ({ status }) => validateConditionTypes(status?.conditions),
  columns: [
    nameColumn,
    column('Type', 'Whether it has limits.', (o) => o.spec?.type ?? ''),
    column('NominalConcurrencyShares', 'Its share of the server.', (o) =>
      String(o.spec?.limited?.nominalConcurrencyShares ?? o.spec?.exempt?.nominalConcurrencyShares ?? NONE),
    ),
    column('Queues', 'Number of queues.', (o) => queuing(o, 'queues')),
    column('HandSize', 'Queues a flow may use.', (o) => queuing(o, 'handSize')),
    column('QueueLengthLimit', 'Requests that may wait in one queue.', (o) => queuing(o, 'queueLengthLimit')),
    ageColumn,
  ],
});
