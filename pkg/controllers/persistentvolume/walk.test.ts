import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  StorageClasses,
} from '#api/kinds/index.ts';
import { BIND_COMPLETED, boundVolume, YES } from '#api/scheduling/volume-binding.ts';
import { couldServe, isMeantFor, misfit, storageClassOf } from '#api/scheduling/volume-match.ts';
import type { Fate, Write } from '../fake-api.ts';
import { FakeProcess, type Step, walks } from '../fake-process.ts';
import { volumeBinder } from './binder.ts';
import type { Claim, Volume } from './match.ts';
import { isBindingComplete, isChosenByUs } from './state.ts';

const CLAIMS = ['c0', 'c1', 'c2'] as const;
const VOLUMES = ['v0', 'v1', 'v2', 'v3'] as const;
const FATES: readonly [Fate, ...Fate[]] = ['done', 'lost', 'unanswered', 'slow'];
/** The class of claims that wait for the scheduler. */
const LATE = 'late';
const LATE_CLASS = {
  metadata: { name: LATE },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
} as const;

const pick = <T>(from: readonly [T, ...T[]], i: number): T => from[i % from.length] ?? from[0];
const gigabytes = (i: number): string => `${1 + (i % 3)}Gi`;
const classOf = (i: number): string => (i % 3 === 2 ? LATE : '');
const uidOf = (v: PersistentVolume): string | undefined => v.spec?.claimRef?.uid;

type Deed = 'claim' | 'wanted' | 'volume' | 'meant' | 'noClaim' | 'noVolume' | 'again' | 'free' | 'take' | 'restore';
type Accident = 'early' | 'twice' | 'begin';
const DEEDS: Readonly<Record<Deed | Accident, number>> = {
  ...{ claim: 5, wanted: 2, volume: 6, meant: 2, noClaim: 3, noVolume: 2, again: 2, free: 1, take: 2, restore: 2 },
  ...{ early: 2, twice: 2, begin: 3 },
};

/** Users and the scheduler around the binder. */
class Scene {
  readonly run = new FakeProcess([PersistentVolumeClaims, PersistentVolumes], (deps) =>
    volumeBinder(deps, { helperImage: 'x' }),
  );
  readonly broken = new Set<string>();
  #serial = 0;
  /** Volumes and claims that they have named: "v0 <uid>". */
  readonly #named = new Set<string>();
  /** When a volume was made: a moment of the API. */
  readonly #bornAt = new Map<string, number>();

  constructor() {
    const { api } = this.run;
    api.judge = ({ by, old, next, kind }) => {
      if (kind === PersistentVolumes.kind) this.#judgeVolume(old as Volume, next as Volume);
      else this.#judgeClaim(by, old as Claim, next as Claim);
    };
    api.put(StorageClasses, LATE_CLASS);
    api.tellAll();
  }

  get claims(): Claim[] {
    return this.run.api.list(PersistentVolumeClaims);
  }

  get volumes(): Volume[] {
    return this.run.api.list(PersistentVolumes);
  }

