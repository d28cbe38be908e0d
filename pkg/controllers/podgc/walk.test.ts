import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type Node, Nodes, type Pod, Pods } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Fate, Write } from '../fake-api.ts';
import { FakeProcess, pick, walks } from '../fake-process.ts';
import { pod } from '../fixtures.ts';
import { isTerminal } from '../pods/state.ts';
import { podGcController } from './controller.ts';

const NODES: readonly [string, string] = ['a', 'b'];
const PLACES: readonly [string, ...string[]] = [...NODES, 'a', ''];
const NAMES = ['p0', 'p1', 'p2'] as const;
/** Milliseconds; a node is waited for 40 s. */
const PASSING: readonly [number, ...number[]] = [1000, 15_000, 30_000, 39_000, 41_000];
const QUARANTINE_MS = 40_000;
const FATES: readonly [Fate, ...Fate[]] = ['done', 'lost', 'slow', 'unanswered', 'lost'];
const OUT_OF_SERVICE = { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' };

const nodeNameOf = (p: Pod): string => p.spec?.nodeName ?? '';
const isOut = (n: Node): boolean => (n.spec?.taints ?? []).length > 0;

type Deed = 'pod' | 'end' | 'gone' | 'remake' | 'node' | 'noNode' | 'out' | 'due' | 'time';
const DEEDS: Readonly<Record<Deed, number>> = {
  ...{ pod: 6, end: 2, gone: 1, remake: 2, node: 3, noNode: 3, out: 1, due: 5, time: 4 },
};

/** Users and nodes around the collector. */
class Scene {
  readonly run = new FakeProcess([Pods, Nodes], podGcController);
  readonly broken = new Set<string>();
  #serial = 0;
  /** When a node was last away: a moment of the API. */
  readonly #awayAt = new Map<string, number>();
  /** When the caches last showed it. */
  readonly #seen = new Map<string, { readonly at: number; readonly moment: number }>();
  readonly #wereOut = new Set<string>();

  constructor() {
    this.run.api.judge = (write) => this.#judge(write);
  }

  #judge({ by, kind, old, next }: Write): void {
    if (kind !== Pods.kind || !old) return;
    const p = old as Stored<Pod>;
    const [name, node, now] = [p.metadata.uid, nodeNameOf(p), this.run.clock.now()];
    const isEnding = p.metadata.deletionTimestamp !== undefined;
    if (!next && !isTerminal(p)) this.broken.add(`${name} was ended before it had failed`);
    if (isEnding && (node === '' || this.#wereOut.has(node))) return;
    const away = this.run.api.get(Nodes, node) ? (this.#awayAt.get(node) ?? -1) : this.run.api.moment;
    if (node === '' || away < by.since) this.broken.add(`${name} was ended, node "${node}" is there`);
    const conditions = (next as Pod | undefined)?.status?.conditions ?? [];
    if (next && !conditions.some((c) => c.type === 'DisruptionTarget')) this.broken.add(`${name} failed unexplained`);
    const { at, moment } = this.#seen.get(node) ?? { at: 0, moment: 0 };
    const isSoon = now < Math.max(this.run.startedAt, at) + QUARANTINE_MS;
    if (by.alive && moment <= by.since && isSoon) this.broken.add(`${name} was ended, "${node}" has just gone`);
  }

  /** Notes what the caches show. */
  look(): void {
    const seen = { at: this.run.clock.now(), moment: this.run.api.moment };
    for (const node of NODES) if (this.run.sees(Nodes, node)) this.#seen.set(node, seen);
  }

  #pod(name: string, i: number, node: string): void {
    if (this.run.api.get(Pods, `ns/${name}`)) return;
    const made = pod({ name, ...(node ? { node } : {}), ...(i === 11 ? { phase: 'Succeeded' } : {}) });
    this.run.api.put(Pods, { ...made, metadata: { ...made.metadata, uid: `${name}-${this.#serial++}` } });
  }

  #end(name: string): void {
    const o = this.run.api.get(Pods, `ns/${name}`);
    const deletionTimestamp = apiTime(this.run.clock.now());
    if (o) this.run.api.put(Pods, { ...o, metadata: { ...o.metadata, deletionTimestamp } });
  }

  #node(name: string, taints: readonly (typeof OUT_OF_SERVICE)[] = []): void {
    if (!this.run.api.get(Nodes, name)) this.#awayAt.set(name, this.run.api.moment);
    if (taints.length > 0) this.#wereOut.add(name);
    const status = { conditions: [{ type: 'Ready', status: 'False' }] };
    this.run.api.put(Nodes, { metadata: { name, uid: `${name}-${this.#serial++}` }, spec: { taints }, status } as Node);
  }

  /** The time of a pod's node is over; one of the two may be back then, or soon after, and nobody has heard of it. */
  async #due(name: string, i: number, node: string): Promise<void> {
    this.#pod(name, i, node);
    const other = pick(NODES, NODES.indexOf(node) + 1);
    if (!this.run.api.get(Nodes, other)) this.#node(other);
    this.run.api.remove(Nodes, node);
    await this.run.calm();
    this.look();
    await this.run.advance(QUARANTINE_MS + 1000);
    const turn = i % 4;
    if (turn === 1) this.#node(node);
    if (turn === 2) this.#remake(name, 0, other);
    if (turn > 0) await this.run.begin(i % 3, pick(FATES, i));
    if (turn === 3) this.#remake(name, 0, other);
  }

  #remake(name: string, i: number, node: string): void {
    this.run.api.remove(Pods, `ns/${name}`);
    this.#pod(name, i, node);
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const [name, node] = [pick(NAMES, i), pick(NODES, j)];
    if (what === 'pod') return this.#pod(name, i, pick(PLACES, j));
    if (what === 'end') return this.#end(name);
    if (what === 'gone') return api.remove(Pods, `ns/${name}`);
    if (what === 'remake') return this.#remake(name, i, pick(PLACES, j));
    if (what === 'node') return api.get(Nodes, node) ? undefined : this.#node(node);
    if (what === 'noNode') return api.remove(Nodes, node);
    if (what === 'out') return api.get(Nodes, node) ? this.#node(node, [OUT_OF_SERVICE]) : undefined;
    return what === 'due' ? this.#due(name, this.#serial, node) : this.run.advance(pick(PASSING, i));
  };

  /** Pods that are left and must not be. */
  left(): string[] {
    return this.run.api.list(Pods).flatMap((p) => {
      const node = this.run.api.get(Nodes, nodeNameOf(p));
      const isEnding = p.metadata.deletionTimestamp !== undefined;
      const isOrphan = nodeNameOf(p) !== '' && !node;
      const mustGo = isOrphan || (isEnding && (node ? isOut(node) : !isTerminal(p)));
      return mustGo ? [`${p.metadata.name} of node "${nodeNameOf(p)}"`] : [];
    });
  }
}

property.prop([walks(DEEDS)], { numRuns: 100 })(
  'pods of nodes that are gone go, and no others, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) {
      await scene.run.step(step, scene.act);
      scene.look();
    }
    // A node that is heard of late gets all its time from then on.
    for (let round = 0; round < 3; round++) {
      await scene.run.calm();
      await scene.run.advance(QUARANTINE_MS);
    }
    await scene.run.calm();
    expect([...scene.broken, ...scene.left()]).toEqual([]);
  },
);
