import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  type Pod,
  type PodDisruptionBudget,
  PodDisruptionBudgets,
  Pods,
  type ReplicaSet,
  ReplicaSets,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { EVICTION_MS } from './budget.ts';
import { disruptionController } from './controller.ts';

type Budget = Stored<PodDisruptionBudget>;
type Spec = NonNullable<PodDisruptionBudget['spec']>;

const NAMES = ['p0', 'p1', 'p2', 'p3'] as const;
/** What a budget may ask for, and how many healthy pods that are of 2, 3 and 4. */
const WISHES: readonly [readonly [Spec, number[]], ...(readonly [Spec, number[]])[]] = [
  [{ minAvailable: 1 }, [1, 1, 1]],
  [{ minAvailable: 2 }, [2, 2, 2]],
  [{ minAvailable: '50%' }, [1, 2, 2]],
  [{ maxUnavailable: 1 }, [1, 2, 3]],
  [{ maxUnavailable: '30%' }, [1, 2, 2]],
];
/** Milliseconds. */
const PASSING: readonly [number, ...number[]] = [1000, 1000, 3000, 8000];
/** Caches are at most so far behind, milliseconds. */
const LAG_MS = 15_000;

const isHealthy = (p: Pod): boolean => isReady(p) && p.metadata?.deletionTimestamp === undefined;

type Deed = 'pod' | 'ready' | 'evict' | 'gone' | 'again' | 'spec' | 'scale' | 'time' | 'long' | 'begin' | 'hidden';
const DEEDS: Readonly<Record<Deed, number>> = {
  ...{ pod: 5, ready: 6, evict: 10, gone: 3, again: 3, spec: 2, scale: 3, time: 4, long: 3, begin: 3, hidden: 3 },
};

/** Users, agents and those who evict around the controller. */
class Scene {
  readonly run = new FakeProcess([Pods, PodDisruptionBudgets, ReplicaSets], disruptionController);
  readonly broken = new Set<string>();
  #serial = 0;
  #wish = 0;
  #replicas = 3;
  /** The pods were to be more, and the controller may not know it. */
  #isScaled = false;
  #lagMs = 0;
  /** Evictions that were granted, by the pod's uid: when. */
  readonly #granted = new Map<string, number>();

  constructor() {
    this.run.api.judge = (write) => this.#judge(write);
    this.#putSet();
    this.#putBudget();
    for (const name of NAMES.slice(0, 3)) {
      this.#pod(name, true);
      this.#ready(name);
    }
    this.run.clock.jump(1000);
  }

  get pods(): Stored<Pod>[] {
    return this.run.api.list(Pods);
  }

  get budget(): Budget | undefined {
    return this.run.api.get(PodDisruptionBudgets, 'ns/b');
  }

