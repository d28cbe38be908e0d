import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import type { Kind } from '#api/kind.ts';
import {
  ControllerRevisions,
  type DaemonSet,
  DaemonSets,
  type Deployment,
  Deployments,
  type Job,
  Jobs,
  type Node,
  Nodes,
  PersistentVolumeClaims,
  type Pod,
  Pods,
  ReplicaSets,
  type StatefulSet,
  StatefulSets,
} from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { apiTime } from '#api/meta/time.ts';
import { daemonSetController } from '../daemonset/controller.ts';
import { deploymentController } from '../deployment/controller.ts';
import type { Caller, Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import type { Controller, ControllerDeps } from '../harness/controller.ts';
import { jobController } from '../job/controller.ts';
import { replicaSetController } from '../replicaset/controller.ts';
import { statefulSetController } from '../statefulset/controller.ts';
import { isActive, isTerminal } from './state.ts';

const DEEDS = { spec: 5, image: 4, run: 8, fail: 2, gone: 8, other: 3, time: 3, begin: 5 };
type Deed = keyof typeof DEEDS;
/** Pods of one owner: on five nodes, or three and one that surges. */
const MOST = 5;
const labels = { app: 'web' };
const template = (image: string, restartPolicy = 'Always') => ({
  metadata: { labels },
  spec: { restartPolicy, containers: [{ name: 'c', image }] },
});
const imageOf = (p: Pod): string => p.spec?.containers?.[0]?.image ?? '';

/** A workload, the users who change it, and the agents that run its pods. */
abstract class Scene<T extends KubeObject> {
  readonly run: FakeProcess;
  readonly broken = new Set<string>();
  image = 'img:0';
  size = 2;
  #serial = 0;
  readonly #kind: Kind<T>;
  readonly #madeBy = new Map<string, Caller>();

  constructor(
    kind: Kind<T>,
    watched: readonly { readonly kind: string }[],
    ...made: ((d: ControllerDeps) => Controller)[]
  ) {
    this.run = new FakeProcess([kind, Pods, ...watched], ...made);
    this.run.api.lingering.add(Pods.kind);
    this.run.api.judge = (write) => this.#judge(write);
    this.#kind = kind;
  }

  /** No process makes more than it may, however late it hears of those that it knows to have made. */
  #judge({ by, kind, old, next, isAnswered }: Write): void {
    if (kind !== Pods.kind || old || !next) return;
    const ownerOf = (p: KubeObject): string | undefined => p.metadata?.ownerReferences?.[0]?.uid;
    const mine = this.pods.filter((p) => this.#madeBy.get(p.metadata.uid) === by && ownerOf(p) === ownerOf(next));
    if (by.alive && mine.filter(isActive).length >= MOST) this.broken.add(`too many pods of ${ownerOf(next)}`);
    if (isAnswered) this.#madeBy.set(next.metadata.uid, by);
  }

  /** What the user asks for now. */
  abstract wanted(): object;

  put(): void {
    const old = this.run.api.get(this.#kind, 'ns/web') as (Stored<T> & { status?: object }) | undefined;
    const generation = (old?.metadata.generation ?? 0) + 1;
    const creationTimestamp = old?.metadata.creationTimestamp ?? apiTime(this.run.clock.now());
    const metadata = { ...old?.metadata, namespace: 'ns', name: 'web', uid: 'web', creationTimestamp, generation };
    const status = old?.status ? { status: old.status } : {};
    this.run.api.put(this.#kind, { metadata, spec: this.wanted(), ...status } as unknown as T);
  }

  get pods(): Stored<Pod>[] {
    return this.run.api.list(Pods);
  }

  /** An agent runs a pod, or is done with one that ends. */
  progress(p: Stored<Pod>, outcome?: 'Succeeded' | 'Failed'): void {
    const { api, clock } = this.run;
    const key = `ns/${p.metadata.name}`;
    const lastTransitionTime = apiTime(clock.now());
    const end = (phase: string): unknown =>
      api.put(Pods, {
        ...p,
        status: { phase, conditions: [{ type: 'Ready', status: 'False', lastTransitionTime }] },
      } as Pod);
    if (outcome && !isTerminal(p)) end(outcome);
    else if (p.metadata.deletionTimestamp && !isTerminal(p) && p.metadata.finalizers?.length) end('Failed');
    else if (p.metadata.deletionTimestamp) api.remove(Pods, key);
    else if (!isTerminal(p) && !isReady(p)) {
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }];
      api.put(Pods, { ...p, status: { phase: 'Running', conditions } } as unknown as Pod);
    }
  }

  other(_i: number): unknown {
    return undefined;
  }

  act = async (what: Deed, i: number, j: number): Promise<unknown> => {
    const { pods } = this;
    const p = pods[i % Math.max(1, pods.length)];
    if (what === 'begin') return this.run.begin(i % 4, pick(FATES, j));
    if (what === 'time') return this.run.advance(pick([100, 3000, 20_000], i));
    if (what === 'spec') this.size = i % 4;
    if (what === 'image') this.image = `img:${++this.#serial % 3}`;
    if (what === 'other') return this.other(i);
    if (what === 'spec' || what === 'image') return this.put();
    if (!p) return undefined;
    if (what === 'gone' || what === 'fail') this.touched(p);
    if (what === 'gone')
      return p.metadata.deletionTimestamp ? this.progress(p) : this.run.api.end(Pods, `ns/${p.metadata.name}`);
    return this.progress(p, what === 'fail' ? 'Failed' : this.outcome(j));
  };

  outcome(_j: number): 'Succeeded' | undefined {
    return undefined;
  }

  /** A pod fails, or is deleted by a user. */
  touched(_p: Stored<Pod>): void {}

  abstract wrong(): string[];

  /** Agents do their work, and time passes, until nothing changes. @returns what is not as it must be */
  async end(): Promise<string[]> {
    let before = '';
    for (let round = 0; round < 60; round++) {
      await this.run.calm();
      for (const p of this.pods) this.progress(p, this.outcome(0));
      await this.run.advance(20_000);
      const now = JSON.stringify([this.pods, this.run.api.moment]);
      if (now === before && this.wrong().length === 0) break;
      before = now;
    }
    return [...this.broken, ...this.wrong()];
  }

  /** Whether these pods are all there, ready and of the newest template. */
  differing(count: number, pods = this.pods): string[] {
    const good = pods.filter((p) => isActive(p) && isReady(p) && imageOf(p) === this.image);
    return pods.length === count && good.length === count
      ? []
      : [`${good.length} of ${pods.length} pods are good, should be ${count}`];
  }
}

class StatefulScene extends Scene<StatefulSet> {
  constructor() {
    super(StatefulSets, [ControllerRevisions, PersistentVolumeClaims], statefulSetController);
    this.put();
  }

  wanted(): object {
    return {
      replicas: this.size,
      selector: { matchLabels: labels },
      template: template(this.image),
      serviceName: 'web',
    };
  }

  wrong(): string[] {
    const names = this.pods.map((p) => p.metadata.name).sort();
    const should = Array.from({ length: this.size }, (_, i) => `web-${i}`);
    return [...this.differing(this.size), ...(String(names) === String(should) ? [] : [`${names}`])];
  }
}

class DaemonScene extends Scene<DaemonSet> {
  constructor() {
    super(DaemonSets, [ControllerRevisions, Nodes], daemonSetController);
    for (const name of ['n0', 'n1']) this.#node(name);
    this.put();
  }

  #node(name: string): void {
    this.run.api.put(Nodes, { metadata: { name, uid: name }, spec: {}, status: {} } as unknown as Node);
  }

  wanted(): object {
    return { selector: { matchLabels: labels }, template: template(this.image) };
  }

  /** A node comes. */
  override other(i: number): void {
    this.#node(`n${i % 4}`);
  }

  /** Nothing but a node that comes tells that there is something to do. */
  override async end(): Promise<string[]> {
    await super.end();
    this.#node('late');
    return super.end();
  }

  wrong(): string[] {
    return this.differing(this.run.api.list(Nodes).length);
  }
}

