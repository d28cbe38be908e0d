import type { Kind } from '#api/kind.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client, EventRecorder, Informer, InformerFactory, InformerOptions } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';

/** What a reconcile asks for: nothing, or to be called again later. Errors are thrown and retried with back-off. */
export type Outcome = undefined | { readonly afterMs: number };

/** Puts a key in the controller's queue; `delayMs` > 0 lets a burst of events become one reconcile. */
export type Enqueue = (key: string, delayMs?: number) => void;

/** One watched kind, with its type erased; made by `watching`. */
export interface Watch {
  /** Subscribes `enqueue` to the kind's shared informer. */
  attach(informers: InformerFactory, enqueue: Enqueue): Pick<Informer<KubeObject>, 'hasSynced' | 'synced'>;
}

/**
 * A control loop: `reconcile` compares desired and actual state of one key and acts. It is level-triggered (the key is
 * all an event tells), idempotent, and called by at most one worker per key at a time.
 */
export interface Controller {
  readonly name: string;
  readonly watches: readonly Watch[];
  /** Upper bound of concurrent reconciles, where order between keys matters (1) or calls are slow; default: the flag. */
  readonly workers?: number;
  reconcile(key: string, signal: AbortSignal): Promise<Outcome>;
  /** Called once, when the caches have synced and before any reconcile: for keys that no event brings. */
  start?(enqueue: Enqueue): void;
}

/** What every controller is built from. */
export interface ControllerDeps {
  readonly client: Client;
  readonly informers: InformerFactory;
  /** A recorder that names `component` as the source of its events. */
  readonly events: (component: string) => EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `gone` is true when the object was deleted; `old` is set on an update. */
export type ToKeys<T extends KubeObject> = (
  o: Stored<T>,
  old: Stored<T> | undefined,
  gone: boolean,
) => readonly string[];

export interface WatchSettings {
  /** Milliseconds an event may wait for others of the same key. */
  readonly delayMs?: number;
  readonly informer?: InformerOptions;
}

/** Declares that events of `kind` lead to the keys `toKeys` names. On an update the keys of old and new state are joined. */
export function watching<T extends KubeObject>(kind: Kind<T>, toKeys: ToKeys<T>, settings: WatchSettings = {}): Watch {
  return {
    attach(informers, enqueue) {
      const informer = informers.informer(kind, settings.informer);
      const emit = (keys: readonly string[]): void => {
        for (const key of keys) enqueue(key, settings.delayMs);
      };
      informer.addHandlers({
        onAdd: (o) => emit(toKeys(o, undefined, false)),
        onUpdate: (old, o) => emit(toKeys(o, old, false)),
        onDelete: (o) => emit(toKeys(o, undefined, true)),
      });
      return informer;
    },
  };
}

/** "namespace/name", or "name" for cluster-scoped objects. */
export const keyOf = (o: { metadata: { name: string; namespace?: string } }): string =>
  o.metadata.namespace ? `${o.metadata.namespace}/${o.metadata.name}` : o.metadata.name;

/** The inverse of `keyOf`. */
export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `toKeys` for the controller's own kind. */
export const ownKey = (o: Stored<KubeObject>): readonly string[] => [keyOf(o)];
