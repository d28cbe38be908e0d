import type { Client } from '#client/types.ts';

/** A namespaced resource, as discovery names it. */
export interface NamespacedResource {
  readonly groupVersion: string;
  readonly plural: string;
  readonly verbs: readonly string[];
}

interface ResourceList {
  resources: { name: string; namespaced: boolean; verbs: string[] }[];
}
interface GroupList {
  groups: { preferredVersion?: { groupVersion: string }; versions?: { groupVersion: string }[] }[];
}

const rootOf = (groupVersion: string): string =>
  groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`;

const groupOf = (groupVersion: string): string =>
  groupVersion.includes('/') ? (groupVersion.split('/')[0] ?? '') : '';

/**
 * All namespaced resources that can be listed and deleted, each in the version its group prefers; one that is not served
 * in that, in another one. Groups that do not answer are named, not skipped silently.
 */
export async function namespacedResources(
  client: Client,
  signal: AbortSignal,
): Promise<{ found: NamespacedResource[]; failed: string[] }> {
  const groups = await client.raw<GroupList>('GET', '/apis', undefined, { signal });
  const versions = [
    'v1',
    ...new Set(
      groups.groups.flatMap((g) => [g.preferredVersion, ...(g.versions ?? [])].flatMap((v) => v?.groupVersion ?? [])),
    ),
  ];
  const failed: string[] = [];
  const lists = await Promise.all(
    versions.map(async (groupVersion) => {
      try {
        const list = await client.raw<ResourceList>('GET', rootOf(groupVersion), undefined, { signal });
        return list.resources
          .filter(
            (r) => r.namespaced && !r.name.includes('/') && r.verbs.includes('delete') && r.verbs.includes('list'),
          )
          .map((r) => ({ groupVersion, plural: r.name, verbs: r.verbs }));
      } catch (e) {
        if (signal.aborted) throw e;
        failed.push(`${groupVersion}: ${(e as Error).message}`);
        return [];
      }
    }),
  );
  const found = new Map<string, NamespacedResource>();
  for (const r of lists.flat()) {
    const resource = `${groupOf(r.groupVersion)}/${r.plural}`;
    if (!found.has(resource)) found.set(resource, r);
  }
  return { found: [...found.values()], failed };
}

/** Path of a namespace's collection. */
export const collectionPath = (r: NamespacedResource, namespace: string): string =>
  `${rootOf(r.groupVersion)}/namespaces/${encodeURIComponent(namespace)}/${r.plural}`;

export interface Remaining {
  readonly resource: string;
  readonly count: number;
  /** Finalizers of what remains, with how many objects hold each. */
  readonly finalizers: ReadonlyMap<string, number>;
}

interface PartialList {
  items: { metadata: { name: string; finalizers?: string[] } }[];
}

/** Deletes everything of one resource in a namespace. @returns what is still there */
export async function clearResource(
  client: Client,
  r: NamespacedResource,
  namespace: string,
  signal: AbortSignal,
): Promise<Remaining | undefined> {
  const path = collectionPath(r, namespace);
  const before = await client.raw<PartialList>('GET', `${path}?limit=1`, undefined, { signal });
  if (before.items.length === 0) return undefined;
  await client.raw(
    'DELETE',
    path,
    { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' },
    { signal },
  );
  const after = await client.raw<PartialList>('GET', path, undefined, { signal });
  if (after.items.length === 0) return undefined;
  const finalizers = new Map<string, number>();
  for (const i of after.items)
    for (const f of i.metadata.finalizers ?? []) finalizers.set(f, (finalizers.get(f) ?? 0) + 1);
  const group = r.groupVersion.includes('/') ? `.${r.groupVersion.split('/')[0]}` : '';
  return { resource: `${r.plural}${group}`, count: after.items.length, finalizers };
}
