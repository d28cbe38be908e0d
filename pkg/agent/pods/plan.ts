import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';
import { statusOf } from './containers.ts';
import type { Resize } from './resize.ts';

/** The one next thing to do for a pod. */
export type Action =
  | { readonly do: 'createSandbox'; readonly attempt: number }
  | { readonly do: 'removeSandboxes'; readonly ids: readonly string[] }
  | { readonly do: 'start'; readonly containers: readonly Start[] }
  /** @param later where the pod ends: those that hear of it now, and whose turn comes after the targets */
  | { readonly do: 'kill'; readonly targets: readonly Kill[]; readonly later?: readonly Kill[] }
  | { readonly do: 'resize'; readonly targets: readonly Resize[] }
  /** Everything is down: take away what is left. */
  | { readonly do: 'remove'; readonly ids: readonly string[] }
  /** Nothing is left of a deleted pod. */
  | { readonly do: 'finish' }
  /** Nothing to do until an event comes or the time is there. */
  | { readonly do: 'wait'; readonly untilMs?: number };

export interface Start {
  readonly container: Container;
  readonly attempt: number;
  /** Old attempts beyond the last one, whose logs nobody can ask for any more. */
  readonly obsolete: readonly string[];
}

export interface Kill {
  readonly record: ContainerRecord;
  readonly graceSeconds: number;
  readonly reason: string;
}

/** Why a running container must be restarted. */
export interface Unhealthy {
  readonly reason: string;
  /** Grace of its own, seconds (`terminationGracePeriodSeconds` of a probe). */
  readonly graceSeconds?: number | undefined;
}

export interface PlanInput {
  /** With the newest status of this node. */
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  /** The pod is being deleted, or must not run here any more. */
  readonly terminating: boolean;
  /** What is left of the grace, once its end has begun. */
  readonly graceSeconds: number;
  /** The grace is used up. */
  readonly graceOver: boolean;
  readonly now: number;
  /** Epoch ms before which a container may not be started (back-off; a pull under way: Infinity). */
  readonly notBefore: (container: string) => number;
  /** Containers to be restarted, by record id. */
  readonly unhealthy: ReadonlyMap<string, Unhealthy>;
  /** Whether a running container has passed its postStart hook and startup probe. */
  readonly started: (record: ContainerRecord, container: Container) => boolean;
  /** Containers being stopped already. */
  readonly stopping: ReadonlySet<string>;
  /** Containers that know of the end of their pod: the stopped, and those whose hooks may run while others go first. */
  readonly told: ReadonlySet<string>;
  readonly hashOf: (container: Container) => string;
  /** The change of bounds a running container needs, if it may have it now. */
  readonly resizeOf: (container: Container, record: ContainerRecord) => (Resize & { restart: boolean }) | undefined;
  /** A pod that reached Succeeded or Failed never runs again. */
  readonly terminal: boolean;
}

/** Should a container that ended be started again? ("Pod Lifecycle", container restart policy) */
export function restarts(policy: string | undefined, exitCode: number): boolean {
  if (policy === 'Never') return false;
  return policy === 'OnFailure' ? exitCode !== 0 : true;
}

const inits = (p: PlanInput): readonly Container[] => p.pod.spec?.initContainers ?? [];
const apps = (p: PlanInput): readonly Container[] => p.pod.spec?.containers ?? [];
const latest = (p: PlanInput, name: string): ContainerRecord | undefined => p.runtime.containers.get(name)?.[0];

/** Containers of an older sandbox have lost their network. (Those of older agents do not name theirs.) */
const belongs = (p: PlanInput, r: ContainerRecord): boolean =>
  r.sandboxId === '' || r.sandboxId === p.runtime.sandbox?.id;

/** The newest attempt in the present sandbox. */
function current(p: PlanInput, name: string): ContainerRecord | undefined {
  const r = latest(p, name);
  return r && belongs(p, r) ? r : undefined;
}

/** Containers must come down before anything else can happen. */
function running(p: PlanInput): ContainerRecord[] {
  return [...p.runtime.containers.values()].flat().filter((r) => r.state === 'running');
}

