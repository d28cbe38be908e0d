import type { Namespace } from '#api/kinds/index.ts';
import type { Remaining } from './content.ts';

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];

interface Findings {
  readonly remaining: readonly Remaining[];
  readonly discoveryFailures: readonly string[];
  readonly deletionFailures: readonly string[];
}

/** Says why a namespace is still there: what remains and who holds it (the conditions Kubernetes sets). Pure. */
export function terminationConditions(old: readonly Condition[], f: Findings, nowText: string): Condition[] {
  const one = (type: string, bad: string | undefined, badReason: string, good: [string, string]): Condition => {
    const status = bad === undefined ? 'False' : 'True';
    const before = old.find((c) => c.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : nowText;
    return {
      type,
      status,
      reason: bad === undefined ? good[0] : badReason,
      message: bad ?? good[1],
      lastTransitionTime,
    } as Condition;
  };
  const content = f.remaining.map((r) => `${r.resource} has ${r.count} resource instances`);
  const finalizers = new Map<string, number>();
  for (const r of f.remaining)
    for (const [name, n] of r.finalizers) finalizers.set(name, (finalizers.get(name) ?? 0) + n);
  const held = [...finalizers].map(([name, n]) => `${name} in ${n} resource instances`);
  const text = (list: readonly string[], head: string): string | undefined =>
    list.length > 0 ? `${head}${list.join(', ')}` : undefined;
  return [
    one(
      'NamespaceDeletionDiscoveryFailure',
      text(f.discoveryFailures, 'Discovery failed for some groups: '),
      'DiscoveryFailed',
      ['ResourcesDiscovered', 'All resources successfully discovered'],
    ),
    one(
      'NamespaceDeletionContentFailure',
      text(f.deletionFailures, 'Failed to delete all resource types: '),
      'ContentDeletionFailed',
      ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    ),
    one('NamespaceContentRemaining', text(content, 'Some resources are remaining: '), 'SomeResourcesRemain', [
      'ContentRemoved',
      'All content successfully removed',
    ]),
    one(
      'NamespaceFinalizersRemaining',
      text(held, 'Some content in the namespace has finalizers remaining: '),
      'SomeFinalizersRemain',
      ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    ),
  ];
}