  #now(): number {
    return this.run.clock.now();
  }

  /** An eviction that is under way must not be forgotten. */
  #judge({ kind, old, next }: Write): void {
    if (kind !== PodDisruptionBudgets.kind) return;
    const before = (old as Budget).status?.disruptedPods ?? {};
    const after = (next as Budget).status?.disruptedPods ?? {};
    for (const [name, at] of Object.entries(before)) {
      const p = this.run.api.get(Pods, `ns/${name}`);
      const isIt = p && this.#granted.get(p.metadata.uid) === Date.parse(at) && !p.metadata.deletionTimestamp;
      if (isIt && !after[name] && this.#now() < Date.parse(at) + EVICTION_MS)
        this.broken.add(`the eviction of ${name} was forgotten`);
    }
  }

  #putSet(): void {
    const metadata = { namespace: 'ns', name: 'web', uid: 'web' };
    this.run.api.put(ReplicaSets, { metadata, spec: { replicas: this.#replicas } } as ReplicaSet);
  }

  #putBudget(): void {
    const { status, metadata } = this.budget ?? {};
    const generation = (metadata?.generation ?? 0) + 1;
    const spec = { ...pick(WISHES, this.#wish)[0], selector: { matchLabels: { app: 'web' } } };
    const o = { metadata: { namespace: 'ns', name: 'b', uid: 'b', generation }, spec, ...(status ? { status } : {}) };
    this.run.api.put(PodDisruptionBudgets, o as PodDisruptionBudget);
  }

  #pod(name: string, isOfSet: boolean): void {
    if (this.run.api.get(Pods, `ns/${name}`)) return;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'web', controller: true };
    const metadata = {
      ...{ namespace: 'ns', name, uid: `${name}-${this.#serial++}`, labels: { app: 'web' } },
      ...{ creationTimestamp: apiTime(this.#now()), ...(isOfSet ? { ownerReferences: [owner] } : {}) },
    };
    this.run.api.put(Pods, { metadata, spec: { containers: [] }, status: { phase: 'Running' } } as unknown as Pod);
  }

  #ready(name: string): void {
    const p = this.run.api.get(Pods, `ns/${name}`);
    const conditions = [{ type: 'Ready', status: 'True' }];
    if (p && !p.metadata.deletionTimestamp)
      this.run.api.put(Pods, { ...p, status: { ...p.status, conditions } } as Pod);
  }

  /** How many healthy pods there must be. */
  #desired(): number {
    return pick(WISHES, this.#wish)[1][this.#replicas - 2] ?? 0;
  }

  /** As pods/eviction does. @param isDeleted whether who evicts comes to delete the pod */
  #evict(name: string, graceSeconds: number, isDeleted: boolean): void {
    const [b, p, now] = [this.budget, this.run.api.get(Pods, `ns/${name}`), this.#now()];
    const { disruptionsAllowed = 0, observedGeneration = 0 } = b?.status ?? {};
    if (!b?.status || !p || !isHealthy(p) || disruptionsAllowed < 1) return;
    if (observedGeneration < (b.metadata.generation ?? 0)) return;
    // Of one that is evicted in its first second nobody can tell whether it is its own successor.
    if (p.metadata.creationTimestamp >= apiTime(now)) return;
    const disruptedPods = { ...b.status.disruptedPods, [name]: apiTime(now) };
    const status = { ...b.status, disruptionsAllowed: disruptionsAllowed - 1, disruptedPods };
    this.run.api.put(PodDisruptionBudgets, { ...b, status });
    this.#granted.set(p.metadata.uid, Math.floor(now / 1000) * 1000);
    const counts = (q: Stored<Pod>): boolean =>
      isHealthy(q) && now >= (this.#granted.get(q.metadata.uid) ?? Number.NEGATIVE_INFINITY) + EVICTION_MS;
    const left = this.pods.filter(counts).length;
    if (left < this.#desired() && !this.#isScaled) this.broken.add(`${name} was evicted, ${left} are left`);
    const deletionTimestamp = apiTime(now + graceSeconds * 1000);
    const metadata = { ...p.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
    if (isDeleted) this.run.api.put(Pods, { ...p, metadata });
  }

  #gone(name: string): boolean {
    if (!this.run.api.get(Pods, `ns/${name}`)?.metadata.deletionTimestamp) return false;
    this.run.api.remove(Pods, `ns/${name}`);
    return true;
  }

  async #pass(ms: number): Promise<void> {
    this.#lagMs += ms;
    if (this.#lagMs > LAG_MS) {
      this.run.api.tellAll();
      this.#lagMs = 0;
    }
    await this.run.advance(ms);
  }

  /** Everything is heard of and done, so the budget must say how it is; then time passes. */
  async rest(ms: number): Promise<void> {
    await this.run.calm();
    expect({ disruptedPods: undefined, ...this.budget?.status }).toMatchObject(this.#wanted());
    this.#isScaled = false;
    this.#lagMs = 0;
    await this.run.advance(ms);
  }

  /**
   * A pod is evicted of which the caches have heard nothing, or only of its predecessor's end; then they show it come and
   * not yet go, and all that can be is evicted.
   */
  async #hidden(name: string, isSuccessor: boolean): Promise<void> {
    for (const n of NAMES) {
      this.#gone(n);
      this.#pod(n, true);
      this.#ready(n);
    }
    await this.rest(EVICTION_MS);
    await this.rest(1000);
    this.#evict(name, 30, true);
    if (!isSuccessor) this.#gone(name);
    await this.rest(1000);
    this.#gone(name);
    this.#pod(name, true);
    this.#ready(name);
    await this.#pass(1000);
    this.#evict(name, 30, true);
    while (this.run.api.tell(PodDisruptionBudgets));
    await this.run.begin(0, 'done');
    for (let i = isSuccessor ? 0 : 1; i < 3; i++) this.run.api.tell(Pods);
    await this.run.begin(0, 'done');
    for (const n of NAMES) this.#evict(n, 30, true);
  }

  #again(name: string): void {
    if (!this.#gone(name)) return;
    this.#pod(name, true);
    this.#ready(name);
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const name = pick(NAMES, i);
    if (what === 'pod') return this.#pod(name, j > 1);
    if (what === 'ready') return this.#ready(name);
    if (what === 'evict') return this.#evict(name, j % 2 ? 30 : 0, j % 5 > 0);
    if (what === 'gone') return this.#gone(name);
    if (what === 'again') return this.#again(name);
    if (what === 'time') return this.#pass(pick(PASSING, i));
    if (what === 'long') return this.rest(i % 2 ? 20_000 : EVICTION_MS);
    if (what === 'begin') return this.run.begin(0, pick(FATES, j));
    if (what === 'hidden') return this.#hidden(name, j % 2 > 0);
    if (what === 'spec') this.#wish = i;
    else {
      this.#replicas = 2 + (i % 3);
      this.#isScaled = true;
      this.#putSet();
      return j % 2 ? this.rest(0) : undefined;
    }
    return this.#putBudget();
  };

  /** What the budget must say once everything is heard of and done. */
  #wanted(): object {
    const [spec, replicas, desired] = [pick(WISHES, this.#wish)[0], this.#replicas, this.#desired()];
    const { status, metadata } = this.budget ?? {};
    const ofSets = spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
    const observedGeneration = metadata?.generation;
    const condition = (says: string, reason: string): object => ({ conditions: [{ status: says, reason }] });
    const isUnderWay = (p: Stored<Pod>): boolean => status?.disruptedPods?.[p.metadata.name] !== undefined;
    const currentHealthy = this.pods.filter((p) => isHealthy(p) && !isUnderWay(p)).length;
    // Of pods that nobody manages nobody says how many there shall be.
    const counted = ofSets ? this.pods.filter((p) => p.metadata.ownerReferences) : this.pods;
    const isNone = counted.length === 0;
    const desiredHealthy = ofSets && isNone ? 0 : desired;
    const disruptionsAllowed = isNone ? 0 : Math.max(0, currentHealthy - desiredHealthy);
    const verdict =
      disruptionsAllowed > 0 ? condition('True', 'SufficientPods') : condition('False', 'InsufficientPods');
    const expectedPods = ofSets && !isNone ? replicas : counted.length;
    return { observedGeneration, disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, ...verdict };
  }

  /** Evictions that are under way still. */
  stuck(): string[] {
    return Object.keys(this.budget?.status?.disruptedPods ?? {});
  }
}

property.prop([walks(DEEDS)], { numRuns: 80 })(
  'no eviction is allowed that leaves too few, and the budget says how it is, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    for (const ms of [EVICTION_MS, EVICTION_MS, 0]) await scene.rest(ms);
    expect([...scene.broken, ...scene.stuck()]).toEqual([]);
  },
);
