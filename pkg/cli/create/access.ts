import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { type Generator, type GeneratorInput, list, pair, text, wholes } from './generator.ts';

const RBAC = 'rbac.authorization.k8s.io';

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
  verbs: string[];
}

/** One rule per API group of the resources named. @throws CliError for a resource the server does not have */
async function resourceRules(i: GeneratorInput, verbs: string[]): Promise<Rule[]> {
  const discovery = await i.ctx.discovery();
  const resourceNames = wholes(i, 'resourceName');
  const byGroup = new Map<string, string[]>();
  for (const item of list(i, 'resource')) {
    const [type = '', subresource] = item.split('/');
    const any = type === '*';
    const r = any ? { group: '', plural: '*' } : await discovery.find(type);
    const name = subresource ? `${r.plural}/${subresource}` : r.plural;
    byGroup.set(r.group, [...new Set([...(byGroup.get(r.group) ?? []), name])]);
  }
  return [...byGroup].map(([group, resources]) => ({
    apiGroups: [group],
    resources,
    ...(resourceNames.length > 0 ? { resourceNames: [...resourceNames] } : {}),
    verbs,
  }));
}

/** What roles usually allow; others are taken with a warning. */
const VERBS = new Set([
  ...['*', 'get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', 'proxy', 'use', 'bind'],
  ...['escalate', 'impersonate', 'approve', 'sign'],
]);

async function rulesOf(i: GeneratorInput): Promise<Rule[]> {
  const verbs = [...new Set(list(i, 'verb'))];
  if (verbs.length === 0) throw new CliError('at least one verb must be specified');
  for (const verb of verbs.filter((v) => list(i, 'resource').length > 0 && !VERBS.has(v)))
    i.ctx.err(`Warning: '${verb}' is not a standard resource verb\n`);
  const urls = list(i, 'nonResourceUrl');
  if (urls.some((u) => !u.startsWith('/') && u !== '*')) throw new CliError('nonResourceURL should start with /');
  if (urls.length === 0 && list(i, 'resource').length === 0)
    throw new CliError('at least one resource must be specified');
  const rules = await resourceRules(i, verbs.includes('*') ? ['*'] : verbs);
  return urls.length > 0 ? [...rules, { nonResourceURLs: urls, verbs }] : rules;
}

async function clusterRoleOf(i: GeneratorInput): Promise<KubeObject> {
  const base = { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: i.name } };
  const aggregation = list(i, 'aggregationRule');
  if (aggregation.length === 0) return { ...base, rules: await rulesOf(i) } as KubeObject;
  const matchLabels = Object.fromEntries(aggregation.map((a) => pair(a, 'aggregation rule')));
  return { ...base, aggregationRule: { clusterRoleSelectors: [{ matchLabels }] }, rules: [] } as KubeObject;
}

function subjects(i: GeneratorInput): Record<string, string>[] {
  const account = (v: string): Record<string, string> => {
    const [namespace, name, more] = v.split(':');
    if (!namespace || !name || more !== undefined) throw new CliError('serviceaccount must be <namespace>:<name>');
    return { kind: 'ServiceAccount', name, namespace };
  };
  return [
    ...list(i, 'user').map((name) => ({ apiGroup: RBAC, kind: 'User', name })),
    ...list(i, 'group').map((name) => ({ apiGroup: RBAC, kind: 'Group', name })),
    ...list(i, 'serviceaccount').map(account),
  ];
}

function bindingOf(i: GeneratorInput, kind: 'RoleBinding' | 'ClusterRoleBinding'): KubeObject {
  const clusterRole = text(i, 'clusterrole');
  const role = text(i, 'role');
  if (kind === 'ClusterRoleBinding' && !clusterRole) throw new CliError('required flag(s) "clusterrole" not set');
  if (kind === 'RoleBinding' && !clusterRole === !role)
    throw new CliError('exactly one of clusterrole or role must be specified');
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { name: i.name },
    roleRef: { apiGroup: RBAC, kind: clusterRole ? 'ClusterRole' : 'Role', name: clusterRole ?? role },
    subjects: subjects(i),
  } as KubeObject;
}

const RULES = [
  ['--verb <verbs>', 'what may be done: get,list,watch', 'list'],
  ['--resource <types>', 'with what: pods,deployments.apps,pods/log', 'list'],
  ['--resource-name <name>', 'only with objects of this name; repeatable', 'list'],
] as const;
const SUBJECTS = [
  ['--user <name>', 'users it is for', 'list'],
  ['--group <name>', 'groups it is for', 'list'],
  ['--serviceaccount <namespace:name>', 'service accounts it is for', 'list'],
] as const;

/** Generators of who may do what. */
export const access: readonly Generator[] = [
  {
    name: 'role',
    description: 'Make a Role: cox create role reader --verb=get,list --resource=pods',
    flags: RULES,
    make: async (i) =>
      ({ apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: { name: i.name }, rules: await rulesOf(i) }) as KubeObject,
  },
  {
    name: 'clusterrole',
    description: 'Make a ClusterRole',
    flags: [
      ...RULES,
      ['--non-resource-url <paths>', 'paths such as /healthz', 'list'],
      ['--aggregation-rule <labels>', 'the sum of the roles with these labels', 'list'],
    ],
    make: clusterRoleOf,
  },
  {
    name: 'rolebinding',
    description: 'Make a RoleBinding: cox create rolebinding r --role=reader --user=ann',
    flags: [['--clusterrole <name>', 'role of the cluster'], ['--role <name>', 'role of the namespace'], ...SUBJECTS],
    make: (i) => bindingOf(i, 'RoleBinding'),
  },
  {
    name: 'clusterrolebinding',
    description: 'Make a ClusterRoleBinding',
    flags: [['--clusterrole <name>', 'role of the cluster'], ...SUBJECTS],
    make: (i) => bindingOf(i, 'ClusterRoleBinding'),
  },
  {
    name: 'serviceaccount',
    aliases: ['sa'],
    description: 'Make a ServiceAccount',
    flags: [],
    make: (i) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: i.name } }) as KubeObject,
  },
];
