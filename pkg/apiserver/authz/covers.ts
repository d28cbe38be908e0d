import type { PolicyRule } from './rules.ts';

/** A rule about one thing. */
function* parts(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const one = { verbs: [verb], apiGroups: [group], resources: [resource] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) yield one;
        for (const name of names) yield { ...one, resourceNames: [name] };
      }
    }
  }
}

const has = (list: readonly string[] | undefined, value: string | undefined): boolean =>
  value !== undefined && (list?.includes('*') === true || list?.includes(value) === true);

function hasResource(list: readonly string[] | undefined, resource: string): boolean {
  if (has(list, resource)) return true;
  const sub = resource.indexOf('/');
  return sub >= 0 && list?.includes(`*${resource.slice(sub)}`) === true;
}

const hasUrl = (list: readonly string[] | undefined, url: string): boolean =>
  (list ?? []).some((p) => p === '*' || p === url || (p.endsWith('*') && url.startsWith(p.slice(0, -1))));

function partCovered(owned: PolicyRule, part: PolicyRule): boolean {
  if (!has(owned.verbs, part.verbs[0])) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined) return hasUrl(owned.nonResourceURLs, url);
  if (!has(owned.apiGroups, part.apiGroups?.[0]) || !hasResource(owned.resources, part.resources?.[0] ?? '')) {
    return false;
  }
  const names = owned.resourceNames ?? [];
  const [name] = part.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

/** What of `wanted` is in none of the rules owned: what granting it would escalate. */
export function notCovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap((rule) => [...parts(rule)].filter((part) => !owned.some((o) => partCovered(o, part))));
}

const listText = (list: readonly string[] | undefined): string => `[${(list ?? []).map((x) => `"${x}"`).join(', ')}]`;

/** A rule as Kubernetes prints it. */
export function ruleText(r: PolicyRule): string {
  const fields = [
    r.apiGroups && `APIGroups:${listText(r.apiGroups)}`,
    r.resources && `Resources:${listText(r.resources)}`,
    r.resourceNames && `ResourceNames:${listText(r.resourceNames)}`,
    r.nonResourceURLs && `NonResourceURLs:${listText(r.nonResourceURLs)}`,
    `Verbs:${listText(r.verbs)}`,
  ];
  return `{${fields.filter(Boolean).join(', ')}}`;
}
