import type { Kind } from '#api/kind.ts';
import { apiVersionOf } from '#api/kind.ts';
import type { ResourceTable } from '../registry/resource.ts';

/** Kinds that subresources speak, where they differ from their parent's. */
const SUBRESOURCE_KINDS: Record<string, { group?: string; version?: string; kind: string; verbs: string[] }> = {
  'pods/binding': { kind: 'Binding', verbs: ['create'] },
  'pods/eviction': { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  'pods/log': { kind: 'Pod', verbs: ['get'] },
  'pods/exec': { kind: 'PodExecOptions', verbs: ['create', 'get'] },
  'pods/attach': { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  'pods/portforward': { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  'pods/proxy': { kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  'services/proxy': { kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  'nodes/proxy': { kind: 'NodeProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  'serviceaccounts/token': { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  'namespaces/finalize': { kind: 'Namespace', verbs: ['update'] },
};

interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

/** Every subresource of a kind as discovery lists it: name → entry. */
function subresourcesOf(kind: Kind): ApiResource[] {
  const entry = (
    name: string,
    over: { group?: string; version?: string; kind: string; verbs: string[] },
  ): ApiResource => ({
    name: `${kind.plural}/${name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...over,
  });
  const found: ApiResource[] = [];
  if (kind.hasStatus) found.push(entry('status', { kind: kind.kind, verbs: ['get', 'patch', 'update'] }));
  if (kind.scale) {
    found.push(
      entry('scale', { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }),
    );
  }
  for (const s of kind.subresources) {
    const known = SUBRESOURCE_KINDS[`${kind.plural}/${s}`];
    if (known) found.push(entry(s, known));
    else if (s !== 'status' && s !== 'scale')
      found.push(entry(s, { kind: kind.kind, verbs: ['get', 'patch', 'update'] }));
  }
  return found;
}

const mainResource = (kind: Kind): ApiResource => ({
  name: kind.plural,
  singularName: kind.singular,
  namespaced: kind.namespaced,
  kind: kind.kind,
  verbs: kind.verbs,
  ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
});

const byName = (a: ApiResource, b: ApiResource): number => (a.name < b.name ? -1 : 1);

/** Stable versions first, then newer before older: the order clients take as preference. */
function versionRank(v: string): number {
  const m = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(v);
  if (!m) return -1;
  const stage = m[2] === undefined ? 2 : m[2] === 'beta' ? 1 : 0;
  return stage * 1e6 + Number(m[1]) * 1e3 + Number(m[3] ?? 0);
}

/** What the server serves, in all the forms clients ask for. Built once per change of the resource table. */
export interface Discovery {
  /** GET /api/v1 and /apis/<group>/<version>; undefined when not served. */
  resourceList(group: string, version: string): string | undefined;
  /** GET /apis/<group> */
  group(group: string): string | undefined;
  /** GET /apis */
  groupList(): string;
  /** GET /api and /apis in the aggregated form (apidiscovery.k8s.io). */
  aggregated(core: boolean, version: string): string;
}

function groupVersions(kinds: readonly Kind[]): Map<string, Map<string, Kind[]>> {
  const groups = new Map<string, Map<string, Kind[]>>();
  for (const k of kinds) {
    const versions = groups.get(k.group) ?? new Map<string, Kind[]>();
    groups.set(k.group, versions);
    versions.set(k.version, [...(versions.get(k.version) ?? []), k]);
  }
  return groups;
}

const sortedVersions = (versions: Map<string, Kind[]>): string[] =>
  [...versions.keys()].sort((a, b) => versionRank(b) - versionRank(a));

function aggregatedResource(kind: Kind): unknown {
  const responseKind = (r: ApiResource): unknown => ({
    group: r.group ?? kind.group,
    version: r.version ?? kind.version,
    kind: r.kind,
  });
  const subresources = subresourcesOf(kind).map((s) => ({
    subresource: s.name.slice(kind.plural.length + 1),
    responseKind: responseKind(s),
    verbs: s.verbs,
  }));
  const main = mainResource(kind);
  return {
    resource: kind.plural,
    responseKind: responseKind(main),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(main.shortNames ? { shortNames: main.shortNames } : {}),
    ...(main.categories ? { categories: main.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

export function discoveryOf(resources: ResourceTable): Discovery {
  let built = -1;
  let groups = new Map<string, Map<string, Kind[]>>();
  const current = (): Map<string, Map<string, Kind[]>> => {
    if (built !== resources.generation) {
      groups = groupVersions(resources.all().map((r) => r.kind));
      built = resources.generation;
    }
    return groups;
  };
  const groupObject = (name: string, versions: Map<string, Kind[]>): Record<string, unknown> => {
    const list = sortedVersions(versions).map((version) => ({
      groupVersion: apiVersionOf({ group: name, version }),
      version,
    }));
    return { name, versions: list, preferredVersion: list[0] };
  };
  return {
    resourceList(group, version) {
      const kinds = current().get(group)?.get(version);
      if (!kinds) return undefined;
      const list = kinds.flatMap((k) => [mainResource(k), ...subresourcesOf(k)]).sort(byName);
      const groupVersion = apiVersionOf({ group, version });
      return JSON.stringify({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: list });
    },
    group(name) {
      const versions = name === '' ? undefined : current().get(name);
      return versions && JSON.stringify({ kind: 'APIGroup', apiVersion: 'v1', ...groupObject(name, versions) });
    },
    groupList() {
      const list = [...current()].filter(([name]) => name !== '').map(([name, v]) => groupObject(name, v));
      return JSON.stringify({ kind: 'APIGroupList', apiVersion: 'v1', groups: list });
    },
    aggregated(core, version) {
      const items = [...current()]
        .filter(([name]) => (name === '') === core)
        .map(([name, versions]) => ({
          metadata: { name, creationTimestamp: null },
          versions: sortedVersions(versions).map((v) => ({
            version: v,
            freshness: 'Current',
            resources: [...(versions.get(v) ?? [])]
              .sort((a, b) => (a.plural < b.plural ? -1 : 1))
              .map(aggregatedResource),
          })),
        }));
      return JSON.stringify({
        kind: 'APIGroupDiscoveryList',
        apiVersion: `apidiscovery.k8s.io/${version}`,
        metadata: {},
        items,
      });
    },
  };
}
