import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';

/** Order by age, the oldest first; the uid settles ties, so that everybody who compares two objects says the same. */
export function olderFirst({ metadata: a }: Stored<KubeObject>, { metadata: b }: Stored<KubeObject>): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.uid === b.uid ? 0 : a.uid < b.uid ? -1 : 1;
}

export const isOlder = (a: Stored<KubeObject>, b: Stored<KubeObject>): boolean => olderFirst(a, b) < 0;
