import { type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import type { ResourceQuotaSpec, ScopedResourceSelectorRequirement } from './resourcequota.ts';

/** What a quota can be limited to. */
export const QUOTA_SCOPES = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
] as const;
const KNOWN: readonly string[] = QUOTA_SCOPES;
/** Scopes without values: a pod is in them or not. */
const WITHOUT_VALUE = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'CrossNamespacePodAffinity'];
const OPPOSED = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

/** Resources every quota knows; what else there is (devices, `count/…`) goes with any scope. */
const STANDARD =
  /^(((requests|limits)\.)?(cpu|memory|ephemeral-storage)|requests\.storage|pods|services|services\.(nodeports|loadbalancers)|replicationcontrollers|resourcequotas|secrets|configmaps|persistentvolumeclaims)$/;
const OF_PODS = /^(pods|((requests|limits)\.)?(cpu|memory))$/;
const OF_CLAIMS = /^(persistentvolumeclaims|requests\.storage)$/;

/** "Quota scopes": each allows the resources that what it selects uses; a pod of BestEffort uses none. */
function fits(scope: string, resource: string): boolean {
  if (!STANDARD.test(resource)) return true;
  if (scope === 'BestEffort') return resource === 'pods';
  return (scope === 'VolumeAttributesClass' ? OF_CLAIMS : OF_PODS).test(resource);
}

const MISFIT = 'unsupported scope applied to resource';

/** The plain list of scopes. */
function validateList(spec: ResourceQuotaSpec): FieldError[] {
  const scopes: readonly string[] = spec.scopes ?? [];
  const path = 'spec.scopes';
  const found = scopes.flatMap((scope) => {
    if (!KNOWN.includes(scope)) return [invalid(path, scopes, 'unsupported scope')];
    const misfits = Object.keys(spec.hard ?? {}).filter((name) => !fits(scope, name));
    return misfits.map(() => invalid(path, scopes, MISFIT));
  });
  if (OPPOSED.some(([a, b]) => scopes.includes(a) && scopes.includes(b))) {
    found.push(invalid(path, scopes, 'conflicting scopes'));
  }
  return found;
}

function validateValues(path: string, r: ScopedResourceSelectorRequirement): FieldError[] {
  const count = (r.values ?? []).length;
  switch (r.operator) {
    case 'In':
    case 'NotIn':
      if (count > 0) return [];
      return [
        required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
      ];
    case 'Exists':
    case 'DoesNotExist': {
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      return count === 0 ? [] : [invalid(`${path}.values`, r.values, why)];
    }
    default:
      return [invalid(`${path}.operator`, r.operator ?? '', 'not a valid selector operator')];
  }
}

const EXISTS_WHY =
  "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, " +
  'ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity';

/** The scopes that are selected by their values. */
function validateSelector(spec: ResourceQuotaSpec): FieldError[] {
  const path = 'spec.scopeSelector.matchExpressions';
  return (spec.scopeSelector?.matchExpressions ?? []).flatMap((r) => {
    const found: FieldError[] = [];
    if (!KNOWN.includes(r.scopeName)) found.push(invalid(`${path}.scopeName`, r.scopeName, 'unsupported scope'));
    else if (Object.keys(spec.hard ?? {}).some((name) => !fits(r.scopeName, name))) {
      found.push(invalid(path, spec.scopeSelector, MISFIT));
    }
    if (WITHOUT_VALUE.includes(r.scopeName) && r.operator !== 'Exists') {
      found.push(invalid(`${path}.operator`, r.operator ?? '', EXISTS_WHY));
    }
    return [...found, ...validateValues(path, r)];
  });
}

/** Which objects a quota counts, and whether what it bounds can be of these. */
export const validateScopes = (spec: ResourceQuotaSpec): FieldError[] => [
  ...validateList(spec),
  ...validateSelector(spec),
];
