import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { ConfigMaps, PriorityClasses, Secrets } from '#api/kinds/index.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import type { Caller, Fate, Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import type { Controller, ControllerDeps } from '../harness/controller.ts';
import { garbageCollector } from './controller.ts';
import { FOREGROUND, ORPHAN } from './graph.ts';

type Any = Stored<KubeObject>;
type Place = readonly [kind: Kind<KubeObject>, key: string];

const KINDS = [ConfigMaps, Secrets, PriorityClasses] as unknown as [Kind<KubeObject>, ...Kind<KubeObject>[]];
const [MAPS, SECRETS, CLASSES] = KINDS as unknown as [Kind<KubeObject>, Kind<KubeObject>, Kind<KubeObject>];
/** Where objects come and go: of two kinds in two namespaces, and of none. */
const PLACES: readonly [Place, ...Place[]] = [
  [MAPS, 'x/a'],
  [SECRETS, 'x/b'],
  [MAPS, 'x/c'],
  [SECRETS, 'x/d'],
  [MAPS, 'y/a'],
  [CLASSES, 'p'],
  [CLASSES, 'q'],
];
const POLICIES = ['Background', 'Foreground', 'Orphan'] as const;
/** Milliseconds after which an owner that nobody has heard of is asked for again. */
const RECHECK_MS = 5000;

const DEEDS = {
  ...{ make: 10, end: 5, remake: 2, own: 3, disown: 2, begin: 6, time: 1 },
  ...{ adopted: 2, fresh: 2, renamed: 2, orphans: 4, waiting: 4, circle: 3 },
};
type Deed = keyof typeof DEEDS;

const ownersOf = (o: KubeObject | undefined): readonly OwnerReference[] => o?.metadata?.ownerReferences ?? [];
const isGoing = (o: Any, finalizer: string): boolean =>
  o.metadata.deletionTimestamp !== undefined && (o.metadata.finalizers ?? []).includes(finalizer);

/** Objects that own each other, the users who make, change and delete them, and the collector. */
class Scene {
  readonly run: FakeProcess;
  readonly broken = new Set<string>();
  #serial = 0;
  /** Uid of the object that was last in a place. */
  readonly #last = new Map<string, string>();
  /** What the collector had heard of when it began with what it is doing, by uid. */
  #heard = new Map<string, KubeObject>();
  /** Owners that let go of their dependents, by what a process knows of that. */
  readonly #letGo = new Map<string, Caller>();