const killsOf = (p: PlanInput, records: readonly ContainerRecord[], reason: string): Kill[] =>
  records.map((record) => ({ record, graceSeconds: p.graceSeconds, reason }));

/**
 * Whose turn it is to go down: first all others together, then sidecars one by one, the last started first; without grace
 * nobody waits for anybody.
 */
function nextDown(p: PlanInput, alive: readonly ContainerRecord[]): readonly ContainerRecord[] {
  if (p.graceOver) return alive;
  const sidecars = inits(p)
    .filter(isSidecar)
    .map((c) => c.name)
    .reverse();
  const others = alive.filter((r) => !sidecars.includes(r.name));
  if (others.length > 0) return others;
  const last = sidecars.find((name) => alive.some((r) => r.name === name));
  return alive.filter((r) => r.name === last);
}

function tearDown(p: PlanInput): Action {
  const alive = running(p);
  const turn = nextDown(p, alive);
  const fresh = turn.filter((r) => !p.stopping.has(r.id));
  const later = alive.filter((r) => !turn.includes(r) && !p.told.has(r.id));
  if (fresh.length > 0 || later.length > 0) {
    const [targets = [], next] = [fresh, later].map((records) => killsOf(p, records, 'Stopping container'));
    return { do: 'kill', targets, ...(next ? { later: next } : {}) };
  }
  if (alive.length > 0) return { do: 'wait' };
  const left = [...p.runtime.containers.values()].flat().map((r) => r.id);
  const sandboxes = [p.runtime.sandbox, ...p.runtime.staleSandboxes].flatMap((s) => (s ? [s.id] : []));
  // A pod that only ended keeps its containers, for their logs; a deleted one keeps nothing.
  const ids = p.terminating ? [...left, ...sandboxes] : sandboxes;
  if (ids.length > 0) return { do: 'remove', ids };
  return p.terminating ? { do: 'finish' } : { do: 'wait' };
}

/** Attempts count on from what the API was told, should the containers themselves have been taken away. */
function startOf(p: PlanInput, container: Container): Start {
  const records = p.runtime.containers.get(container.name) ?? [];
  const told = statusOf(p.pod, container.name);
  const ran = told?.containerID || told?.state?.terminated || told?.lastState?.terminated;
  const known = ran ? (told?.restartCount ?? 0) : -1;
  const [newest, ...older] = records;
  // One that was made but never started, because the agent died in between, is made anew.
  if (newest?.state === 'created') {
    return { container, attempt: newest.attempt, obsolete: [newest.id, ...older.slice(1).map((r) => r.id)] };
  }
  return { container, attempt: Math.max(newest?.attempt ?? -1, known) + 1, obsolete: older.map((r) => r.id) };
}

/** Running containers that have to be started anew. */
function unfit(p: PlanInput): Kill[] {
  const kills: Kill[] = [];
  for (const c of [...inits(p).filter(isSidecar), ...apps(p)]) {
    const record = latest(p, c.name);
    if (record?.state !== 'running' || p.stopping.has(record.id)) continue;
    const sick = p.unhealthy.get(record.id);
    const { graceSeconds } = p;
    const resize = p.resizeOf(c, record);
    if (resize?.restart) kills.push({ record, graceSeconds, reason: `Container ${c.name} resize requires restart` });
    else if (record.hash !== p.hashOf(c))
      kills.push({ record, graceSeconds, reason: `Container ${c.name} definition changed, will be restarted` });
    else if (sick)
      kills.push({
        record,
        graceSeconds: sick.graceSeconds ?? graceSeconds,
        reason: `Container ${c.name} ${sick.reason}, will be restarted`,
      });
  }
  return kills;
}

/** Running containers whose bounds change in place. */
const resizes = (p: PlanInput): Resize[] =>
  [...inits(p).filter(isSidecar), ...apps(p)].flatMap((c) => {
    const r = latest(p, c.name);
    const resize = r?.state === 'running' && !p.stopping.has(r.id) ? p.resizeOf(c, r) : undefined;
    return resize ? [resize] : [];
  });

/** What a container without a trace is taken to have exited with. */
const LOST_CODE = 137;

