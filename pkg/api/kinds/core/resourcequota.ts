import { defineKind, topLevel } from '../../kind.ts';
import { type FieldError, invalid } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { compareQuantities, milliValue } from '../../meta/quantity.ts';
import { arr, f, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor, NEGATIVE } from '../check/check.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import { QUOTA_SCOPES, validateScopes } from './quota-scopes.ts';
import { ResourceList } from './values.ts';

const PKG = 'io.k8s.api.core.v1';
const obj = objectsIn(PKG);
const Scope = oneOf(...QUOTA_SCOPES);

export const ScopedResourceSelectorRequirement = obj(
  'ScopedResourceSelectorRequirement',
  'A scope and the values that match.',
  {
    scopeName: req(1, Scope, 'The scope.'),
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
  scopes: f(2, arr(Scope), 'Which objects are counted.'),
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

/** Numbers of objects, which are whole. */
const isCount = (name: string): boolean => name.startsWith('count/') || COUNTED.has(name);
const COUNTED = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

/** What is bounded without being counted, and has no domain. */
const AMOUNTS = /^(((requests|limits)\.)?(cpu|memory|ephemeral-storage)|requests\.storage|(requests\.)?hugepages-.+)$/;

const unknownName = (name: string): string[] =>
  name.includes('/') || isCount(name) || AMOUNTS.test(name) ? [] : ['must be a standard resource for quota'];

function validateHard(path: string, hard: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.entries(hard ?? {}).flatMap(([name, amount]) => [
    ...invalidFor(`${path}[${name}]`, name, [...qualifiedName(name), ...unknownName(name)]),
    ...(compareQuantities(amount, '0') < 0 ? [invalid(`${path}[${name}]`, amount, NEGATIVE)] : []),
    ...(isCount(name) && milliValue(amount) % 1000 !== 0
      ? [invalid(`${path}[${name}]`, amount, 'must be an integer')]
      : []),
  ]);
}

function validateQuota(o: ResourceQuota, old?: ResourceQuota): FieldError[] {
  return [
    ...validateHard('spec.hard', o.spec?.hard),
    ...validateScopes(o.spec ?? {}),
    ...(old ? immutable('spec.scopes', o.spec?.scopes, old.spec?.scopes) : []),
  ];
}

/** "cpu: 1/4, pods: 3/10": of the limits or of everything else. */
function usageText(o: ResourceQuota, limits: boolean): string {
  return Object.keys(o.status?.hard ?? {})
    .filter((name) => name.startsWith('limits.') === limits)
    .sort()
    .map((name) => `${name}: ${o.status?.used?.[name] ?? '0'}/${o.status?.hard?.[name]}`)
    .join(', ');
}

export const ResourceQuotas = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  hasStatus: true,
  hasGeneration: false,
  returnsDeleted: true,
  schema: ResourceQuotaSchema,
  prepareCreate: (o) => {
    o.status = {};
  },
  validate: validateQuota,
  columns: [
    nameColumn,
    column('Request', 'What is used, of what may be.', (o) => usageText(o, false)),
    column('Limit', 'Limits that are used, of what may be.', (o) => usageText(o, true)),
    ageColumn,
  ],
});
