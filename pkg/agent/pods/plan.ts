import type { Container, Pod } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';

/** The one next thing to do for a pod. */
export type Action =
  | { readonly do: 'createSandbox'; readonly attempt: number }
  | { readonly do: 'removeSandboxes'; readonly ids: readonly string[] }
  | { readonly do: 'start'; readonly containers: readonly Start[] }
  | { readonly do: 'kill'; readonly targets: readonly Kill[] }
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

export interface PlanInput {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  /** The pod is being deleted, or must not run here any more. */
  readonly terminating: boolean;
  readonly graceSeconds: number;
  readonly now: number;
  /** Epoch ms before which a container may not be started (crash and pull back-off). */
  readonly notBefore: (container: string) => number;
  /** Containers whose liveness or startup probe failed, by record id. */
  readonly unhealthy: ReadonlySet<string>;
  /** Containers being stopped already. */
  readonly stopping: ReadonlySet<string>;
  readonly hashOf: (container: Container) => string;
  /** A pod that reached Succeeded or Failed never runs again. */
  readonly terminal: boolean;
}

const latest = (p: PlanInput, name: string): ContainerRecord | undefined => p.runtime.containers.get(name)?.[0];

/** Should a container that ended be started again? ("Pod Lifecycle", container restart policy) */
export function restarts(policy: string | undefined, exitCode: number): boolean {
  if (policy === 'Never') return false;
  return policy === 'OnFailure' ? exitCode !== 0 : true;
}

export const isSidecar = (c: Container): boolean => c.restartPolicy === 'Always';

/** Containers that must come down before anything else can happen. */
function running(p: PlanInput): ContainerRecord[] {
  const found: ContainerRecord[] = [];
  for (const records of p.runtime.containers.values())
    for (const r of records) if (r.state === 'running') found.push(r);
  return found;
}

function tearDown(p: PlanInput): Action {
  const alive = running(p);
  const fresh = alive.filter((r) => !p.stopping.has(r.id));
  if (fresh.length > 0) {
    return {
      do: 'kill',
      targets: fresh.map((record) => ({ record, graceSeconds: p.graceSeconds, reason: 'Stopping container' })),
    };
  }
  if (alive.length > 0) return { do: 'wait' };
  const left = [...p.runtime.containers.values()].flat().map((r) => r.id);
  const sandboxes = [p.runtime.sandbox, ...p.runtime.staleSandboxes].flatMap((s) => (s ? [s.id] : []));
  // A pod that only ended keeps its containers, for their logs; a deleted one keeps nothing.
  const ids = p.terminating ? [...left, ...sandboxes] : sandboxes;
  if (ids.length > 0) return { do: 'remove', ids };
  return p.terminating ? { do: 'finish' } : { do: 'wait' };
}

function startOf(p: PlanInput, container: Container): Start {
  const records = p.runtime.containers.get(container.name) ?? [];
  return { container, attempt: (records[0]?.attempt ?? -1) + 1, obsolete: records.slice(1).map((r) => r.id) };
}

/** What the init containers ask for; undefined when they are all done. */
function planInit(p: PlanInput): Action | undefined {
  for (const c of p.pod.spec?.initContainers ?? []) {
    const r = latest(p, c.name);
    if (isSidecar(c)) {
      if (r?.state === 'running') continue;
      const at = p.notBefore(c.name);
      if (at > p.now) return { do: 'wait', untilMs: at };
      return { do: 'start', containers: [startOf(p, c)] };
    }
    if (r?.state === 'exited' && r.exitCode === 0) continue;
    if (r?.state === 'running') return { do: 'wait' };
    if (r?.state === 'exited' && p.pod.spec?.restartPolicy === 'Never') return { do: 'wait' };
    const at = p.notBefore(c.name);
    if (at > p.now) return { do: 'wait', untilMs: at };
    return { do: 'start', containers: [startOf(p, c)] };
  }
  return undefined;
}

function planApp(p: PlanInput): Action {
  const policy = p.pod.spec?.restartPolicy;
  const kills: Kill[] = [];
  const starts: Start[] = [];
  let until = Number.POSITIVE_INFINITY;
  for (const c of p.pod.spec?.containers ?? []) {
    const r = latest(p, c.name);
    if (r?.state === 'running') {
      if (p.stopping.has(r.id)) continue;
      const changed = r.hash !== p.hashOf(c);
      if (changed)
        kills.push({
          record: r,
          graceSeconds: p.graceSeconds,
          reason: `Container ${c.name} definition changed, will be restarted`,
        });
      else if (p.unhealthy.has(r.id))
        kills.push({
          record: r,
          graceSeconds: p.graceSeconds,
          reason: `Container ${c.name} failed liveness probe, will be restarted`,
        });
      continue;
    }
    if (r?.state === 'exited' && !restarts(policy, r.exitCode)) continue;
    const at = p.notBefore(c.name);
    if (at > p.now) until = Math.min(until, at);
    else starts.push(startOf(p, c));
  }
  if (kills.length > 0) return { do: 'kill', targets: kills };
  if (starts.length > 0) return { do: 'start', containers: starts };
  return until === Number.POSITIVE_INFINITY ? { do: 'wait' } : { do: 'wait', untilMs: until };
}

/** Pure: desired pod and observed runtime → the next action. */
export function plan(p: PlanInput): Action {
  if (p.terminating || p.terminal) return tearDown(p);
  const { sandbox, staleSandboxes } = p.runtime;
  if (sandbox?.state !== 'running') {
    const orphans = running(p).filter((r) => !p.stopping.has(r.id));
    // Containers of a dead sandbox have lost their network: they start anew in the next one.
    if (orphans.length > 0) {
      return {
        do: 'kill',
        targets: orphans.map((record) => ({
          record,
          graceSeconds: p.graceSeconds,
          reason: 'Pod sandbox changed, it will be killed and re-created.',
        })),
      };
    }
    return { do: 'createSandbox', attempt: (sandbox?.attempt ?? -1) + 1 };
  }
  if (staleSandboxes.length > 0) return { do: 'removeSandboxes', ids: staleSandboxes.map((s) => s.id) };
  return planInit(p) ?? planApp(p);
}