  #judgeVolume(old: Volume, next: Volume): void {
    const { name } = old.metadata;
    const [before, after] = [uidOf(old), uidOf(next)];
    const owner = this.claims.find((c) => c.metadata.uid === before);
    const has = owner?.spec?.volumeName ?? name;
    if (owner && after !== before && has === name) this.broken.add(`${name} was taken from ${owner.metadata.name}`);
    if (owner && next.status?.phase === 'Released') this.broken.add(`${name} of ${owner.metadata.name} was released`);
    const taker = this.claims.find((c) => c.metadata.uid === after);
    if (taker && before !== after) {
      if (old.spec?.claimRef && !isMeantFor(old, taker)) this.broken.add(`${name} was meant for another`);
      const isFree = !old.spec?.claimRef;
      if (isFree && misfit(old, taker) && !isBindingComplete(taker)) this.broken.add(`${name} does not fit`);
      const waits = storageClassOf(taker) === LATE && !taker.spec?.volumeName;
      if (isFree && waits) this.broken.add(`${taker.metadata.name} did not wait`);
    }
    if (after) this.#named.add(`${name} ${after}`);
  }

  #judgeClaim(by: Write['by'], old: Claim, next: Claim): void {
    const { name, uid } = old.metadata;
    const [before, after = ''] = [old.spec?.volumeName, next.spec?.volumeName];
    if (before && before !== after) this.broken.add(`${name} had ${before} and has ${after}`);
    const isDone = isBindingComplete(next) && !isBindingComplete(old);
    if ((isDone || before !== after) && !this.#named.has(`${after} ${uid}`))
      this.broken.add(`${name} has ${after}, which has never named it`);
    const volume = this.run.api.get(PersistentVolumes, after);
    const isOld = (this.#bornAt.get(after) ?? 0) <= by.since && isMeantFor(volume ?? {}, old);
    const isUnseen = !this.run.sees(PersistentVolumes, after);
    if (next.status?.phase === 'Lost' && volume && isOld && isUnseen)
      this.broken.add(`${name} counts as lost while ${after} is there`);
  }

  #claim(name: string, i: number, volumeName?: string, annotations?: Record<string, string>): void {
    if (this.run.api.get(PersistentVolumeClaims, `ns/${name}`)) return;
    const wish = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: gigabytes(i) } } };
    const spec = { ...wish, storageClassName: classOf(i), ...(volumeName ? { volumeName } : {}) };
    const metadata = {
      namespace: 'ns',
      name,
      uid: `${name}-${this.#serial++}`,
      ...(annotations ? { annotations } : {}),
    };
    this.run.api.put(PersistentVolumeClaims, { metadata, spec, status: { phase: 'Pending' } } as PersistentVolumeClaim);
  }

  #putVolume(v: PersistentVolume): void {
    const uid = uidOf(v);
    if (uid) this.#named.add(`${v.metadata?.name} ${uid}`);
    this.run.api.put(PersistentVolumes, v);
  }

  #volume(name: string, i: number, size: number, claimRef?: object, phase = 'Pending'): void {
    if (this.run.api.get(PersistentVolumes, name)) return;
    const spec = {
      ...{ capacity: { storage: gigabytes(size) }, accessModes: ['ReadWriteOnce'] },
      ...{ storageClassName: classOf(i), persistentVolumeReclaimPolicy: 'Retain' },
      ...(claimRef ? { claimRef } : {}),
    };
    const metadata = { name, uid: `${name}-${this.#serial++}` };
    this.#putVolume({ metadata, spec, status: { phase } } as PersistentVolume);
    this.#bornAt.set(name, this.run.api.moment);
  }

  /** The user makes a volume free that was left. */
  #free(name: string): void {
    const volume = this.run.api.get(PersistentVolumes, name);
    if (volume?.status?.phase !== 'Released') return;
    const { claimRef: _, ...spec } = volume.spec ?? {};
    this.#putVolume({ ...volume, spec } as Volume);
  }

  /** As the scheduler does before a pod is bound. */
  #take(name: string): void {
    const claim = this.claims.find((c) => storageClassOf(c) === LATE && !c.spec?.volumeName);
    const volume = this.run.api.get(PersistentVolumes, name);
    const isPromised = this.volumes.some((v) => uidOf(v) === claim?.metadata.uid);
    if (claim && volume && !isPromised && couldServe(volume, claim)) this.#putVolume(boundVolume(volume, claim));
  }

  #remove(claim: string): void {
    this.run.api.remove(PersistentVolumeClaims, `ns/${claim}`);
  }

  /** A claim that was bound comes back, and perhaps its volume, of which nobody has heard. */
  async #restore(claim: string, volume: string, i: number): Promise<void> {
    if (i % 2) this.run.api.remove(PersistentVolumes, volume);
    if (i % 4 === 1) await this.run.calm();
    this.#volume(volume, i, 2, { namespace: 'ns', name: claim });
    this.#remove(claim);
    this.#claim(claim, i, volume, { [BIND_COMPLETED]: YES });
    while (this.run.api.tell(PersistentVolumeClaims));
    await this.run.begin(i % 3, pick(FATES, i));
  }

  /** The scheduler takes a volume for a claim of which the binder has not heard. */
  async #early(claim: string, volume: string, i: number): Promise<void> {
    if (i % 2) this.#remove(claim);
    this.run.api.remove(PersistentVolumes, volume);
    await this.run.calm();
    this.#claim(claim, 2);
    this.#volume(volume, 2, 2, undefined, 'Available');
    this.#take(volume);
    while (this.run.api.tell(PersistentVolumes));
    await this.run.begin(i % 3, pick(FATES, i));
  }

  /** A volume is taken, nobody hears of it, and a better one comes. */
  async #twice(claim: string, [large, small]: readonly [string, string], i: number): Promise<void> {
    for (const volume of [large, small]) this.run.api.remove(PersistentVolumes, volume);
    this.#remove(claim);
    this.#volume(large, 0, 2);
    await this.run.calm();
    this.#claim(claim, 0);
    while (this.run.api.tell(PersistentVolumeClaims));
    this.#volume(small, 0, 0, undefined, 'Available');
    await this.run.begin(0, pick(['unanswered', 'slow'], i));
    if (i % 2) this.run.kill();
    this.run.api.tell(PersistentVolumes);
  }

  act = (what: Deed | Accident, i: number, j: number): unknown => {
    const [claim, volume] = [pick(CLAIMS, i), pick(VOLUMES, j)];
    if (what === 'claim') return this.#claim(claim, j);
    if (what === 'wanted') return this.#claim(claim, j, volume);
    if (what === 'volume') return this.#volume(volume, i, j >> 1);
    if (what === 'meant') return this.#volume(volume, i, j >> 1, { namespace: 'ns', name: claim });
    if (what === 'noClaim') return this.#remove(claim);
    if (what === 'noVolume') return this.run.api.remove(PersistentVolumes, volume);
    if (what === 'free') return this.#free(volume);
    if (what === 'take') return this.#take(volume);
    if (what === 'restore') return this.#restore(claim, volume, j);
    if (what === 'early') return this.#early(claim, volume, i);
    if (what === 'twice') return this.#twice(claim, [volume, pick(VOLUMES, j + 1)], i);
    if (what === 'begin') return this.run.begin(i % 4, pick(FATES, j));
    this.#remove(claim);
    return this.#claim(claim, j);
  };

  /** What is not as it must be at the end. */
  missing(): string[] {
    return [...this.claims.flatMap((c) => this.#ofClaim(c)), ...this.volumes.flatMap((v) => this.#ofVolume(v))];
  }

  #ofClaim(c: Claim): string[] {
    const { name, uid } = c.metadata;
    const wrong = (what: string): string[] => [`${name} (${c.status?.phase}) ${what}`];
    if (!c.spec?.volumeName) {
      const isLate = storageClassOf(c) === LATE;
      const missed = this.volumes.find((v) => (isLate ? isMeantFor(v, c) : true) && couldServe(v, c));
      return missed ? wrong(`could have ${missed.metadata.name}`) : [];
    }
    const volume = this.run.api.get(PersistentVolumes, c.spec.volumeName);
    if (volume && uidOf(volume) === uid)
      return c.status?.phase === 'Bound' && isBindingComplete(c) ? [] : wrong(`has ${volume.metadata.name}`);
    if (isBindingComplete(c)) return c.status?.phase === 'Lost' ? [] : wrong(`has lost ${c.spec.volumeName}`);
    const isFree = volume && !volume.spec?.claimRef && !misfit(volume, c);
    return isFree ? wrong(`should have ${volume.metadata.name}`) : [];
  }

  #ofVolume(v: Volume): string[] {
    const { name } = v.metadata;
    const owner = this.claims.find((c) => c.metadata.uid === uidOf(v));
    if (owner?.spec?.volumeName && owner.spec.volumeName !== name)
      return isChosenByUs(v) ? [`${name} is kept for ${owner.metadata.name}, which has another one`] : [];
    const expected = uidOf(v) === undefined ? 'Available' : owner ? 'Bound' : 'Released';
    return v.status?.phase === expected ? [] : [`${name} is ${v.status?.phase}, should be ${expected}`];
  }
}

