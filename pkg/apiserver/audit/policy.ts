import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { UserError } from '#process/main.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';

/** How much of a request is written down, least first. */
export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];

/** Moments at which a request may be written down. */
export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

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
  /** Beside those the policy omits. */
  readonly omitStages?: readonly Stage[];
  /** Default: the policy's. */
  readonly omitManagedFields?: boolean;
}

/** audit.k8s.io/v1 Policy */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

/** What a policy says of a request. */
export interface Verdict {
  readonly level: Level;
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
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
  const ofResources = Boolean(r.namespaces?.length || r.resources?.length);
  if (!info.isResource) return !ofResources && (!r.nonResourceURLs?.length || matchesUrl(r.nonResourceURLs, info.path));
  if (r.nonResourceURLs?.length && !ofResources) return false;
  return has(r.namespaces, info.namespace) && (!r.resources?.length || matchesResource(r.resources, info));
}

/** By the first rule that matches; without one nothing is written ("Auditing", audit policy). */
export function verdictOf(policy: AuditPolicy, user: UserInfo, info: RequestInfo): Verdict {
  const rule = policy.rules.find((r) => ruleMatches(r, user, info));
  return {
    level: rule?.level ?? 'None',
    omitStages: [...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])],
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function checkStages(path: string, stages: unknown): void {
  for (const [i, stage] of ((stages ?? []) as Stage[]).entries()) {
    if (STAGES.includes(stage)) continue;
    throw new UserError(`--audit-policy-file: ${path}[${i}] "${stage}" is none of ${STAGES.join(', ')}`);
  }
}

/** @throws UserError saying what is wrong with the file */
export function loadPolicy(path: string): AuditPolicy {
  let policy: (AuditPolicy & { kind?: string }) | null;
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
    checkStages(`${path}: rules[${i}].omitStages`, r.omitStages);
  }
  checkStages(`${path}: omitStages`, policy.omitStages);
  return policy;
}