  constructor() {
    this.run = new FakeProcess(KINDS, (deps) => this.#looking(deps));
    this.run.api.judge = (write) => this.#judge(write);
  }

  #looking(deps: ControllerDeps): Controller {
    const collector = garbageCollector(deps);
    return {
      name: collector.name,
      watches: collector.watches,
      start: (enqueue) => collector.start?.(enqueue),
      reconcile: (key, signal) => {
        this.#heard = new Map(
          KINDS.flatMap((kind) => [...deps.informers.informer(kind).lister.list()].map((o) => [o.metadata.uid, o])),
        );
        return collector.reconcile(key, signal);
      },
    };
  }

  get #all(): Any[] {
    return KINDS.flatMap((kind) => this.run.api.list(kind));
  }

  /** The object that a reference means: one of its kind and uid, of the same namespace or of none. */
  #owner(o: KubeObject, ref: OwnerReference): Any | undefined {
    const kind = KINDS.find((k) => k.kind === ref.kind);
    const key = kind?.namespaced ? `${o.metadata?.namespace}/${ref.name}` : ref.name;
    const found = kind && this.run.api.get(kind, key);
    return found?.metadata.uid === ref.uid ? found : undefined;
  }

  /** Whether it is never decided: what is of no namespace cannot have an owner in one. */
  #isUndecidable(o: KubeObject, ref: OwnerReference): boolean {
    return !o.metadata?.namespace && KINDS.some((k) => k.kind === ref.kind && k.namespaced);
  }

  /** Whether its owner must not go before it. */
  #blocks(o: KubeObject | undefined, uid: string): boolean {
    return ownersOf(o).some((r) => r.uid === uid && r.blockOwnerDeletion && o && this.#owner(o, r));
  }

  /** Whether the reference keeps the object. */
  #holds(o: KubeObject, ref: OwnerReference): boolean {
    const owner = this.#owner(o, ref);
    return this.#isUndecidable(o, ref) || (owner !== undefined && !isGoing(owner, FOREGROUND));
  }

  #judge({ by, old, next }: Write): void {
    const what = old?.metadata.uid ?? '';
    if (!old) this.broken.add('something is made');
    else if (!next) this.#judgeEnd(by, old);
    else {
      const kept = new Set(ownersOf(next).map((r) => r.uid));
      for (const r of ownersOf(old).filter(({ uid }) => !kept.has(uid))) {
        const owner = this.#owner(old, r);
        if (owner && this.#holds(old, r) && !isGoing(owner, ORPHAN)) this.broken.add(`${what} loses ${r.uid}`);
      }
      if (ownersOf(next).length > ownersOf(old).length) this.broken.add(`${what} gets an owner`);
      if (by.alive) this.#judgeRelease(by, old, next as Any);
    }
  }

  #judgeEnd(by: Caller, old: Any): void {
    const owners = ownersOf(old);
    if (owners.length === 0) this.broken.add(`${old.metadata.uid} had no owner`);
    for (const r of owners.filter((ref) => this.#holds(old, ref)))
      this.broken.add(`${old.metadata.uid} had the owner ${r.uid}`);
    if (owners.some((r) => this.#letGo.get(r.uid) === by)) this.broken.add(`${old.metadata.uid} had been let go`);
  }

  /** The finalizer of an owner goes. */
  #judgeRelease(by: Caller, old: Any, next: Any): void {
    const { uid } = old.metadata;
    const isOver = (finalizer: string): boolean => isGoing(old, finalizer) && !isGoing(next, finalizer);
    const known = this.#all.filter((o) => ownersOf(this.#heard.get(o.metadata.uid)).some((r) => r.uid === uid));
    const isBlocked = known.some((o) => this.#blocks(o, uid) && this.#blocks(this.#heard.get(o.metadata.uid), uid));
    if (isOver(FOREGROUND) && isBlocked) this.broken.add(`${uid} goes before its dependents`);
    if (!isOver(ORPHAN)) return;
    if (known.some((o) => ownersOf(o).some((r) => r.uid === uid)))
      this.broken.add(`${uid} goes before its dependents are free`);
    this.#letGo.set(uid, by);
  }

  /** Makes it, unless there is one. */
  #put([kind, key]: Place, ownerReferences: readonly OwnerReference[]): void {
    if (this.run.api.get(kind, key)) return;
    const uid = `${key} ${this.#serial++}`;
    this.#last.set(`${kind.kind} ${key}`, uid);
    const [name = '', namespace] = key.split('/').reverse();
    const metadata = { name, uid, ...(namespace ? { namespace } : {}), ownerReferences: [...ownerReferences] };
    this.run.api.put(kind, { metadata });
  }

  /** To what is in a place, or was last: of another uid than any if nothing ever was. */
  #ref([kind, key]: Place, blockOwnerDeletion: boolean): OwnerReference {
    const uid = this.run.api.get(kind, key)?.metadata.uid ?? this.#last.get(`${kind.kind} ${key}`) ?? 'never';
    const name = key.split('/').at(-1) ?? '';
    return { apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid, blockOwnerDeletion };
  }

  #make(at: number, by: number): void {
    const place = pick(PLACES, at);
    const owners = [pick(PLACES, at + 1 + (by % 6)), pick(PLACES, by)].filter((p) => p !== place);
    const wanted = owners.slice(0, pick([1, 0, 2, 1], by)).map((p, n) => this.#ref(p, (by + n) % 2 > 0));
    this.#put(
      place,
      wanted.filter((r, n) => wanted.findIndex((other) => other.uid === r.uid) === n),
    );
  }

  #change(place: Place, change: (owners: readonly OwnerReference[]) => readonly OwnerReference[]): void {
    const o = this.run.api.get(...place);
    const ownerReferences = o && [...change(ownersOf(o))];
    if (o) this.run.api.put(place[0], { ...o, metadata: { ...o.metadata, ownerReferences } } as KubeObject);
  }

  #own(place: Place, by: Place): void {
    const owner = this.run.api.get(...by);
    if (!owner || owner.metadata.deletionTimestamp || place === by) return;
    this.#change(place, (owners) => [...owners.filter((r) => r.uid !== owner.metadata.uid), this.#ref(by, true)]);
  }

  #remake(place: Place): void {
    const owners = ownersOf(this.run.api.get(...place));
    this.run.api.remove(...place, 'Background');
    this.#put(place, owners);
  }

  /** Two or three that are there and known, the first one the owner of the others. */
  async #family(...[owner, ...dependents]: readonly [Place, ...Place[]]): Promise<void> {
    for (const p of [owner, ...dependents]) this.run.api.remove(...p, 'Background');
    await this.run.calm();
    this.#put(owner, []);
    for (const p of dependents) this.#put(p, [this.#ref(owner, true)]);
    await this.run.calm();
  }

  /** The collector looks at what another kind brought, before it hears of anything else. */
  async #hear(kind: Kind<KubeObject>, calls: number, fate: Fate): Promise<void> {
    while (this.run.api.tell(kind));
    await this.run.begin(calls, fate);
  }

  async #scenes(what: Deed, i: number, fate: Fate): Promise<unknown> {
    const { api } = this.run;
    const [owner, secret, other, second] = PLACES as unknown as readonly [Place, Place, Place, Place];
    if (what === 'circle') {
      await this.#family(owner, secret);
      this.#change(owner, () => [this.#ref(secret, true)]);
      api.remove(...owner, 'Foreground');
      if (i % 2) api.remove(...secret, 'Foreground');
      if (i % 4 === 3) api.tellAll();
      return this.#hear(pick([MAPS, SECRETS], i), i % 4, fate);
    }
    if (what === 'adopted') {
      // Its owner is gone, and before it is deleted for that it has another one.
      await this.#family(owner, secret);
      this.#make(2, 1);
      api.remove(...owner, 'Background');
      await this.#hear(MAPS, 1, 'done');
      return this.#own(secret, i % 2 ? pick(PLACES, 5) : other);
    }
    if (what === 'fresh' || what === 'renamed') {
      // Of the owner, or of the one that has its name now, nobody has heard.
      await this.#family(owner, secret);
      api.remove(...secret, 'Background');
      if (what === 'renamed') await this.run.calm();
      this.#remake(owner);
      if (what === 'renamed') this.#put(second, [{ ...this.#ref(owner, true), uid: 'another' }]);
      if (what === 'renamed') await this.#hear(SECRETS, i % 4, fate);
      this.#put(secret, [this.#ref(owner, true)]);
      return this.#hear(SECRETS, i % 4, fate);
    }
    await this.#family(owner, secret, other);
    if (i % 2) this.#make(3, 2);
    if (i % 3 === 0) this.#change(other, (owners) => owners.map((r) => ({ ...r, blockOwnerDeletion: false })));
    api.remove(...owner, what === 'orphans' ? 'Orphan' : 'Foreground');
    // One more of which it has not heard.
    if (i % 4 === 1) this.#put(second, [this.#ref(owner, true)]);
    return this.#hear(MAPS, i % 6, fate);
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const place = pick(PLACES, i);
    if (what === 'make') return this.#make(i, j);
    if (what === 'end') return api.remove(...place, pick(POLICIES, j));
    if (what === 'remake') return this.#remake(place);
    if (what === 'own') return this.#own(place, pick(PLACES, i + j));
    if (what === 'disown') return this.#change(place, (owners) => owners.slice(1));
    if (what === 'begin') return this.run.begin(i % 4, pick(FATES, j));
    if (what === 'time') return this.run.advance(RECHECK_MS);
    return this.#scenes(what, i, pick(FATES, j));
  };

  /** @returns what is not as it must be */
  async end(): Promise<string[]> {
    for (let round = 0; round < 4; round++) {
      await this.run.calm();
      await this.run.advance(RECHECK_MS);
    }
    await this.run.calm();
    return this.#all.flatMap((o) => {
      const lost = ownersOf(o).filter((r) => !this.#holds(o, r));
      if (o.metadata.deletionTimestamp) return [`${o.metadata.uid} never goes`];
      return lost.map((r) => `${o.metadata.uid} is there and names ${r.uid}, which is not`);
    });
  }
}

property.prop([walks(DEEDS)], { numRuns: 80 })(
  'nothing goes that has an owner, everything goes whose owners went, and owners go last or let go first, as was wished',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    const wrong = await scene.end();
    expect([...scene.broken, ...wrong]).toEqual([]);
  },
);
