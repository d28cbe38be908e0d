import { customKind } from '#api/custom/kind.ts';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import type { CustomResourceDefinition } from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { AwaitedCache } from '../cache/awaited-cache.ts';
import type { RegistryCache } from '../cache/registry-cache.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, makeView, type Resource, type ResourceTable } from '../registry/resource.ts';
import { type ConversionDeps, type Converter, webhookConverter } from './conversion.ts';

type Definition = Stored<CustomResourceDefinition>;

interface Served {
  readonly version: string;
  readonly kinds: readonly Kind[];
  /** Where the objects are. */
  readonly base: Resource;
  /** Its cache shows objects in the versions they were stored in. */
  readonly asStored: boolean;
}

/** Decodes and fills in defaults by the version's schema. */
function shownBy(kind: Kind, o: KubeObject): KubeObject {
  const object = (kind.decode?.(o).object ?? o) as KubeObject;
  // Decoding knows clients' metadata; the server's is whole.
  const shown = { ...object, metadata: { ...o.metadata } };
  kind.defaults?.(shown);
  return shown;
}

const unserved = new Set(['create']);

/** What is stored in an older version is written anew by the next update, even one that changes nothing. */
function withAge(base: Resource, aged: boolean, converter: Converter | undefined): Resource {
  const { apiVersion } = base;
  if (converter) {
    const upToDate = async (o: Stored<KubeObject>): Promise<Stored<KubeObject>> =>
      (await converter([o], apiVersion))[0] as Stored<KubeObject>;
    return { ...base, upToDate };
  }
  return aged ? { ...base, upToDate: (o) => ({ ...o, apiVersion }) } : base;
}

/** A version as a webhook makes it from whatever version an object is stored in. */
function awaitedView(kind: Kind, base: Resource, converter: Converter): Resource {
  const apiVersion = apiVersionOf(kind);
  const shown = (o: Stored<KubeObject>): Stored<KubeObject> =>
    ({ ...shownBy(kind, o), kind: kind.kind, apiVersion }) as Stored<KubeObject>;
  const convert = async (objects: readonly Stored<KubeObject>[]): Promise<readonly Stored<KubeObject>[]> => {
    const others = objects.filter((o) => o.apiVersion !== apiVersion);
    const converted = others.length > 0 ? (await converter(others, apiVersion)).values() : [].values();
    return objects.map((o) => shown(o.apiVersion === apiVersion ? o : (converted.next().value as typeof o)));
  };
  const to = async (o: Stored<KubeObject>, version: string): Promise<Stored<KubeObject>> =>
    o.apiVersion === version ? o : ((await converter([o], version))[0] as Stored<KubeObject>);
  return {
    ...makeResource(kind, new AwaitedCache(base.cache, convert), base.encoding),
    prefix: base.prefix,
    storedAs: {
      resource: base,
      toStored: (o) => to({ ...o, apiVersion, kind: kind.kind } as Stored<KubeObject>, base.apiVersion),
      fromStored: async (o) => shown(await to(o, apiVersion)),
    },
  };
}

/** Puts the versions of definitions into the resource table and takes them out again. */
export class CustomServing {
  readonly #resources: ResourceTable;
  readonly #cache: RegistryCache;
  readonly #conversion: ConversionDeps;
  readonly #served = new Map<string, Served>();

  constructor(deps: { resources: ResourceTable; cache: RegistryCache; conversion: ConversionDeps }) {
    this.#resources = deps.resources;
    this.#cache = deps.cache;
    this.#conversion = deps.conversion;
  }

  /** Serves the definition as it is now. @returns the resource that holds its objects */
  serve(crd: Definition): Resource | undefined {
    const { name, resourceVersion, deletionTimestamp } = crd.metadata;
    const before = this.#served.get(name);
    if (before?.version === resourceVersion) return before.base;
    const versions = crd.spec?.versions ?? [];
    const stored = versions.find((v) => v.storage);
    const storedKind = stored && customKind(crd, stored);
    if (!storedKind) return undefined;
    const { conversion } = crd.spec ?? {};
    const converter = conversion?.strategy === 'Webhook' ? webhookConverter(conversion, this.#conversion) : undefined;
    const asStored = converter !== undefined;
    const aged = (crd.status?.storedVersions ?? []).some((v) => v !== stored.name);
    const base = withAge(this.#base(storedKind, before, asStored), aged, converter);
    const kinds: Kind[] = [];
    for (const v of versions) {
      const made = v.served ? customKind(crd, v) : undefined;
      if (!made) continue;
      // What is going away takes nothing new.
      const kind = deletionTimestamp ? { ...made, verbs: made.verbs.filter((x) => !unserved.has(x)) } : made;
      kinds.push(kind);
      if (converter) this.#resources.add(awaitedView(kind, base, converter));
      else this.#resources.add(v === stored ? { ...base, kind } : this.#view(kind, base));
    }
    const still = new Set(kinds.map((k) => k.version));
    for (const k of before?.kinds ?? []) if (!still.has(k.version)) this.#resources.remove(k);
    this.#served.set(name, { version: resourceVersion, kinds, base, asStored });
    return base;
  }

  #base(kind: Kind, before: Served | undefined, asStored: boolean): Resource {
    const { group, plural } = kind;
    const apiVersion = apiVersionOf(kind);
    // A cache shows its objects in one version: another storage version needs another cache.
    const other = before && (before.base.apiVersion !== apiVersion || before.asStored !== asStored);
    if (other) this.#cache.remove({ group, plural });
    const encoding = encodingOf(kind);
    const cached = this.#cache.resource({ group, plural, apiVersion, kind: kind.kind, encoding, asStored });
    return makeResource(kind, cached, encoding);
  }

  /** Conversion "None": another apiVersion, and what the other version's schema knows. */
  #view(kind: Kind, base: Resource): Resource {
    const convert = (o: KubeObject): KubeObject => shownBy(kind, o);
    return makeView(kind, { kind: base.kind, toStored: (o) => o, fromStored: convert }, base);
  }

  /** Forgets a definition that is gone. */
  remove(name: string): void {
    const served = this.#served.get(name);
    if (!served) return;
    this.#served.delete(name);
    for (const k of served.kinds) this.#resources.remove(k);
    this.#cache.remove(served.base.kind);
  }
}
