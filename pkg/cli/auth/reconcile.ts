import type { ClusterRole, ClusterRoleBinding } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachManifest, hasSources } from '../manifests.ts';

export interface ReconcileFlags extends WriteFlags {
  readonly removeExtraPermissions?: boolean;
  readonly removeExtraSubjects?: boolean;
}

type Rule = NonNullable<ClusterRole['rules']>[number];
type Subject = NonNullable<ClusterRoleBinding['subjects']>[number];
type Role = KubeObject & { rules?: Rule[]; aggregationRule?: unknown };
type Binding = KubeObject & { subjects?: Subject[]; roleRef?: unknown };

/** What has to be done to an object, and what is told of it. */
interface Step {
  readonly object: KubeObject;
  readonly what: 'nothing' | 'create' | 'update' | 'recreate';
  readonly told: readonly (readonly [title: string, items: readonly string[]])[];
}

/** Rules that give one verb on one thing each. */
function single(r: Rule): Rule[] {
  const verbs = r.verbs ?? [];
  const paths = (r.nonResourceURLs ?? []).flatMap((u) => verbs.map((v) => ({ verbs: [v], nonResourceURLs: [u] })));
  const names = r.resourceNames?.length ? r.resourceNames : [undefined];
  const things = (r.apiGroups ?? []).flatMap((g) =>
    (r.resources ?? []).flatMap((x) =>
      verbs.flatMap((v) =>
        names.map((n) => ({
          verbs: [v],
          apiGroups: [g],
          resources: [x],
          ...(n === undefined ? {} : { resourceNames: [n] }),
        })),
      ),
    ),
  );
  return [...things, ...paths];
}

const has = (list: readonly string[] | undefined, one: string | undefined): boolean =>
  list?.includes('*') === true || (one !== undefined && list?.includes(one) === true);

/** "pods/log" is given by "*", "pods/log" and "*\/log". */
const hasResource = (list: readonly string[] | undefined, one: string | undefined): boolean =>
  has(list, one) || (one?.includes('/') === true && list?.includes(`*/${one.split('/')[1]}`) === true);

/** A path that ends in "*" gives all that begin like it. */
const hasPath = (list: readonly string[] | undefined, one: string): boolean =>
  has(list, one) || list?.some((p) => p.endsWith('*') && one.startsWith(p.slice(0, -1))) === true;

function gives(owner: Rule, r: Rule): boolean {
  if (!has(owner.verbs, r.verbs?.[0])) return false;
  const [path] = r.nonResourceURLs ?? [];
  if (path !== undefined) return hasPath(owner.nonResourceURLs, path);
  const anyName = !owner.resourceNames?.length;
  return (
    has(owner.apiGroups, r.apiGroups?.[0]) &&
    hasResource(owner.resources, r.resources?.[0]) &&
    (anyName || (r.resourceNames?.[0] !== undefined && owner.resourceNames?.includes(r.resourceNames[0]) === true))
  );
}

const lacking = (owner: readonly Rule[], wanted: readonly Rule[]): Rule[] =>
  wanted.flatMap(single).filter((r) => !owner.some((o) => gives(o, r)));

/** As Go prints the values. */
const words = (list: readonly string[] | undefined): string => `[${(list ?? []).join(' ')}]`;
const ruleText = (r: Rule): string =>
  `{Verbs:${words(r.verbs)} APIGroups:${words(r.apiGroups)} Resources:${words(r.resources)} ResourceNames:${words(r.resourceNames)} NonResourceURLs:${words(r.nonResourceURLs)}}`;
const subjectText = (s: Subject): string =>
  `{Kind:${s.kind} APIGroup:${s.apiGroup ?? ''} Name:${s.name} Namespace:${s.namespace ?? ''}}`;

/** The object as it is, with the labels and annotations it should have. */
function withMetadata<T extends KubeObject>(now: T, wanted: T): T {
  const laid = (key: 'labels' | 'annotations'): Record<string, string> => ({
    ...wanted.metadata?.[key],
    ...now.metadata?.[key],
  });
  const metadata = { ...now.metadata };
  for (const key of ['labels', 'annotations'] as const) {
    const map = laid(key);
    if (Object.keys(map).length > 0) metadata[key] = map;
  }
  return { ...now, metadata };
}

