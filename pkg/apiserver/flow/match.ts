import type { FlowSchema, FlowSubject, NonResourcePolicyRule, ResourcePolicyRule } from '#api/kinds/index.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';

const ALL = '*';
const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(value) || list.includes(ALL));

function isSubject({ kind, user, group, serviceAccount }: FlowSubject, who: UserInfo): boolean {
  if (kind === 'User') return user?.name === ALL || user?.name === who.name;
  if (kind === 'Group') return group?.name === ALL || (group !== undefined && who.groups.includes(group.name ?? ''));
  if (!serviceAccount) return false;
  const account = `system:serviceaccount:${serviceAccount.namespace}:`;
  return serviceAccount.name === ALL ? who.name.startsWith(account) : who.name === account + serviceAccount.name;
}

function isResource(rule: ResourcePolicyRule, r: RequestInfo): boolean {
  if (!has(rule.verbs, r.verb) || !has(rule.apiGroups, r.group)) return false;
  if (!has(rule.resources, r.subresource ? `${r.resource}/${r.subresource}` : r.resource)) return false;
  // Namespaces themselves are no namespace's.
  const namespace = r.resource === 'namespaces' && r.group === '' ? '' : r.namespace;
  return namespace === '' ? rule.clusterScope === true : has(rule.namespaces, namespace);
}

function isPath(rule: NonResourcePolicyRule, r: RequestInfo): boolean {
  if (!has(rule.verbs, r.verb)) return false;
  return (rule.nonResourceURLs ?? []).some(
    (url) => url === ALL || url === r.path || (url.endsWith('/*') && r.path.startsWith(url.slice(0, -1))),
  );
}

/** Whether a flow schema is about a request: its subject and what it asks for, by one of the rules. */
export function concerns(schema: FlowSchema, who: UserInfo, r: RequestInfo): boolean {
  for (const rule of schema.spec?.rules ?? []) {
    if (!rule.subjects?.some((s) => isSubject(s, who))) continue;
    const found = r.isResource
      ? rule.resourceRules?.some((x) => isResource(x, r))
      : rule.nonResourceRules?.some((x) => isPath(x, r));
    if (found) return true;
  }
  return false;
}

/** What tells the flows of a schema apart. */
export function distinguisher(schema: FlowSchema, who: UserInfo, r: RequestInfo): string {
  const method = schema.spec?.distinguisherMethod?.type;
  if (method === 'ByUser') return who.name;
  return method === 'ByNamespace' ? r.namespace : '';
}
