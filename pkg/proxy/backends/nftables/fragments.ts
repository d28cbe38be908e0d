import type { NftChain, NftContent, NftSet } from '#process/nftables.ts';
import type { ServicePort } from '../../table/types.ts';
import { type Fragment, fragmentOf, MAPS, type RenderOptions } from './fragment.ts';

/** The names a change has to do with, before and after it. */
export interface Change {
  readonly before: NftContent;
  readonly after: NftContent;
}

/** Something with a name that several services may want: what it is, and how often it is wanted so. */
interface Wanted<V> {
  value: V;
  count: number;
  /** Other ideas of what it should be. */
  rest?: V[];
}

/** What is wanted under each name, and what was before the present change. */
class Names<V> {
  readonly #wanted = new Map<string, Wanted<V>>();
  readonly #same: (a: V, b: V) => boolean;
  #before = new Map<string, V | undefined>();
  /** How many are wanted in another way than others want them. */
  clashes = 0;

  constructor(same: (a: V, b: V) => boolean) {
    this.#same = same;
  }

  add(name: string, value: V): void {
    const w = this.#wanted.get(name);
    if (!this.#before.has(name)) this.#before.set(name, w?.value);
    if (!w) this.#wanted.set(name, { value, count: 1 });
    else if (this.#same(w.value, value)) w.count++;
    else {
      this.clashes++;
      w.rest ??= [];
      w.rest.push(value);
    }
  }

  remove(name: string, value: V): void {
    const w = this.#wanted.get(name);
    if (!w) return;
    if (!this.#before.has(name)) this.#before.set(name, w.value);
    const other = this.#same(w.value, value) ? -1 : (w.rest ?? []).findIndex((r) => this.#same(r, value));
    if (other >= 0) {
      w.rest?.splice(other, 1);
      this.clashes--;
    } else if (--w.count === 0) this.#leave(name, w);
  }

  #leave(name: string, w: Wanted<V>): void {
    const next = w.rest?.shift();
    if (next === undefined) this.#wanted.delete(name);
    else {
      this.clashes--;
      w.value = next;
      w.count = 1;
    }
  }

  /** What has been touched since the last call, as it was and as it is. */
  take(): [before: Map<string, V>, after: Map<string, V>] {
    const before = new Map<string, V>();
    const after = new Map<string, V>();
    for (const [name, value] of this.#before) {
      if (value !== undefined) before.set(name, value);
      const now = this.#wanted.get(name);
      if (now) after.set(name, now.value);
    }
    this.#before = new Map();
    return [before, after];
  }
}

const sameSet = (a: NftSet, b: NftSet): boolean =>
  a.declaration === b.declaration &&
  a.elements.size === b.elements.size &&
  [...a.elements.keys()].every((k) => b.elements.has(k));

/** What only one of two lists has: of most changes it is found without looking anything up. */
function differing<T>(old: readonly T[], now: readonly T[]): [gone: T[], come: T[]] {
  const inOld: T[] = [];
  const inNow: T[] = [];
  if (old.length === now.length) {
    for (let i = 0; i < now.length; i++) {
      if (old[i] === now[i]) continue;
      inOld.push(old[i] as T);
      inNow.push(now[i] as T);
    }
  } else {
    const least = Math.min(old.length, now.length);
    let head = 0;
    while (head < least && old[head] === now[head]) head++;
    let tail = 0;
    while (tail < least - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
    for (const v of old.slice(head, old.length - tail)) inOld.push(v);
    for (const v of now.slice(head, now.length - tail)) inNow.push(v);
  }
  const [before, after] = [new Set(inOld), new Set(inNow)];
  return [[...before].filter((v) => !after.has(v)), [...after].filter((v) => !before.has(v))];
}

/** The fragments of all service ports, and what changes when some of them do: as much work as there is change. */
export class Fragments {
  /** The most endpoints that any service has had. */
  most = 0;
  readonly #o: RenderOptions;
  /** As they were given last. */
  #ports: readonly ServicePort[] = [];
  readonly #present = new Map<ServicePort, Fragment>();
  readonly #elements: ReadonlyMap<string, Names<string>>;
  readonly #sets = new Names<NftSet>(sameSet);
  // Names of chains tell what is in them.
  readonly #chains = new Names<NftChain>(() => true);

  constructor(o: RenderOptions) {
    this.#o = o;
    this.#elements = new Map(Object.keys(MAPS[o.family]).map((map) => [map, new Names<string>((a, b) => a === b)]));
  }

  /** Of the ports as they were given last, in their order. */
  *all(): Iterable<Fragment> {
    for (const port of this.#ports) {
      const fragment = this.#present.get(port);
      if (fragment) yield fragment;
    }
  }

  /** Services want the same frontend: what the table holds then depends on their order. */
  get clashing(): boolean {
    return this.#sets.clashes > 0 || [...this.#elements.values()].some((names) => names.clashes > 0);
  }

  /** Takes the ports as they are now. One that has not changed must be the same object. */
  update(ports: readonly ServicePort[]): Change {
    const old = this.#ports;
    this.#ports = ports.slice();
    const [gone, come] = differing(old, this.#ports);
    for (const port of gone) {
      const fragment = this.#present.get(port);
      if (!fragment) continue;
      this.#count('remove', fragment);
      this.#present.delete(port);
    }
    for (const port of come) {
      const fragment = fragmentOf(port, this.#o);
      this.#present.set(port, fragment);
      this.#count('add', fragment);
      this.most = Math.max(this.most, fragment.most);
    }
    return this.#change();
  }

  #count(way: 'add' | 'remove', f: Fragment): void {
    for (const [map, key, value] of f.elements) this.#elements.get(map)?.[way](key, value);
    for (const [name, set] of f.sets) this.#sets[way](name, set);
    for (const [name, rules] of f.chains) this.#chains[way](name, { rules });
  }

  #change(): Change {
    const [setsBefore, setsAfter] = this.#sets.take();
    const [chainsBefore, chainsAfter] = this.#chains.take();
    for (const [map, names] of this.#elements) {
      const declaration = MAPS[this.#o.family][map] ?? '';
      const [before, after] = names.take();
      if (before.size + after.size === 0) continue;
      setsBefore.set(map, { declaration, elements: before });
      setsAfter.set(map, { declaration, elements: after });
    }
    return {
      before: { sets: setsBefore, chains: chainsBefore },
      after: { sets: setsAfter, chains: chainsAfter },
    };
  }
}
