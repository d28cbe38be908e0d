import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { dnsLabel, dnsSubdomain } from '../../meta/names.ts';
import { invalidFor } from '../check/check.ts';
import type { FlowSubject, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule } from './flowschema.ts';

const ALL = '*';
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** The field that holds a subject of each kind. */
const SUBJECTS = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;

function validateAccount(path: string, { name, namespace }: NonNullable<FlowSubject['serviceAccount']>): FieldError[] {
  const found = name && name !== ALL ? invalidFor(`${path}.name`, name, dnsSubdomain(name)) : [];
  const at = `${path}.namespace`;
  if (!namespace) return [...found, required(at, 'must specify namespace for service account')];
  return [...found, ...invalidFor(at, namespace, dnsLabel(namespace))];
}

function validateSubject(s: FlowSubject, path: string): FieldError[] {
  const field = Object.hasOwn(SUBJECTS, s.kind ?? '') ? SUBJECTS[s.kind] : undefined;
  if (!field) return [notSupported(`${path}.kind`, s.kind ?? '', Object.keys(SUBJECTS))];
  const part = s[field];
  const found: FieldError[] = [];
  if (!part) found.push(required(`${path}.${field}`, `${field} is required when subject kind is '${s.kind}'`));
  else if (!part.name) found.push(required(`${path}.${field}.name`));
  if (field === 'serviceAccount' && s.serviceAccount) {
    found.push(...validateAccount(`${path}.${field}`, s.serviceAccount));
  }
  for (const [kind, other] of Object.entries(SUBJECTS)) {
    if (other === field || !s[other]) continue;
    found.push(forbidden(`${path}.${other}`, `${other} is forbidden when subject kind is not '${kind}'`));
  }
  return found;
}

/** Names of which "*" stands alone. `plural` and `lacking` are how Kubernetes speaks of them. */
function validateNames(
  path: string,
  names: readonly string[] | undefined,
  [plural, lacking]: readonly [string, string],
): FieldError[] {
  if (!names?.length) return [required(path, lacking)];
  if (names.length === 1 || !names.includes(ALL)) return [];
  return [invalid(path, names, `if '*' is present, must not specify other ${plural}`)];
}

function validateVerbs(path: string, verbs: readonly string[] | undefined): FieldError[] {
  const found = validateNames(path, verbs, ['verbs', 'verbs must contain at least one value']);
  if (!verbs || verbs.includes(ALL) || verbs.every((v) => VERBS.includes(v))) return found;
  const all = VERBS.map((v) => JSON.stringify(v)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(verbs)}: supported values: ${all}`;
  return [...found, { type: 'FieldValueNotSupported', field: path, message }];
}

function validateNamespaces(path: string, r: ResourcePolicyRule): FieldError[] {
  const names = r.namespaces ?? [];
  if (names.length === 0 && r.clusterScope) return [];
  const lacking = 'resource rules that are not cluster scoped must supply at least one namespace';
  const found = validateNames(path, names, ['namespaces', lacking]);
  if (names.includes(ALL)) return found;
  return [...found, ...names.flatMap((name, i) => invalidFor(`${path}[${i}]`, name, dnsLabel(name)))];
}

const validateResourceRule = (r: ResourcePolicyRule, path: string): FieldError[] => [
  ...validateVerbs(`${path}.verbs`, r.verbs),
  ...validateNames(`${path}.apiGroups`, r.apiGroups, [
    'api groups',
    'resource rules must supply at least one api group',
  ]),
  ...validateNames(`${path}.resources`, r.resources, ['resources', 'resource rules must supply at least one resource']),
  ...validateNamespaces(`${path}.namespaces`, r),
];

/** Why it is no path, or no path with "/*" at its end; undefined: it is. */
function pathProblem(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text === '/') return undefined;
  if (!text.startsWith('/')) return 'must start with slash';
  if (text.includes(' ')) return 'must not contain white-space';
  if (text.includes('//')) return 'must not contain double slash';
  const stars = text.split(ALL).length - 1;
  return stars === 0 || (stars === 1 && text.endsWith('/*')) ? undefined : 'wildcard can only do suffix matching';
}

function validateNonResourceRule(r: NonResourcePolicyRule, path: string): FieldError[] {
  const at = `${path}.nonResourceURLs`;
  const urls = r.nonResourceURLs ?? [];
  const lacking = 'nonResourceURLs must contain at least one value';
  const found = [
    ...validateVerbs(`${path}.verbs`, r.verbs),
    ...validateNames(at, urls, ['non-resource URLs', lacking]),
  ];
  if (urls.includes(ALL)) return found;
  for (const [i, url] of urls.entries()) {
    const why = pathProblem(url);
    if (why !== undefined) found.push(invalid(`${at}[${i}]`, url, why));
  }
  return found;
}

/** One of the rules by which a flow schema knows its requests. */
export function validateFlowRule(r: PolicyRulesWithSubjects, path: string): FieldError[] {
  const subjects = r.subjects ?? [];
  const found = subjects.length > 0 ? [] : [required(`${path}.subjects`, 'subjects must contain at least one value')];
  found.push(...subjects.flatMap((s, i) => validateSubject(s, `${path}.subjects[${i}]`)));
  const { resourceRules = [], nonResourceRules = [] } = r;
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    found.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  }
  return [
    ...found,
    ...resourceRules.flatMap((x, i) => validateResourceRule(x, `${path}.resourceRules[${i}]`)),
    ...nonResourceRules.flatMap((x, i) => validateNonResourceRule(x, `${path}.nonResourceRules[${i}]`)),
  ];
}