function roleStep(now: Role | undefined, wanted: Role, o: ReconcileFlags): Step {
  const rules = wanted.rules ?? [];
  if (!now) return { object: wanted, what: 'create', told: [['missing rules added', rules.map(ruleText)]] };
  const aggregated = now.aggregationRule !== undefined || wanted.aggregationRule !== undefined;
  const missing = aggregated ? [] : lacking(now.rules ?? [], rules);
  const extra = lacking(rules, now.rules ?? []);
  const exact = o.removeExtraPermissions === true && (missing.length > 0 || extra.length > 0);
  const object = withMetadata(now, wanted);
  const next = exact ? rules : missing.length > 0 ? [...(now.rules ?? []), ...missing] : now.rules;
  const changed = next !== now.rules || !sameJson(object.metadata, now.metadata);
  return {
    object: { ...object, ...(next ? { rules: next } : {}) } as KubeObject,
    what: changed ? 'update' : 'nothing',
    told: [
      ...(o.removeExtraPermissions ? [['extra rules removed', extra.map(ruleText)] as const] : []),
      ['missing rules added', missing.map(ruleText)],
    ],
  };
}

function bindingStep(now: Binding | undefined, wanted: Binding, o: ReconcileFlags): Step {
  const subjects = wanted.subjects ?? [];
  if (!now) {
    return { object: wanted, what: 'create', told: [['missing subjects added', subjects.map(subjectText)]] };
  }
  if (!sameJson(now.roleRef, wanted.roleRef)) return { object: wanted, what: 'recreate', told: [] };
  const text = (s: Subject): string => subjectText({ ...s, apiGroup: s.apiGroup ?? groupOf(s) });
  const current = now.subjects ?? [];
  const without = (a: readonly Subject[], b: readonly Subject[]): Subject[] =>
    a.filter((x) => !b.some((y) => text(x) === text(y)));
  const missing = without(subjects, current);
  const extra = without(current, subjects);
  const exact = o.removeExtraSubjects === true && extra.length > 0;
  const next = exact ? subjects : missing.length > 0 ? [...current, ...missing] : now.subjects;
  const object = withMetadata(now, wanted);
  const changed = next !== now.subjects || !sameJson(object.metadata, now.metadata);
  return {
    object: { ...object, ...(next ? { subjects: next } : {}) } as KubeObject,
    what: changed ? 'update' : 'nothing',
    told: [
      ['missing subjects added', missing.map(subjectText)],
      ...(o.removeExtraSubjects ? [['extra subjects removed', extra.map(subjectText)] as const] : []),
    ],
  };
}

/** What the server fills in where a file does not say. */
const groupOf = (s: Subject): string => (s.kind === 'ServiceAccount' ? '' : 'rbac.authorization.k8s.io');

async function write(ctx: CliContext, r: ApiResource, step: Step, o: ReconcileFlags): Promise<KubeObject> {
  if (step.what === 'nothing' || o.dryRun === 'client') return step.object;
  const { namespace, name } = step.object.metadata ?? {};
  const path = pathOf(r, namespace, name);
  const query = writeQuery(o, 'kubectl-auth');
  const body = step.object;
  if (step.what === 'update') return ctx.rest.json<KubeObject>({ method: 'PUT', path, query, body });
  if (step.what === 'recreate' && o.dryRun !== 'server') await ctx.rest.json({ method: 'DELETE', path });
  if (step.what === 'recreate' && o.dryRun === 'server') return body;
  return ctx.rest.json<KubeObject>({ method: 'POST', path: pathOf(r, namespace), query, body });
}

/** `cox auth reconcile -f`: roles and bindings get what files say they have ("Using RBAC Authorization › kubectl auth reconcile"). */
export function reconcile(ctx: CliContext, o: ReconcileFlags): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify -f: files with roles and bindings');
  return eachManifest(ctx, { ...o, doing: 'reconciling' }, async (r, manifest) => {
    const isRole = /^(Cluster)?Role$/.test(r.kind);
    if (r.group !== 'rbac.authorization.k8s.io' || (!isRole && !/^(Cluster)?RoleBinding$/.test(r.kind))) return;
    const wanted = withNamespace(ctx, r, manifest);
    const now = await ctx.rest.found<KubeObject>(pathOf(r, wanted.metadata?.namespace, wanted.metadata?.name));
    const step = isRole ? roleStep(now as Role, wanted as Role, o) : bindingStep(now as Binding, wanted as Binding, o);
    const { apiVersion, kind } = wanted;
    await report(ctx, o, r, { ...(await write(ctx, r, step, o)), apiVersion, kind } as KubeObject, 'reconciled');
    if (step.what === 'nothing') return;
    ctx.err(`\treconciliation required ${step.what}\n`);
    for (const [title, items] of step.told)
      if (items.length > 0) ctx.err(`\t${title}:\n${items.map((i) => `\t\t${i}\n`).join('')}`);
  });
}
