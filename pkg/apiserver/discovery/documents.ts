import { createHash } from 'node:crypto';
import type { Kind } from '#api/kind.ts';
import { apiVersionOf } from '#api/kind.ts';
import { localPriority, type Priority } from '../aggregation/priorities.ts';
import type { OpenApiV2 } from '../openapi/merge.ts';
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

/** An entry of an APIResourceList. */
export interface ApiResource {
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

const HASH_BYTES = 8;

/** By which clients notice that objects are stored in another version than before. */
const storageVersionHash = (stored: Kind): string =>
  createHash('sha256')
    .update(`${stored.group}/${stored.version}/${stored.kind}`)
    .digest()
    .subarray(0, HASH_BYTES)
    .toString('base64');

const byName = (a: ApiResource, b: ApiResource): number => (a.name < b.name ? -1 : 1);

/** Stable versions first, then newer before older: the order clients take as preference. */
function versionRank(v: string): number {
  const m = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(v);
  if (!m) return -1;
  const stage = m[2] === undefined ? 2 : m[2] === 'beta' ? 1 : 0;
  return stage * 1e6 + Number(m[1]) * 1e3 + Number(m[3] ?? 0);
}

/** A group and version that another server answers for. */
export interface RemoteVersion extends Priority {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly ApiResource[];
  /** False: what it said last, if anything; it could not be asked. */
  readonly fresh: boolean;
  /** Mark of its OpenAPI document, if it has one. */
  readonly openApi?: string;
  /** Its OpenAPI v2 document of everything, if it has one. */
  readonly openApiV2?: OpenApiV2;
}
/** What other servers answer for; asked for at every request. */
export type RemoteVersions = () => readonly RemoteVersion[];

/** What the server serves, in all the forms clients ask for. Each is made once and holds until something else is served. */
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

/** A version of a group, served here or elsewhere. */
interface Version extends Priority {
  readonly version: string;
  readonly kinds?: readonly Kind[];
  readonly remote?: RemoteVersion;
}

const byPreference = (a: Version, b: Version): number =>
  b.versionPriority - a.versionPriority || versionRank(b.version) - versionRank(a.version);

/** All versions of all groups, the first ones first: "groupPriorityMinimum" and "versionPriority" of APIServices. */
function orderedGroups(
  local: ReadonlyMap<string, ReadonlyMap<string, readonly Kind[]>>,
  remotes: readonly RemoteVersion[],
): Map<string, Version[]> {
  const groups = new Map<string, Version[]>();
  const add = (group: string, v: Version): void => {
    const versions = (groups.get(group) ?? []).filter((x) => x.version !== v.version);
    groups.set(group, [...versions, v]);
  };
  for (const [group, versions] of local) {
    for (const [version, kinds] of versions) add(group, { version, kinds, ...localPriority(group, version) });
  }
  for (const remote of remotes) add(remote.group, { ...remote, remote });
  const rank = (versions: readonly Version[]): number => Math.max(...versions.map((v) => v.groupPriorityMinimum));
  const ordered = [...groups].sort(([a, x], [b, y]) => rank(y) - rank(x) || (a < b ? -1 : 1));
  return new Map(ordered.map(([group, versions]) => [group, versions.sort(byPreference)]));
}

/** The entry of a resource in aggregated discovery. */
function aggregatedEntry(
  main: ApiResource,
  subresources: readonly ApiResource[],
  own: { group: string; version: string },
): unknown {
  const responseKind = (r: ApiResource): unknown => ({
    group: r.group ?? own.group,
    version: r.version ?? own.version,
    kind: r.kind,
  });
  const subs = subresources.map((s) => ({
    subresource: s.name.slice(main.name.length + 1),
    responseKind: responseKind(s),
    verbs: s.verbs,
  }));
  return {
    resource: main.name,
    responseKind: responseKind(main),
    scope: main.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: main.singularName,
    verbs: main.verbs,
    ...(main.shortNames ? { shortNames: main.shortNames } : {}),
    ...(main.categories ? { categories: main.categories } : {}),
    ...(subs.length > 0 ? { subresources: subs } : {}),
  };
}

const aggregatedKinds = (kinds: readonly Kind[]): unknown[] =>
  [...kinds]
    .sort((a, b) => (a.plural < b.plural ? -1 : 1))
    .map((k) => aggregatedEntry(mainResource(k), subresourcesOf(k), k));

const aggregatedRemote = (r: RemoteVersion): unknown[] =>
  r.resources
    .filter((m) => !m.name.includes('/'))
    .map((m) => {
      const subresources = r.resources.filter((s) => s.name.startsWith(`${m.name}/`));
      return aggregatedEntry(m, subresources, r);
    });

const sameRemote = (a: RemoteVersion, b: RemoteVersion | undefined): boolean =>
  a.group === b?.group &&
  a.version === b.version &&
  a.groupPriorityMinimum === b.groupPriorityMinimum &&
  a.versionPriority === b.versionPriority &&
  a.resources === b.resources &&
  a.fresh === b.fresh;

/** What is made of all that is served, kept until something else is. */
class Texts {
  readonly #resources: ResourceTable;
  readonly #remotes: RemoteVersions;
  #generation = -1;
  #from: readonly RemoteVersion[] = [];
  #local = new Map<string, Map<string, Kind[]>>();
  #stored = new Map<Kind, Kind>();
  #groups = new Map<string, Version[]>();
  readonly #made = new Map<string, string>();

