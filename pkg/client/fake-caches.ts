import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { isNewer } from './resource-version.ts';
import { ObjectStore, objectKeyOf } from './store.ts';
import type { Informer, InformerFactory, InformerHandlers } from './types.ts';

interface FakeInformer extends Informer<KubeObject> {
  readonly lister: ObjectStore<KubeObject>;
  readonly handlers: InformerHandlers<KubeObject>[];
  resourceVersion: string;
}

/** For unit tests: informers whose caches show what they are told, and nothing before. */
export class FakeCaches {
  readonly #informers = new Map<string, FakeInformer>();
  readonly factory: InformerFactory;

  /** @param known objects by kind, there from the start */
  constructor(known: Readonly<Record<string, readonly object[]>> = {}) {
    const informer = ({ kind }: { readonly kind: string }): FakeInformer => this.#informer(kind);
    this.factory = { informer } as unknown as InformerFactory;
    for (const [kind, objects] of Object.entries(known))
      for (const o of objects) this.set(kind, o as Stored<KubeObject>);
  }

  #informer(kind: string): FakeInformer {
    const known = this.#informers.get(kind);
    if (known) return known;
    const lister = new ObjectStore<KubeObject>();
    const handlers: InformerHandlers<KubeObject>[] = [];
    const made: FakeInformer = {
      ...{ lister, handlers, resourceVersion: '1' },
      hasSynced: () => true,
      synced: () => Promise.resolve(),
      addHandlers: (h) => {
        handlers.push(h);
        for (const o of lister.list()) h.onAdd?.(o);
      },
      addIndex: (name, values) => lister.addIndex(name, values),
    };
    this.#informers.set(kind, made);
    return made;
  }

  #moved(informer: FakeInformer, { metadata }: Stored<KubeObject>): void {
    if (isNewer(metadata.resourceVersion, informer.resourceVersion))
      informer.resourceVersion = metadata.resourceVersion;
  }

  get(kind: string, key: string): Stored<KubeObject> | undefined {
    return this.#informer(kind).lister.byKey(key);
  }

  /** Shows a new object, or another state of a known one. */
  set(kind: string, o: Stored<KubeObject>): void {
    const informer = this.#informer(kind);
    const old = informer.lister.set(objectKeyOf(o), o);
    this.#moved(informer, o);
    for (const h of informer.handlers) {
      if (old) h.onUpdate?.(old, o);
      else h.onAdd?.(o);
    }
  }

  /** @param o as it was last; its version is that of its end */
  remove(kind: string, o: Stored<KubeObject>): void {
    const informer = this.#informer(kind);
    informer.lister.delete(objectKeyOf(o));
    this.#moved(informer, o);
    for (const h of informer.handlers) h.onDelete?.(o);
  }
}
