import { defineKind, topLevel } from '../../kind.ts';
import { arr, f, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { ResourceList } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);

export const ScopedResourceSelectorRequirement = obj(
  'ScopedResourceSelectorRequirement',
  'A scope and the values that match.',
  {
    scopeName: req(
      1,
      oneOf(
        'Terminating',
        'NotTerminating',
        'BestEffort',
        'NotBestEffort',
        'PriorityClass',
        'CrossNamespacePodAffinity',
        'VolumeAttributesClass',
      ),
      'The scope.',
    ),
    operator: req(2, oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), "How the scope's value is compared."),
    values: f(3, arr(str), 'Values to compare with.'),
  },
);
export type ScopedResourceSelectorRequirement = TypeOf<typeof ScopedResourceSelectorRequirement>;

export const ScopeSelector = obj(
  'ScopeSelector',
  'Scopes that must all match.',
  {
    matchExpressions: f(1, arr(ScopedResourceSelectorRequirement), 'The conditions.'),
  },
  { structType: 'atomic' },
);
export type ScopeSelector = TypeOf<typeof ScopeSelector>;

export const ResourceQuotaSpec = obj('ResourceQuotaSpec', 'What a namespace may use.', {
  hard: f(1, ResourceList, 'Upper bound of each resource.'),
  scopes: f(
    2,
    arr(
      oneOf(
        'Terminating',
        'NotTerminating',
        'BestEffort',
        'NotBestEffort',
        'PriorityClass',
        'CrossNamespacePodAffinity',
        'VolumeAttributesClass',
      ),
    ),
    'Which objects are counted.',
  ),
  scopeSelector: f(3, ScopeSelector, 'Which objects are counted, with values.'),
});
export type ResourceQuotaSpec = TypeOf<typeof ResourceQuotaSpec>;

export const ResourceQuotaStatus = obj('ResourceQuotaStatus', 'What a namespace uses.', {
  hard: f(1, ResourceList, 'Bounds in force.'),
  used: f(2, ResourceList, 'What is used now.'),
});
export type ResourceQuotaStatus = TypeOf<typeof ResourceQuotaStatus>;

export const ResourceQuotaSchema = topLevel(PKG, 'ResourceQuota', 'A bound on what a namespace may use.', {
  spec: f(2, ResourceQuotaSpec, 'The bounds.'),
  status: f(3, ResourceQuotaStatus, 'What is used.'),
});
export type ResourceQuota = TypeOf<typeof ResourceQuotaSchema>;

export const ResourceQuotas = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  hasStatus: true,
  hasGeneration: false,
  schema: ResourceQuotaSchema,
});