  constructor(resources: ResourceTable, remotes: RemoteVersions) {
    this.#resources = resources;
    this.#remotes = remotes;
  }

  #refresh(): void {
    const { generation } = this.#resources;
    const remotes = this.#remotes();
    const known = generation === this.#generation && remotes.length === this.#from.length;
    if (known && remotes.every((r, i) => sameRemote(r, this.#from[i]))) return;
    const all = this.#resources.all();
    this.#local = groupVersions(all.map((r) => r.kind));
    this.#stored = new Map(all.map((r) => [r.kind, r.storedAs?.resource.kind ?? r.kind]));
    this.#groups = orderedGroups(this.#local, remotes);
    this.#made.clear();
    this.#from = remotes;
    this.#generation = generation;
  }

  /** Kinds served here. */
  kinds(group: string, version: string): readonly Kind[] | undefined {
    this.#refresh();
    return this.#local.get(group)?.get(version);
  }

  /** A kind as lists of resources show it. */
  entryOf(kind: Kind): ApiResource {
    const stored = this.#stored.get(kind);
    // What cannot be followed is not stored.
    if (!stored || !kind.verbs.includes('watch')) return mainResource(kind);
    return { ...mainResource(kind), storageVersionHash: storageVersionHash(stored) };
  }

  /** Every group with its versions, in order. */
  groups(): ReadonlyMap<string, readonly Version[]> {
    this.#refresh();
    return this.#groups;
  }

  /** @param name of something that exists: each is kept */
  of(name: string, make: () => unknown): string {
    this.#refresh();
    let text = this.#made.get(name);
    if (text === undefined) {
      text = JSON.stringify(make());
      this.#made.set(name, text);
    }
    return text;
  }
}

const groupObject = (name: string, versions: readonly Version[]): Record<string, unknown> => {
  const list = versions.map(({ version }) => ({ groupVersion: apiVersionOf({ group: name, version }), version }));
  return { name, versions: list, preferredVersion: list[0] };
};

const aggregatedGroup = (name: string, versions: readonly Version[]): unknown => ({
  metadata: { name, creationTimestamp: null },
  versions: versions.map((v) => ({
    version: v.version,
    freshness: v.remote?.fresh === false ? 'Stale' : 'Current',
    resources: v.remote ? aggregatedRemote(v.remote) : aggregatedKinds(v.kinds ?? []),
  })),
});

export function discoveryOf(resources: ResourceTable, remotes: RemoteVersions = () => []): Discovery {
  const texts = new Texts(resources, remotes);
  return {
    resourceList(group, version) {
      const kinds = texts.kinds(group, version);
      if (!kinds) return undefined;
      const groupVersion = apiVersionOf({ group, version });
      return texts.of(`resources of ${groupVersion}`, () => {
        const list = kinds.flatMap((k) => [texts.entryOf(k), ...subresourcesOf(k)]).sort(byName);
        return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: list };
      });
    },
    group(name) {
      const versions = name === '' ? undefined : texts.groups().get(name);
      if (!versions) return undefined;
      return texts.of(`group ${name}`, () => ({
        kind: 'APIGroup',
        apiVersion: 'v1',
        ...groupObject(name, versions),
      }));
    },
    groupList() {
      return texts.of('groups', () => {
        const groups = [...texts.groups()].filter(([name]) => name !== '').map(([name, v]) => groupObject(name, v));
        return { kind: 'APIGroupList', apiVersion: 'v1', groups };
      });
    },
    aggregated(core, version) {
      return texts.of(`aggregated ${version} of ${core ? 'the core' : 'the others'}`, () => ({
        kind: 'APIGroupDiscoveryList',
        apiVersion: `apidiscovery.k8s.io/${version}`,
        metadata: {},
        items: [...texts.groups()]
          .filter(([name]) => (name === '') === core)
          .map(([name, versions]) => aggregatedGroup(name, versions)),
      }));
    },
  };
}