/** Walks that found something, shortened. */
const FOUND: Step<Deed | Accident>[][] = [
  // A claim of the same name got the volume of its predecessor, which the cache did not show yet.
  [
    ...([
      ['restore', 0, 0],
      ['again', 0, 0],
      ['tellKind', 0, 0],
      ['tell', 3, 0],
      ['early', 0, 1],
    ] as const),
    ...([
      ['noVolume', 0, 0],
      ['take', 0, 0],
      ['wanted', 0, 0],
      ['serve', 0, 0],
      ['turn', 0, 0],
    ] as const),
    ...([
      ['volume', 0, 0],
      ['volume', 0, 0],
      ['noVolume', 0, 0],
      ['tell', 0, 0],
      ['calm', 0, 0],
    ] as const),
  ],
  // A claim did not hear of the end of a volume that it named and that did not name it.
  [
    ...([
      ['meant', 0, 0],
      ['restore', 0, 9],
      ['twice', 1, 2],
      ['calm', 0, 0],
      ['volume', 0, 0],
    ] as const),
    ...([
      ['noClaim', 0, 0],
      ['noClaim', 0, 0],
      ['restore', 0, 6],
      ['wanted', 0, 0],
      ['begin', 1, 0],
    ] as const),
    ...([
      ['tell', 0, 0],
      ['noVolume', 0, 10],
      ['work', 0, 0],
      ['tell', 7, 0],
    ] as const),
  ],
];

property.prop([walks(DEEDS)], { numRuns: 150, examples: FOUND.map((steps): [Step<Deed | Accident>[]] => [steps]) })(
  'claims and volumes are bound one to one, and all that can be, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    await scene.run.calm();
    expect([...scene.broken, ...scene.missing()]).toEqual([]);
  },
);
