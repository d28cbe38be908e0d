import type { Kind } from '#api/kind.ts';
import { ConfigMaps, Secrets } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { createInformerFactory } from '#client/informer-factory.ts';
import type { Client, Informer, Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { ObjectRef } from './references.ts';

export interface WatchedObjectsDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly changed: (podUid: string) => void;
}

interface Watched {
  readonly informer: Informer<KubeObject>;
  readonly off: AbortController;
  readonly holders: Set<string>;
  /** Ends the watch that nobody holds any more. */
  linger: Timer | undefined;
}

/** Further objects are read without being watched. */
const MAX_WATCHES = 1000;
/** The next pod of the same template often comes soon. */
const LINGER_MS = 30_000;
const SYNC_MS = 10_000;

const KINDS = { ConfigMap: ConfigMaps, Secret: Secrets } as const;
const keyOf = (r: ObjectRef): string => `${r.kind}/${r.namespace}/${r.name}`;

/** One watch per object for all pods that hold it: a node sees nothing but what its pods use. */
export class WatchedObjects {
  readonly #d: WatchedObjectsDeps;
  readonly #watched = new Map<string, Watched>();
  readonly #held = new Map<string, ReadonlySet<string>>();

  constructor(deps: WatchedObjectsDeps) {
    this.#d = deps;
  }

  hold(podUid: string, refs: readonly ObjectRef[]): void {
    const before = this.#held.get(podUid) ?? new Set<string>();
    const now = new Set(refs.map(keyOf));
    for (const ref of refs) if (!before.has(keyOf(ref))) this.#add(podUid, ref);
    for (const key of before) if (!now.has(key)) this.#drop(podUid, key);
    if (now.size > 0) this.#held.set(podUid, now);
    else this.#held.delete(podUid);
  }

  /** Answers for one object, once it is known; undefined when it is not watched. @throws Error when the API is silent */
  async lister<T extends KubeObject>(ref: ObjectRef): Promise<Lister<T> | undefined> {
    const w = this.#watched.get(keyOf(ref));
    if (!w) return undefined;
    if (!w.informer.hasSynced()) await w.informer.synced(AbortSignal.any([w.off.signal, AbortSignal.timeout(SYNC_MS)]));
    return w.informer.lister as Lister<T>;
  }

  #add(podUid: string, ref: ObjectRef): void {
    const known = this.#watched.get(keyOf(ref));
    if (!known && this.#watched.size >= MAX_WATCHES) return;
    const w = known ?? this.#watch(ref);
    w.linger?.cancel();
    w.linger = undefined;
    w.holders.add(podUid);
  }

  #watch({ kind, namespace, name }: ObjectRef): Watched {
    const { client, clock, logger, changed } = this.#d;
    const off = new AbortController();
    const factory = createInformerFactory({ client, clock, logger, signal: off.signal, consistentStart: true });
    const options = { namespace, fieldSelector: `metadata.name=${name}` };
    const informer = factory.informer<KubeObject>(KINDS[kind] as unknown as Kind<KubeObject>, options);
    const holders = new Set<string>();
    const tell = (): void => {
      // What the first list shows is read by those who wait for it.
      if (informer.hasSynced()) for (const uid of holders) changed(uid);
    };
    informer.addHandlers({ onAdd: tell, onUpdate: tell, onDelete: tell });
    factory.start();
    const w: Watched = { informer, off, holders, linger: undefined };
    this.#watched.set(keyOf({ kind, namespace, name }), w);
    return w;
  }

  #drop(podUid: string, key: string): void {
    const w = this.#watched.get(key);
    if (!w) return;
    w.holders.delete(podUid);
    if (w.holders.size > 0) return;
    w.linger = this.#d.clock.after(
      LINGER_MS,
      () => {
        this.#watched.delete(key);
        w.off.abort(new Error('no pod uses it any more'));
      },
      { unref: true },
    );
  }

  /** Ends all watches. */
  close(): void {
    for (const w of this.#watched.values()) {
      w.linger?.cancel();
      w.off.abort(new Error('the agent ends'));
    }
    this.#watched.clear();
  }
}