class DeploymentScene extends Scene<Deployment> {
  constructor() {
    super(Deployments, [ReplicaSets], deploymentController, replicaSetController);
    this.put();
  }

  wanted(): object {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    return { replicas: this.size, selector: { matchLabels: labels }, template: template(this.image), strategy };
  }

  wrong(): string[] {
    const sets = this.run.api.list(ReplicaSets).filter((rs) => (rs.spec?.replicas ?? 0) > 0);
    // Those that have failed stay for whoever wants to know why.
    const there = this.pods.filter((p) => !isTerminal(p));
    return [...this.differing(this.size, there), ...(sets.length <= 1 ? [] : [`${sets.length} sets have pods`])];
  }
}

class JobScene extends Scene<Job> {
  /** Uids of pods that have failed, or that users have deleted. */
  readonly #blamed = new Set<string>();

  constructor() {
    super(Jobs, [], jobController);
    this.put();
  }

  wanted(): object {
    const selector = { matchLabels: labels };
    return {
      completions: 4,
      parallelism: 1 + this.size,
      backoffLimit: 1000,
      selector,
      template: template('x', 'Never'),
    };
  }

  override outcome(j: number): 'Succeeded' | undefined {
    return j % 3 === 0 ? 'Succeeded' : undefined;
  }

  override touched(p: Stored<Pod>): void {
    this.#blamed.add(p.metadata.uid);
  }

  wrong(): string[] {
    const { status } = this.run.api.get(Jobs, 'ns/web') ?? {};
    const isComplete = status?.conditions?.some((c) => c.type === 'Complete' && c.status === 'True');
    const held = this.pods.filter((p) => p.metadata.finalizers?.length);
    return [
      ...(isComplete ? [] : ['it is not complete']),
      ...(status?.succeeded === 4 ? [] : [`${status?.succeeded} have succeeded`]),
      ...((status?.failed ?? 0) > this.#blamed.size ? [`${status?.failed} count as failed`] : []),
      ...held.map((p) => `${p.metadata.name} is held`),
    ];
  }
}

const scenes: readonly [string, () => Scene<never>][] = [
  ['a StatefulSet', () => new StatefulScene() as unknown as Scene<never>],
  ['a DaemonSet', () => new DaemonScene() as unknown as Scene<never>],
  ['a Deployment', () => new DeploymentScene() as unknown as Scene<never>],
  ['a Job', () => new JobScene() as unknown as Scene<never>],
];
for (const [name, make] of scenes)
  property.prop([walks(DEEDS)], { numRuns: 30 })(
    `${name} has the pods it is to have in the end, whatever happens in which order`,
    async (steps) => {
      const scene = make();
      for (const step of steps) await scene.run.step(step, scene.act);
      expect(await scene.end()).toEqual([]);
    },
  );
