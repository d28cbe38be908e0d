import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { CacheEntry, ResourceCache, WatchSink } from './types.ts';
import { ViewCache, ViewEntry } from './view-cache.ts';

type Conversion = (o: Stored<KubeObject>) => Stored<KubeObject>;

class ConvertedEntry extends ViewEntry {
  readonly #convert: Conversion;
  #object: Stored<KubeObject> | undefined;

  constructor(stored: CacheEntry, convert: Conversion) {
    super(stored);
    this.#convert = convert;
  }

  get object(): Stored<KubeObject> {
    this.#object ??= this.#convert(this.stored.object);
    return this.#object;
  }
}

/** Another version's view of a watch cache: objects are converted when asked for, and once. */
export class ConvertedCache extends ViewCache<ConvertedEntry> {
  readonly #convert: Conversion;

  constructor(stored: ResourceCache, convert: Conversion) {
    super(stored);
    this.#convert = convert;
  }

  protected make(stored: CacheEntry): ConvertedEntry {
    return new ConvertedEntry(stored, this.#convert);
  }

  watch(from: number, sink: WatchSink): () => void {
    return this.stored.watch(from, { event: (e) => sink.event(this.event(e)), end: (error) => sink.end(error) });
  }
}
