import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import type { FlowSchema, FlowSchemaSpec, FlowSubject } from './flowschema.ts';
import type { PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from './prioritylevel.ts';

/** The objects of "API Priority and Fairness" that are always there and always like this: the server could not do without. */

const group = (name: string): FlowSubject => ({ kind: 'Group', group: { name } });

const everything = (...subjects: FlowSubject[]): FlowSchemaSpec['rules'] => [
  {
    subjects,
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  },
];

/** Specs by name. */
export const MANDATORY_FLOWS: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: {
    priorityLevelConfiguration: { name: 'exempt' },
    matchingPrecedence: 1,
    rules: everything(group('system:masters')),
  },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: 'ByUser' },
    rules: everything(group('system:unauthenticated'), group('system:authenticated')),
  },
};

/** Specs by name. */
export const MANDATORY_LEVELS: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  exempt: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  'catch-all': {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  },
};

const found = <T>(specs: Readonly<Record<string, T>>, name: string | undefined): T | undefined =>
  name !== undefined && Object.hasOwn(specs, name) ? specs[name] : undefined;

export function validateMandatoryFlow({ metadata, spec }: FlowSchema): FieldError[] {
  const fixed = found(MANDATORY_FLOWS, metadata?.name);
  if (!fixed || sameJson(spec, fixed)) return [];
  return [invalid('spec', spec, `spec of '${metadata?.name}' must equal the fixed value`)];
}

/** Whether a level is as it must be: of the one without limits, how much others may have is the administrator's. */
export const isLevelAsFixed = (fixed: PriorityLevelConfigurationSpec, spec?: PriorityLevelConfigurationSpec): boolean =>
  sameJson(fixed.type === 'Exempt' ? { ...spec, exempt: fixed.exempt } : spec, fixed);

export function validateMandatoryLevel({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const fixed = found(MANDATORY_LEVELS, metadata?.name);
  if (!fixed || isLevelAsFixed(fixed, spec)) return [];
  const but = fixed.type === 'Exempt' ? " except the 'spec.exempt' field" : '';
  return [invalid('spec', spec, `spec of '${metadata?.name}'${but} must equal the fixed value`)];
}
