import {
  type Node,
  Nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  StorageClasses,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { BIND_COMPLETED, boundVolume, YES } from '#api/scheduling/volume-binding.ts';
import {
  couldServe,
  isMeantFor,
  isReachable,
  misfit,
  SELECTED_NODE,
  storageClassOf,
} from '#api/scheduling/volume-match.ts';
import type { Fate, Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick } from '../fake-process.ts';
import { volumeBinder } from './binder.ts';
import type { Claim, Volume } from './match.ts';
import { recycledBy } from './recycler.ts';
import { isBindingComplete, isChosenByUs } from './state.ts';

const CLAIMS = ['c0', 'c1', 'c2'] as const;
const VOLUMES = ['v0', 'v1', 'v2', 'v3'] as const;
const NODES = ['n0', 'n1'] as const;
/** The class of claims that wait for the scheduler. */
const LATE = 'late';
const LATE_CLASS = {
  metadata: { name: LATE },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
} as const;

const gigabytes = (i: number): string => `${1 + (i % 3)}Gi`;
const classOf = (i: number): string => (i % 3 === 2 ? LATE : '');
const HOST = 'kubernetes.io/hostname';
const nodeNamed = (name: string): Stored<Node> =>
  ({ metadata: { name, labels: { [HOST]: name } } }) as unknown as Stored<Node>;
/** Some are emptied when their claim is gone. */
const policyOf = (i: number): object =>
  i % 4 === 3
    ? { persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/data' } }
    : { persistentVolumeReclaimPolicy: 'Retain' };
/** Some can be reached from one node only. */
function affinityOf(i: number): object {
  if (i % 3 < 2 || i === 2) return {};
  const matchExpressions = [{ key: HOST, operator: 'In', values: [pick(NODES, i)] }];
  return { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } };
}
const uidOf = (v: PersistentVolume): string | undefined => v.spec?.claimRef?.uid;

export type Deed = keyof typeof OF_USERS | keyof typeof OF_NODES;
export type Accident = keyof typeof ACCIDENTS;
const OF_USERS = {
  ...{ claim: 5, wanted: 2, volume: 6, meant: 2, noClaim: 3, noVolume: 2, again: 2, free: 1, take: 2, restore: 2 },
};
/** Nodes come and go, and pods on them; the scheduler asks for a volume on one; a volume is emptied, or is not. */
const OF_NODES = { node: 3, use: 3, select: 2, emptied: 4, noPod: 1 };
const ACCIDENTS = { early: 2, twice: 2, left: 3, begin: 3 };
/** What happens around the binder, and how often. */
export const DEEDS: Readonly<Record<Deed | Accident, number>> = { ...OF_USERS, ...OF_NODES, ...ACCIDENTS };

/** For randomised tests: users, nodes and the scheduler around the binder. */
export class Scene {
  readonly run = new FakeProcess([PersistentVolumeClaims, Pods, Nodes, PersistentVolumes], (deps) =>
    volumeBinder(deps, { helperImage: 'x' }),
  );
  readonly broken = new Set<string>();
  #serial = 0;
  /** Volumes and claims that they have named: "v0 <uid>". */
  readonly #named = new Set<string>();
  /** When a volume was made: a moment of the API. */
  readonly #bornAt = new Map<string, number>();
  /** By the uid of a volume: that of the claim whose data is on it. */
  readonly #left = new Map<string, string>();
  /** Volumes that could not be emptied, by uid. */
  readonly #stuck = new Set<string>();
  /** Where the claim of a name has been used. */
  readonly #usedOn = new Map<string, Set<string>>();

  constructor() {
    const { api } = this.run;
    api.judge = ({ by, old, next, kind }) => {
      if (kind === PersistentVolumes.kind) this.#judgeVolume(old as Volume, next as Volume);
      else if (kind === PersistentVolumeClaims.kind) this.#judgeClaim(by, old as Claim, next as Claim);
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
      const nodes = [...(this.#usedOn.get(taker.metadata.name) ?? [])].map(nodeNamed);
      const isUsed = nodes.some((node) => isReachable(old, node));
      const waits = storageClassOf(taker) === LATE && !taker.spec?.volumeName && !isUsed;
      if (isFree && waits) this.broken.add(`${taker.metadata.name} did not wait`);
    }
    const left = this.#left.get(old.metadata.uid);
    if (left && after !== left) this.broken.add(`${name} was given away with the data of ${left}`);
    if (after) this.#named.add(`${name} ${after}`);
  }

  #judgeClaim(by: Write['by'], old: Claim, next: Claim): void {
    const { name, uid } = old.metadata;
    const [before = '', after = ''] = [old.spec?.volumeName, next.spec?.volumeName];
    if (before && before !== after) this.broken.add(`${name} had ${before} and has ${after}`);
    const isDone = isBindingComplete(next) && !isBindingComplete(old);
    if ((isDone || before !== after) && !this.#named.has(`${after} ${uid}`))
      this.broken.add(`${name} has ${after}, which has never named it`);
    const volume = this.run.api.get(PersistentVolumes, after);
    if (next.status?.phase === 'Bound' && volume && uidOf(volume) === uid) this.#left.set(volume.metadata.uid, uid);
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
      ...{ storageClassName: classOf(i), ...policyOf(i), ...affinityOf(i) },
      ...(claimRef ? { claimRef } : {}),
    };
    const metadata = { name, uid: `${name}-${this.#serial++}` };
    this.#putVolume({ metadata, spec, status: { phase } } as PersistentVolume);
    this.#bornAt.set(name, this.run.api.moment);
  }

  /** The user makes a volume free that was left. */
  #free(name: string): void {
    const volume = this.run.api.get(PersistentVolumes, name);
    // What is to be emptied becomes free by itself.
    if (volume?.status?.phase !== 'Released' || volume.spec?.hostPath) return;
    this.#left.delete(volume.metadata.uid);
    const { claimRef: _, ...spec } = volume.spec ?? {};
    this.#putVolume({ ...volume, spec } as Volume);
  }

  #toggle(node: string): void {
    const { api } = this.run;
    if (api.get(Nodes, node)) api.remove(Nodes, node);
    else api.put(Nodes, nodeNamed(node));
  }

  /** A pod that uses a claim is made, then perhaps gets its node, then goes. */
  #use(claim: string, node: string, isBound: boolean): void {
    const { api } = this.run;
    const name = `of-${claim}`;
    if (api.get(Pods, `ns/${name}`)?.spec?.nodeName) {
      api.remove(Pods, `ns/${name}`);
      return;
    }
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: claim } }];
    const spec = { volumes, ...(isBound ? { nodeName: node } : {}) };
    api.put(Pods, { metadata: { namespace: 'ns', name, uid: `${name}-${this.#serial++}` }, spec } as unknown as Pod);
    if (isBound) this.#usedOn.set(claim, (this.#usedOn.get(claim) ?? new Set()).add(node));
  }

  /** As the scheduler does with a claim for which a volume is to be made. */
  #select(claim: string, node: string): void {
    const c = this.run.api.get(PersistentVolumeClaims, `ns/${claim}`);
    if (!c || storageClassOf(c) !== LATE || c.spec?.volumeName) return;
    const annotations = { ...c.metadata.annotations, [SELECTED_NODE]: node };
    this.run.api.put(PersistentVolumeClaims, { ...c, metadata: { ...c.metadata, annotations } } as Claim);
  }

  get #recyclers(): Stored<Pod>[] {
    return this.run.api.list(Pods).filter((p) => recycledBy(p) !== undefined);
  }

  /** A pod that empties a volume comes to its end. */
  #finish(pod: Stored<Pod>, phase: 'Succeeded' | 'Failed'): void {
    if (pod.status?.phase) return;
    const volume = this.run.api.get(PersistentVolumes, recycledBy(pod) ?? '');
    const { uid } = volume?.metadata ?? {};
    if (volume && uid && uid === pod.metadata.ownerReferences?.[0]?.uid) {
      const owner = this.claims.find((c) => c.metadata.uid === uidOf(volume));
      if (owner) this.broken.add(`${owner.metadata.name} lost its data on ${volume.metadata.name}`);
      if (phase === 'Succeeded') this.#left.delete(uid);
      else this.#stuck.add(uid);
    }
    this.run.api.put(Pods, { ...pod, status: { phase } } as Stored<Pod>);
  }

  #recycler(volume: string, deed: (pod: Stored<Pod>) => void): void {
    const pod = this.#recyclers.find((p) => recycledBy(p) === volume);
    if (pod) deed(pod);
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

  /** A claim leaves its data behind, and something goes wrong while it is removed. */
  async #leave(claim: string, volume: string, i: number, fate: Fate): Promise<void> {
    this.run.api.remove(PersistentVolumes, volume);
    this.#remove(claim);
    this.#volume(volume, 3, 2);
    await this.run.calm();
    this.#claim(claim, 0);
    await this.run.calm();
    this.#remove(claim);
    if (i % 4) await this.run.calm();
    this.#recycler(volume, (p) => this.#finish(p, i % 5 ? 'Succeeded' : 'Failed'));
    this.run.api.tellAll();
    await this.run.begin(i % 3, fate);
    if (i % 2) this.run.kill();
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
    if (what === 'node') return this.#toggle(pick(NODES, i));
    if (what === 'use') return this.#use(claim, pick(NODES, j), j % 3 > 0);
    if (what === 'select') return this.#select(claim, pick(NODES, j));
    if (what === 'emptied') return this.#recycler(volume, (p) => this.#finish(p, i % 4 ? 'Succeeded' : 'Failed'));
    if (what === 'noPod') return this.#recycler(volume, (p) => this.run.api.remove(Pods, `default/${p.metadata.name}`));
    if (what === 'restore') return this.#restore(claim, volume, j);
    if (what === 'early') return this.#early(claim, volume, i);
    if (what === 'twice') return this.#twice(claim, [volume, pick(VOLUMES, j + 1)], i);
    if (what === 'left') return this.#leave(claim, volume, i, pick(FATES, j));
    if (what === 'begin') return this.run.begin(i % 4, pick(FATES, j));
    this.#remove(claim);
    return this.#claim(claim, j);
  };

  /** Nothing fails any more, and what is to be emptied is. @returns what is broken, or not as it must be */
  async end(): Promise<string[]> {
    await this.run.calm();
    for (let i = 0; i < VOLUMES.length; i++) {
      for (const pod of this.#recyclers) {
        const { uid } = pod.metadata.ownerReferences?.[0] ?? {};
        // With its volume it goes.
        if (this.volumes.some((v) => v.metadata.uid === uid)) this.#finish(pod, 'Succeeded');
        else this.run.api.remove(Pods, `default/${pod.metadata.name}`);
      }
      await this.run.calm();
    }
    const missing = [
      ...this.claims.flatMap((c) => this.#ofClaim(c)),
      ...this.volumes.flatMap((v) => this.#ofVolume(v)),
    ];
    return [...this.broken, ...missing, ...this.#recyclers.map((p) => `${p.metadata.name} is left`)];
  }

  /** Whether a claim that waits for a node may have a volume now. */
  #isReached(c: Claim, v: Volume): boolean {
    const pod = this.run.api.get(Pods, `ns/of-${c.metadata.name}`);
    const node = this.run.api.get(Nodes, c.metadata.annotations?.[SELECTED_NODE] ?? pod?.spec?.nodeName ?? '');
    return isMeantFor(v, c) || (node !== undefined && isReachable(v, node));
  }

  #ofClaim(c: Claim): string[] {
    const { name, uid } = c.metadata;
    const wrong = (what: string): string[] => [`${name} (${c.status?.phase}) ${what}`];
    if (!c.spec?.volumeName) {
      const isLate = storageClassOf(c) === LATE;
      const noted = c.metadata.annotations?.[SELECTED_NODE];
      if (noted && this.run.api.get(Nodes, noted)) return wrong(`still waits for a volume on ${noted}`);
      const missed = this.volumes.find((v) => (!isLate || this.#isReached(c, v)) && couldServe(v, c));
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
    const over = this.#stuck.has(v.metadata.uid) ? 'Failed' : 'Released';
    if (uidOf(v) !== undefined && !owner && v.spec?.hostPath && over === 'Released') return [`${name} is not emptied`];
    const expected = uidOf(v) === undefined ? 'Available' : owner ? 'Bound' : over;
    return v.status?.phase === expected ? [] : [`${name} is ${v.status?.phase}, should be ${expected}`];
  }
}
