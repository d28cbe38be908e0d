import type { DaemonSet, Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { olderFirst } from '../harness/age.ts';
import { countOrShare } from '../harness/amounts.ts';
import { HASH_LABEL } from '../history/revisions.ts';
import { availableIn, isTerminal } from '../pods/state.ts';
import { belongsOn, nodeOf } from './placement.ts';

export interface DaemonPlan {
  /** Nodes to start a pod on. */
  readonly create: readonly string[];
  readonly remove: readonly Stored<Pod>[];
  /** Among `remove`: pods that had ended, which is worth an event. */
  readonly ended: readonly Stored<Pod>[];
}

/** What a plan is made from. `hash` names the revision of the present template. */
export interface Scene {
  readonly ds: Stored<DaemonSet>;
  readonly nodes: readonly Stored<Node>[];
  readonly pods: readonly Stored<Pod>[];
  readonly hash: string;
  readonly now: number;
}

export const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata?.labels?.[HASH_LABEL] === hash;

export const isAvailable = (pod: Pod, s: Scene): boolean =>
  availableIn(pod, s.ds.spec?.minReadySeconds ?? 0, s.now) === 0;

/** Pods by the node they belong to; those without one under "". */
export function byNodeName(pods: readonly Stored<Pod>[]): Map<string, Stored<Pod>[]> {
  const found = new Map<string, Stored<Pod>[]>();
  for (const p of pods) {
    const name = nodeOf(p) ?? '';
    const list = found.get(name);
    if (list) list.push(p);
    else found.set(name, [p]);
  }
  return found;
}

/** How many nodes may lack a pod, or have one too many, during an update. */
function limits(ds: DaemonSet, wanted: number): { maxSurge: number; maxUnavailable: number } {
  const { type, rollingUpdate: r } = ds.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = countOrShare(r?.maxSurge ?? 0, wanted, Math.ceil);
  const maxUnavailable = countOrShare(r?.maxUnavailable ?? 1, wanted, Math.ceil);
  return { maxSurge, maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable };
}

/** Which of several living pods of one node go: the older updated one stays, beside an old one it replaces meanwhile. */
function excess(pods: readonly Stored<Pod>[], s: Scene, surge: number): Stored<Pod>[] {
  const living = pods.filter((p) => !p.metadata.deletionTimestamp).sort(olderFirst);
  if (living.length <= 1) return [];
  const updated = living.filter((p) => isUpdated(p, s.hash));
  const old = living.filter((p) => !isUpdated(p, s.hash));
  if (surge > 0 && updated.length > 0 && old.length > 0) {
    const successor = updated.find((p) => isAvailable(p, s)) ?? updated[0];
    const done = successor !== undefined && isAvailable(successor, s);
    // The predecessor goes when its successor serves, or when it does not serve itself.
    const keepOld = done ? [] : old.filter((p) => isAvailable(p, s)).slice(0, 1);
    return living.filter((p) => p !== successor && !keepOld.includes(p));
  }
  return living.slice(1);
}

/** Pure: pods to start and to end so that every suitable node, and no other, has one. */
export function planPlaces(s: Scene): DaemonPlan {
  const create: string[] = [];
  const remove: Stored<Pod>[] = [];
  const ended: Stored<Pod>[] = [];
  const on = byNodeName(s.pods);
  const verdicts = s.nodes.map((node) => ({ name: node.metadata.name, ...belongsOn(s.ds, node) }));
  const surge = limits(s.ds, verdicts.filter((v) => v.run).length).maxSurge;
  for (const { name, run, stay } of verdicts) {
    const here = on.get(name) ?? [];
    on.delete(name);
    const over = here.filter((p) => isTerminal(p) && !p.metadata.deletionTimestamp);
    const others = here.filter((p) => !isTerminal(p));
    if (!stay) {
      remove.push(...here.filter((p) => !p.metadata.deletionTimestamp));
      continue;
    }
    remove.push(...over);
    ended.push(...over);
    // A pod that is still ending holds its place: two daemons of one node must not meet.
    if (run && here.length === 0) create.push(name);
    else remove.push(...excess(others, s, surge));
  }
  // What is left is on nodes that no longer exist: those that were never bound go, the rest is the pod collector's.
  for (const [name, pods] of on) {
    remove.push(...pods.filter((p) => (name === '' || !p.spec?.nodeName) && !p.metadata.deletionTimestamp));
  }
  return { create, remove, ended };
}

/** Pure: the next step of a rolling update. Nothing with OnDelete. */
export function planUpdate(s: Scene): DaemonPlan {
  const none: DaemonPlan = { create: [], remove: [], ended: [] };
  if (s.ds.spec?.updateStrategy?.type === 'OnDelete') return none;
  const on = byNodeName(s.pods);
  const wanted = s.nodes.filter((n) => belongsOn(s.ds, n).run).map((n) => n.metadata.name);
  const { maxSurge, maxUnavailable } = limits(s.ds, wanted.length);
  return maxSurge > 0 ? surgeStep(s, { on, wanted, maxSurge }) : replaceStep(s, { on, wanted, maxUnavailable });
}

type Places = { readonly on: Map<string, Stored<Pod>[]>; readonly wanted: readonly string[] };

/** Old pods go first where they do not serve anyway, then as many serving ones as may be missing. */
function replaceStep(s: Scene, p: Places & { maxUnavailable: number }): DaemonPlan {
  let missing = 0;
  const idle: Stored<Pod>[] = [];
  const serving: Stored<Pod>[] = [];
  for (const name of p.wanted) {
    const living = (p.on.get(name) ?? []).filter((pod) => !isTerminal(pod) && !pod.metadata.deletionTimestamp);
    const pod = living[0];
    if (!pod || !isAvailable(pod, s)) missing++;
    if (!pod || isUpdated(pod, s.hash)) continue;
    if (isAvailable(pod, s)) serving.push(pod);
    else idle.push(pod);
  }
  const room = Math.max(0, p.maxUnavailable - missing);
  return { create: [], remove: [...idle, ...serving.slice(0, room)], ended: [] };
}

/** A second pod is started beside the old one: at once where that does not serve, else on so many nodes at a time. */
function surgeStep(s: Scene, p: Places & { maxSurge: number }): DaemonPlan {
  let surging = 0;
  const idle: string[] = [];
  const serving: string[] = [];
  for (const name of p.wanted) {
    const living = (p.on.get(name) ?? []).filter((pod) => !isTerminal(pod) && !pod.metadata.deletionTimestamp);
    const old = living.find((pod) => !isUpdated(pod, s.hash));
    const updated = living.find((pod) => isUpdated(pod, s.hash));
    if (old && updated) surging++;
    if (!old || updated) continue;
    if (isAvailable(old, s)) serving.push(name);
    else idle.push(name);
  }
  return { create: [...idle, ...serving.slice(0, Math.max(0, p.maxSurge - surging))], remove: [], ended: [] };
}
