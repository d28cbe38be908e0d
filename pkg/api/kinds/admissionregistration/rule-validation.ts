import { duplicate, type FieldError, invalid, required } from '../../meta/fielderrors.ts';
import { validateLabelSelector } from '../../meta/labels.ts';
import { pathSegment } from '../../meta/names.ts';
import { invalidFor, oneOfOptional, oneOfRequired } from '../check/check.ts';
import type { MatchResources } from './match-resources.ts';
import type { NamedRuleWithOperations, RuleWithOperations } from './rules.ts';

const ALL = '*';
const OPERATIONS = [ALL, 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
/** Lists of which "*" stands alone, and what else it must not stand with. */
const ALONE = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions' } as const;

/** What is named twice: once by itself, once by a pattern. */
function validateSubresources(path: string, resources: readonly string[]): FieldError[] {
  const whole = new Set<string>();
  const everywhere = new Set<string>();
  return resources.flatMap((text, i) => {
    const at = `${path}[${i}]`;
    if (!text) return [required(at)];
    const cut = text.indexOf('/');
    if (cut < 0) return [];
    const [resource, sub] = [text.slice(0, cut), text.slice(cut + 1)];
    const found: FieldError[] = [];
    const say = (pattern: string): FieldError =>
      invalid(at, text, `if '${pattern}' is present, must not specify ${text}`);
    if (whole.has(resource)) found.push(say(`${resource}/*`));
    if (everywhere.has(sub)) found.push(say(`*/${sub}`));
    if (sub === ALL) whole.add(resource);
    if (resource === ALL) everywhere.add(sub);
    return found;
  });
}

function validateResources(path: string, resources: readonly string[] | undefined): FieldError[] {
  if (!resources?.length) return [required(path)];
  const found = validateSubresources(path, resources);
  if (resources.length > 1 && resources.includes('*/*')) {
    found.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  // The last of them decides, so that a "*" at the end makes up for others.
  const plain = resources.filter((r) => r && !r.includes('/'));
  if (plain.includes(ALL) && plain.at(-1) !== ALL) {
    const why = "if '*' is present, must not specify other resources without subresources";
    found.push(invalid(path, resources, why));
  }
  return found;
}

/** Operations and resources a webhook or policy is asked about. */
export function validateOperations(path: string, r: RuleWithOperations): FieldError[] {
  const found: FieldError[] = [];
  for (const [k, others] of Object.entries(ALONE) as [keyof typeof ALONE, string][]) {
    const list = r[k] ?? [];
    if (list.length === 0) found.push(required(`${path}.${k}`));
    if (list.length > 1 && list.includes(ALL)) {
      found.push(invalid(`${path}.${k}`, list, `if '*' is present, must not specify other ${others}`));
    }
  }
  found.push(...(r.operations ?? []).flatMap((op, i) => oneOfOptional(`${path}.operations[${i}]`, op, OPERATIONS)));
  for (const [i, version] of (r.apiVersions ?? []).entries()) {
    if (!version) found.push(required(`${path}.apiVersions[${i}]`));
  }
  return [
    ...found,
    ...validateResources(`${path}.resources`, r.resources),
    ...oneOfOptional(`${path}.scope`, r.scope, [ALL, 'Cluster', 'Namespaced']),
  ];
}

function validateNamed(path: string, r: NamedRuleWithOperations): FieldError[] {
  const names = r.resourceNames ?? [];
  const found = names.flatMap((name, i) => {
    const at = `${path}.resourceNames[${i}]`;
    const wrong = invalidFor(at, name, pathSegment(name));
    return names.indexOf(name) < i ? [...wrong, duplicate(at, name)] : wrong;
  });
  return [...found, ...validateOperations(path, r)];
}

/** Which requests a policy, or one that binds it, is about. */
export function validateMatchResources(path: string, m: MatchResources): FieldError[] {
  const found = (['namespaceSelector', 'objectSelector'] as const).flatMap((k) =>
    m[k] ? validateLabelSelector(m[k], `${path}.${k}`) : [required(`${path}.${k}`)],
  );
  for (const k of ['resourceRules', 'excludeResourceRules'] as const) {
    found.push(...(m[k] ?? []).flatMap((r, i) => validateNamed(`${path}.${k}[${i}]`, r)));
  }
  return [...found, ...oneOfRequired(`${path}.matchPolicy`, m.matchPolicy, ['Equivalent', 'Exact'])];
}