/** The exit code of a container that is down, as the runtime knows it or the API was told. */
function exitCodeOf(p: PlanInput, name: string): number | undefined {
  const r = latest(p, name);
  if (r) return r.state === 'exited' ? r.exitCode : undefined;
  const told = statusOf(p.pod, name)?.state;
  return told?.terminated?.exitCode ?? (told?.running ? LOST_CODE : undefined);
}

type Want = (c: Container) => void;

/** Asks for init containers in their order. @returns whether the app containers may start. */
function planInit(p: PlanInput, want: Want): boolean {
  const all = inits(p);
  for (const [n, c] of all.entries()) {
    const r = current(p, c.name);
    if (isSidecar(c)) {
      const passed = [...all.slice(n + 1), ...apps(p)].some((later) => current(p, later.name));
      if (r?.state !== 'running') want(c);
      if (passed || (r?.state === 'running' && p.started(r, c))) continue;
      return false;
    }
    if (r?.state === 'exited' && r.exitCode === 0) continue;
    if (r?.state === 'running') return false;
    if (r?.state === 'exited' && p.pod.spec?.restartPolicy === 'Never') return false;
    want(c);
    return false;
  }
  return true;
}

function planContainers(p: PlanInput): Action {
  const kills = unfit(p);
  if (kills.length > 0) return { do: 'kill', targets: kills };
  const targets = resizes(p);
  if (targets.length > 0) return { do: 'resize', targets };
  const starts: Start[] = [];
  let until = Number.POSITIVE_INFINITY;
  const want: Want = (c) => {
    const at = p.notBefore(c.name);
    if (at > p.now) until = Math.min(until, at);
    else starts.push(startOf(p, c));
  };
  for (const c of p.pod.spec?.ephemeralContainers ?? []) {
    const state = latest(p, c.name)?.state;
    if ((!state || state === 'created') && !statusOf(p.pod, c.name)?.state?.terminated) want(c as Container);
  }
  // Init containers have done their work once an app container is there, even if they were taken away since.
  const initialized = apps(p).some((c) => current(p, c.name));
  if (initialized) {
    for (const c of inits(p)) if (isSidecar(c) && current(p, c.name)?.state !== 'running') want(c);
  }
  if (initialized || planInit(p, want)) {
    for (const c of apps(p)) {
      const end = exitCodeOf(p, c.name);
      if (latest(p, c.name)?.state === 'running') continue;
      if (end !== undefined && !restarts(p.pod.spec?.restartPolicy, end)) continue;
      want(c);
    }
  }
  if (starts.length > 0) return { do: 'start', containers: starts };
  return until === Number.POSITIVE_INFINITY ? { do: 'wait' } : { do: 'wait', untilMs: until };
}

const removal = (sandboxes: readonly ContainerRecord[]): Action => ({
  do: 'removeSandboxes',
  ids: sandboxes.map((s) => s.id),
});

/** Pure: desired pod and observed runtime → the next action. */
export function plan(p: PlanInput): Action {
  if (p.terminating || p.terminal) return tearDown(p);
  const { sandbox, staleSandboxes } = p.runtime;
  const alive = running(p);
  const lost = sandbox?.state === 'running' ? alive.filter((r) => !belongs(p, r)) : alive;
  const fresh = lost.filter((r) => !p.stopping.has(r.id));
  if (fresh.length > 0) {
    return { do: 'kill', targets: killsOf(p, fresh, 'Pod sandbox changed, it will be killed and re-created.') };
  }
  if (lost.length > 0) return { do: 'wait' };
  if (sandbox?.state !== 'running') {
    // With Never nothing is started a second time. One that was made and never started has its first time before it.
    const ended = apps(p).every((c) => exitCodeOf(p, c.name) !== undefined);
    if (p.pod.spec?.restartPolicy === 'Never' && ended) return { do: 'wait' };
    // Those that could not be started are not left to gather.
    if (staleSandboxes.length > 0) return removal(staleSandboxes);
    return { do: 'createSandbox', attempt: (sandbox?.attempt ?? -1) + 1 };
  }
  if (staleSandboxes.length > 0) return removal(staleSandboxes);
  return planContainers(p);
}
