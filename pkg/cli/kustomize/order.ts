import { CliError } from '../errors.ts';
import type { Kustomization } from './kustomization.ts';
import { identityText, type Resource } from './resource.ts';

/** What others need comes first. */
const FIRST =
  `Namespace ResourceQuota StorageClass CustomResourceDefinition ServiceAccount PodSecurityPolicy Role ClusterRole
  RoleBinding ClusterRoleBinding ConfigMap Secret Endpoints Service LimitRange PriorityClass PersistentVolume
  PersistentVolumeClaim Deployment StatefulSet CronJob PodDisruptionBudget`.split(/\s+/);
const LAST = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];

/** Objects in the order of `sortOptions`; by default what others need comes first. */
export function sorted(resources: readonly Resource[], options: Kustomization['sortOptions']): Resource[] {
  const order = options?.order ?? 'legacy';
  if (order === 'fifo') return [...resources];
  if (order !== 'legacy') throw new CliError(`sortOptions: the order "${order}" is neither legacy nor fifo`);
  const first = options?.legacySortOptions?.orderFirst ?? FIRST;
  const last = options?.legacySortOptions?.orderLast ?? LAST;
  const rank = (r: Resource): number => {
    const f = first.indexOf(r.kind);
    if (f >= 0) return f - first.length;
    return last.indexOf(r.kind) + 1;
  };
  // What has no group or namespace comes after what has.
  const named = (r: Resource) => ({
    ...r.identity,
    group: r.identity.group || '~G',
    namespace: r.identity.namespace || '~X',
  });
  const before = (a: Resource, b: Resource): number => {
    const [x, y] = [named(a), named(b)];
    for (const part of ['group', 'version', 'kind', 'namespace', 'name'] as const) {
      if (x[part] !== y[part]) return x[part] < y[part] ? -1 : 1;
    }
    return 0;
  };
  return [...resources].sort((a, b) => rank(a) - rank(b) || before(a, b));
}

/** @throws CliError when two objects have one name */
export function refuseTwins(resources: readonly Resource[]): void {
  const seen = new Set<string>();
  for (const r of resources) {
    const text = identityText(r.identity);
    if (seen.has(text)) throw new CliError(`may not add resource with an already registered id: ${text}`);
    seen.add(text);
  }
}
