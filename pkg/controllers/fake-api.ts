import type { Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { ConnectionError } from '#client/connection-error.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { objectKeyOf } from '#client/store.ts';
import type { Client, DeleteOptions } from '#client/types.ts';

type Any = Stored<KubeObject> & { readonly status?: object };
type Json = Readonly<Record<string, unknown>>;

/**
 * What becomes of a call: it is done and answered; it never arrives; it is done and the answer is lost; it is done and
 * the answer takes its time.
 */
export type Fate = 'done' | 'lost' | 'unanswered' | 'slow';

/** Who calls. One that is not alive gets no answer, but what it has sent may still arrive. */
export interface Caller {
  alive: boolean;
  /** The moment (`FakeApi.moment`) at which it began with what it is doing: what it has read is not older. */
  since: number;
  /** Calls that are not answered yet. */
  open: number;
  /** Called when it calls. */
  onCall(): void;
}

/** A write of a process, as it is about to be done. */
export interface Write {
  readonly by: Caller;
  readonly kind: string;
  readonly old: Any | undefined;
  /** Undefined for the object's end. */
  readonly next: Any | undefined;
  /** Whether the process hears at once that it is done. */
  readonly isAnswered: boolean;
}

interface Call {
  readonly by: Caller;
  readonly act: () => unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (e: unknown) => void;
  /** How it was answered, while the answer is on its way. */
  answer?: () => void;
}

interface News {
  readonly kind: string;
  readonly o: Any;
  readonly gone: boolean;
}

const isMap = (x: unknown): x is Json => typeof x === 'object' && x !== null && !Array.isArray(x);
const storeKey = (kind: string, key: string): string => `${kind} ${key}`;

/** A merge patch. Lists are replaced. */
function merged(old: unknown, patch: Json): Json {
  const next: Record<string, unknown> = { ...(isMap(old) ? old : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else next[key] = isMap(value) ? merged(next[key], value) : value;
  }
  return next;
}

const DROPPED = '$deleteFromPrimitiveList/finalizers';

type OwnerPatch = OwnerReference & { readonly $patch?: 'delete' };

/** A strategic patch of metadata, as far as finalizers and owners go: they are added, changed and dropped one by one. */
function strategic(old: Any, { [DROPPED]: dropped = [], finalizers: added = [], ...patch }: Json): Json {
  const { finalizers: before = [], ownerReferences = [] } = old.metadata;
  const kept = before.filter((f) => !(dropped as string[]).includes(f));
  const metadata = { ...patch, finalizers: [...new Set([...kept, ...(added as string[])])] };
  if (!('ownerReferences' in patch)) return metadata;
  const owners = new Map(ownerReferences.map((o) => [o.uid, o]));
  for (const { $patch, ...o } of patch.ownerReferences as OwnerPatch[]) {
    if ($patch) owners.delete(o.uid);
    else owners.set(o.uid, { ...owners.get(o.uid), ...o });
  }
  return { ...metadata, ownerReferences: [...owners.values()] };
}

/** What a write of the status makes of metadata: it is as in any other write, but for owners and what is counted. */
function besideStatus({ statusKeepsMeta }: Kind, { metadata }: Any, next: Any['metadata']): object {
  const { ownerReferences, generation } = metadata;
  return statusKeepsMeta ? metadata : { ...next, ownerReferences, generation };
}

type Policy = NonNullable<DeleteOptions['propagationPolicy']>;
/** How an object remembers what is to become of its dependents. */
const BY_POLICY: Readonly<Record<Policy, string | undefined>> = {
  Foreground: 'foregroundDeletion',
  Orphan: 'orphan',
  Background: undefined,
};

/**
 * For randomised unit tests: a server of objects in memory, with versions, finalizers and status as a subresource. Nothing
 * happens by itself: calls wait for `serve`, and watches say nothing before `tell`. Objects of one kind are heard of in
 * the order in which they were written.
 */
export class FakeApi {
  readonly #objects = new Map<string, Any>();
  /** What no watch has told yet. */
  readonly #news: News[] = [];
  /** What watches have told. */
  readonly #told = new Map<string, Any>();
  readonly #calls: Call[] = [];
  readonly #now: () => number;
  #caches = new FakeCaches();
  #version = 1;
  /** What becomes of the call that is being done. */
  #fate: Fate = 'done';
  /** Kinds whose objects are told to end, and are there until somebody removes them: pods on nodes. */
  readonly lingering = new Set<string>();
  /** Called before each write of a process, for what must never be written. */
  judge: (write: Write) => void = () => {};

  /** @param now epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Grows with every write. */
  get moment(): number {
    return this.#version;
  }

  get<T extends KubeObject>({ kind }: Kind<T>, key: string): Stored<T> | undefined {
    return this.#objects.get(storeKey(kind, key)) as Stored<T> | undefined;
  }

  list<T extends KubeObject>({ kind }: Kind<T>): Stored<T>[] {
    return [...this.#objects].flatMap(([key, o]) => (key.startsWith(`${kind} `) ? [o as unknown as Stored<T>] : []));
  }

  /** Whether no watch of the kind has anything to tell. */
  isTold({ kind }: { readonly kind: string }): boolean {
    return !this.#news.some((n) => n.kind === kind);
  }

  /** Writes it as it is, as somebody else does. */
  put<T extends KubeObject>({ kind }: Kind<T>, o: T): Stored<T> {
    const metadata = { ...o.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...o, metadata } as unknown as Any;
    this.#objects.set(storeKey(kind, objectKeyOf(stored)), stored);
    this.#news.push({ kind, o: stored, gone: false });
    return stored as unknown as Stored<T>;
  }

  /** Ends it, once its finalizers are done. @param policy what is to become of its dependents; default: as it says itself */
  remove<T extends KubeObject>(kind: Kind<T>, key: string, policy?: Policy): void {
    const o = this.get(kind, key);
    if (!o) return;
    const { finalizers = [] } = o.metadata;
    const others = finalizers.filter((f) => !policy || !Object.values(BY_POLICY).includes(f));
    const wish = policy && BY_POLICY[policy];
    const left = wish ? [...others, wish] : others;
    if (left.length > 0) {
      this.end(kind, key, left);
      return;
    }
    this.#objects.delete(storeKey(kind.kind, key));
    const metadata = { ...o.metadata, resourceVersion: String(++this.#version) };
    this.#news.push({ kind: kind.kind, o: { ...o, metadata } as unknown as Any, gone: true });
  }

  /** Watches of the kind tell the next of what happened. @returns whether there was anything */
  tell({ kind }: { readonly kind: string }): boolean {
    const at = this.#news.findIndex((n) => n.kind === kind);
    const [news] = at < 0 ? [] : this.#news.splice(at, 1);
    if (!news) return false;
    const key = storeKey(kind, objectKeyOf(news.o));
    if (news.gone) {
      this.#told.delete(key);
      this.#caches.remove(kind, news.o);
    } else {
      this.#told.set(key, news.o);
      this.#caches.set(kind, news.o);
    }
    return true;
  }

  tellAll(): void {
    for (const kind of new Set(this.#news.map((n) => n.kind))) while (this.tell({ kind }));
  }

  /** Caches of a new process, in place of the last one's: they begin with what that one had heard. */
  newCaches(): FakeCaches {
    this.#caches = new FakeCaches();
    for (const [key, o] of this.#told) this.#caches.set(key.slice(0, key.indexOf(' ')), o);
    return this.#caches;
  }

  get calls(): number {
    return this.#calls.length;
  }

  /** A call arrives, or the answer to one that did. */
  serve(which: number, fate: Fate): void {
    const call = this.#calls[which % Math.max(1, this.#calls.length)];
    if (!call) return;
    if (!call.answer) {
      this.#fate = fate;
      if (fate === 'lost') call.answer = () => call.reject(new ConnectionError('lost', { neverSent: false }));
      else call.answer = this.#done(call, fate === 'unanswered');
      if (fate === 'slow') return;
    }
    this.#calls.splice(this.#calls.indexOf(call), 1);
    call.by.open--;
    if (call.by.alive) call.answer();
  }

  #done({ act, resolve, reject }: Call, isUnanswered: boolean): () => void {
    let answer: () => void;
    try {
      const result = act();
      answer = () => resolve(result);
    } catch (e) {
      answer = () => reject(e);
    }
    return isUnanswered ? () => reject(new ConnectionError('no answer', { neverSent: false })) : answer;
  }

  client(by: Caller): Client {
    const call = (act: () => unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (!by.alive) return;
        by.open++;
        this.#calls.push({ by, act, resolve, reject });
        by.onCall();
      });
    const keyed = (name: string, namespace?: string): string => (namespace ? `${namespace}/${name}` : name);
    const update = (kind: Kind, o: Any, next: (old: Any) => object) =>
      call(() => {
        const { uid, resourceVersion } = o.metadata;
        return this.#change(by, kind, objectKeyOf(o), { uid, resourceVersion }, next);
      });
    const client = {
      create: (kind: Kind, o: KubeObject) => call(() => this.#create(by, kind, o)),
      get: (kind: Kind, name: string, namespace?: string) => call(() => this.#there(kind, keyed(name, namespace))),
      update: (kind: Kind, o: Any) => update(kind, o, ({ status }) => ({ ...o, ...(status ? { status } : {}) })),
      updateStatus: (kind: Kind, o: Any) =>
        update(kind, o, (old) => ({ ...old, metadata: besideStatus(kind, old, o.metadata), status: o.status })),
      patch: (
        kind: Kind,
        at: { readonly name: string; readonly namespace?: string; readonly subresource?: string },
        { type, body }: { readonly type?: string; readonly body: Json },
      ) =>
        call(() => {
          const { uid, resourceVersion, ...metadata } = (body.metadata ?? {}) as Json;
          const metadataOf = (old: Any): Json => (type === 'strategic' ? strategic(old, metadata) : metadata);
          const next = (old: Any): object => {
            const patched = merged(old, { ...body, metadata: metadataOf(old) }) as unknown as Any;
            if (at.subresource !== 'status') return patched;
            return { ...old, metadata: besideStatus(kind, old, patched.metadata), status: patched.status ?? {} };
          };
          const key = keyed(at.name, at.namespace);
          const changed = this.#change(by, kind, key, { uid, resourceVersion }, next);
          const isFreed = changed.metadata.finalizers?.length === 0 && changed.metadata.deletionTimestamp;
          if (isFreed && (DROPPED in metadata || 'finalizers' in metadata)) this.remove(kind, key);
          return changed;
        }),
      list: (kind: Kind, { namespace }: { readonly namespace?: string } = {}) =>
        call(() => ({ items: this.list(kind).filter((o) => !namespace || o.metadata.namespace === namespace) })),
      delete: (kind: Kind, name: string, namespace?: string, options: DeleteOptions = {}) =>
        call(() => this.#delete(by, kind, keyed(name, namespace), options) ?? {}),
    };
    return client as unknown as Client;
  }

  #submit(write: Omit<Write, 'isAnswered'>): void {
    this.judge({ ...write, isAnswered: this.#fate === 'done' });
  }

  /** @throws StatusError */
  #there(kind: Kind, key: string, wanted: { readonly uid?: unknown; readonly resourceVersion?: unknown } = {}): Any {
    const o = this.get(kind, key) as Any | undefined;
    if (!o) throw errors.notFound(kind, key);
    const { uid, resourceVersion } = o.metadata;
    const isWanted = (wanted.uid ?? uid) === uid && (wanted.resourceVersion ?? resourceVersion) === resourceVersion;
    if (!isWanted) throw errors.modified(kind, key);
    return o;
  }

  /** @throws StatusError 409 */
  #create(by: Caller, kind: Kind, given: KubeObject): Any {
    const { name, generateName } = given.metadata ?? {};
    const o = name ? given : { ...given, metadata: { ...given.metadata, name: `${generateName}${this.#version}` } };
    const key = objectKeyOf(o);
    if (this.get(kind, key)) throw errors.alreadyExists(kind, key);
    const next = { ...o, metadata: { ...o.metadata, uid: `${key} of ${this.#version}` } } as Any;
    this.#submit({ by, kind: kind.kind, old: undefined, next });
    return this.put(kind, next) as Any;
  }

  #change(by: Caller, kind: Kind, key: string, wanted: object, next: (old: Any) => object): Any {
    const old = this.#there(kind, key, wanted);
    const changed = next(old) as Any;
    if (changed.metadata.ownerReferences?.some((o) => !o.kind)) throw errors.invalid(kind, key, []);
    this.#submit({ by, kind: kind.kind, old, next: changed });
    return this.put(kind, changed) as Any;
  }

  #delete(by: Caller, kind: Kind, key: string, { preconditions, propagationPolicy }: DeleteOptions): Any | undefined {
    const old = this.#there(kind, key, preconditions);
    this.#submit({ by, kind: kind.kind, old, next: undefined });
    if (this.lingering.has(kind.kind)) this.end(kind, key);
    else this.remove(kind, key, propagationPolicy);
    return this.get(kind, key) as Any | undefined;
  }

  /** It is told to end. */
  end<T extends KubeObject>(kind: Kind<T>, key: string, finalizers?: readonly string[]): void {
    const o = this.get(kind, key);
    if (!o || o.metadata.deletionTimestamp) return;
    const metadata = { ...o.metadata, deletionTimestamp: apiTime(this.#now()) };
    this.put(kind, { ...o, metadata: finalizers ? { ...metadata, finalizers: [...finalizers] } : metadata });
  }
}
