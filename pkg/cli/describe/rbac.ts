import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '#api/kinds/index.ts';
import { annotations } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

/** A rule about one verb of one resource or path. */
interface SmallRule {
  readonly resource?: string;
  readonly group?: string;
  readonly url?: string;
  readonly names: readonly string[];
  readonly verbs: readonly string[];
}

function small(r: PolicyRule): SmallRule[] {
  return (r.verbs ?? []).flatMap((verb) => [
    ...(r.nonResourceURLs ?? []).map((url) => ({ url, names: [], verbs: [verb] })),
    ...(r.apiGroups ?? []).flatMap((group) =>
      (r.resources ?? []).flatMap((resource) => {
        const names = r.resourceNames ?? [];
        const one = { group, resource, verbs: [verb] };
        return names.length === 0 ? [{ ...one, names: [] }] : names.map((n) => ({ ...one, names: [n] }));
      }),
    ),
  ]);
}

/** Verbs of the same resource and name stand in one line. */
function compact(rules: readonly SmallRule[]): SmallRule[] {
  const merged = new Map<string, SmallRule>();
  for (const [i, r] of rules.entries()) {
    const key = r.url === undefined ? `${r.group}/${r.resource}/${r.names[0] ?? ''}` : `${r.url} ${i}`;
    const known = merged.get(key);
    merged.set(key, known ? { ...known, verbs: [...new Set([...known.verbs, ...r.verbs])] } : r);
  }
  return [...merged.values()];
}

/** The text kubectl orders rules by: verbs first, then groups, resources, names, paths. */
const orderOf = (r: SmallRule): string =>
  `[${r.verbs.join(' ')}],[${r.group ?? ''}],[${r.resource ?? ''}],[${r.names.join(' ')}],[${r.url ?? ''}]`;

function resourceText(r: SmallRule): string {
  const [name = '', sub] = (r.resource ?? '').split('/');
  return `${name}${r.group ? `.${r.group}` : ''}${sub ? `/${sub}` : ''}`;
}

function head(w: DescriptionWriter, o: ClusterRole | ClusterRoleBinding): void {
  w.line(0, 'Name:', o.metadata?.name ?? '');
  w.map(0, 'Labels:', o.metadata?.labels);
  annotations(w, 0, o.metadata?.annotations);
}

/** Resources, paths, names of objects and verbs of rules, in kubectl's order: one row for each resource or path. */
export function ruleRows(rules: readonly PolicyRule[]): [string, string, string, string][] {
  const ordered = compact(rules.flatMap(small)).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  return ordered.map((r) => [resourceText(r), `[${r.url ?? ''}]`, `[${r.names.join(' ')}]`, `[${r.verbs.join(' ')}]`]);
}

/** Roles and ClusterRoles. */
export function describeRole(w: DescriptionWriter, role: ClusterRole): void {
  head(w, role);
  w.line(0, 'PolicyRule:');
  w.line(1, 'Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs');
  w.line(1, '---------', '-----------------', '--------------', '-----');
  for (const row of ruleRows(role.rules ?? [])) w.line(1, ...row);
}

/** RoleBindings and ClusterRoleBindings. */
export function describeBinding(w: DescriptionWriter, binding: ClusterRoleBinding): void {
  head(w, binding);
  w.line(0, 'Role:');
  w.line(1, 'Kind:', binding.roleRef?.kind ?? '');
  w.line(1, 'Name:', binding.roleRef?.name ?? '');
  w.line(0, 'Subjects:');
  w.line(1, 'Kind', 'Name', 'Namespace');
  w.line(1, '----', '----', '---------');
  for (const s of binding.subjects ?? []) w.line(1, s.kind, s.name, s.namespace ?? '');
}
