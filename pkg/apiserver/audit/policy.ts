import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { UserError } from '#process/main.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';

/** How much of a request is written down, least first. */
export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** audit.k8s.io/v1 PolicyRule; an absent list matches everything. */
export interface AuditRule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

const matchesResource = (list: readonly GroupResources[], info: RequestInfo): boolean =>
  list.some((g) => {
    if ((g.group ?? '') !== info.group) return false;
    if ((g.resourceNames ?? []).length > 0 && !g.resourceNames?.includes(info.name)) return false;
    const names = g.resources ?? [];
    const whole = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
    return (
      names.length === 0 ||
      names.some((n) => n === '*' || n === whole || n === `${info.resource}/*` || n === `*/${info.subresource}`)
    );
  });

const matchesUrl = (list: readonly string[], path: string): boolean =>
  list.some((p) => p === '*' || p === path || (p.endsWith('*') && path.startsWith(p.slice(0, -1))));

function ruleMatches(r: AuditRule, user: UserInfo, info: RequestInfo): boolean {
  const has = (list: readonly string[] | undefined, value: string): boolean => !list?.length || list.includes(value);
  if (!has(r.users, user.name) || !has(r.verbs, info.verb)) return false;
  if (r.userGroups?.length && !r.userGroups.some((g) => user.groups.includes(g))) return false;
  if (!info.isResource) return r.nonResourceURLs ? matchesUrl(r.nonResourceURLs, info.path) : !r.resources?.length;
  if (r.nonResourceURLs?.length) return false;
  return has(r.namespaces, info.namespace) && (!r.resources?.length || matchesResource(r.resources, info));
}

/** The level of the first rule that matches; without one nothing is written ("Auditing", audit policy). */
export const levelOf = (rules: readonly AuditRule[], user: UserInfo, info: RequestInfo): Level =>
  rules.find((r) => ruleMatches(r, user, info))?.level ?? 'None';

/** @throws UserError saying what is wrong with the file */
export function loadPolicy(path: string): readonly AuditRule[] {
  let policy: { kind?: string; rules?: AuditRule[] } | null;
  try {
    policy = parseYaml(readFileSync(path, 'utf8')) as typeof policy;
  } catch (e) {
    throw new UserError(`--audit-policy-file: cannot read ${path}: ${(e as Error).message}`);
  }
  if (policy?.kind !== 'Policy' || !Array.isArray(policy.rules)) {
    throw new UserError(`--audit-policy-file: ${path} is not an audit.k8s.io/v1 Policy with rules`);
  }
  for (const [i, r] of policy.rules.entries()) {
    if (!LEVELS.includes(r.level)) {
      throw new UserError(
        `--audit-policy-file: ${path}: rules[${i}].level "${r.level}" is none of ${LEVELS.join(', ')}`,
      );
    }
  }
  return policy.rules;
}
