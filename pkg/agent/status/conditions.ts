import { isFinal } from '#api/kinds/core/pod/phase.ts';
import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { PodCondition, PodStatus } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { allContainers } from '../pods/containers.ts';
import type { Failure } from '../pods/deadline.ts';
import { resizeConditions, resizeOf } from '../pods/resize.ts';
import type { ContainerStatuses, StatusInput } from './input.ts';

/** Condition types that the node speaks of; all others belong to somebody else. */
const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodResizePending',
  'PodResizeInProgress',
]);

/** Own conditions that are there only while they hold. */
export const PASSING_CONDITIONS = ['PodResizePending', 'PodResizeInProgress'] as const;

const DISRUPTED = { reason: 'TerminationByKubelet' } as const;

/** Whether a condition is the node's word; a disruption may be somebody else's too. */
export const isOwn = (c: PodCondition): boolean =>
  OWN_CONDITIONS.has(c.type) || (c.type === 'DisruptionTarget' && c.reason === DISRUPTED.reason);

/** Why its node had begun to end a pod, as it told before it was started anew itself. Pure. */
export function toldFailure({ phase, reason, message = '', conditions = [] }: PodStatus): Failure | undefined {
  const told = conditions.find((c) => c.type === 'DisruptionTarget' && c.status === 'True' && isOwn(c));
  return told && reason && !isFinal(phase) ? { reason, message, disruption: told.message || true } : undefined;
}

interface Verdict {
  readonly ok: boolean;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/** The condition with the time of its last change, kept from the old status where nothing changed. */
function condition(i: StatusInput, type: string, { ok, reason, message }: Verdict): PodCondition {
  const old = i.pod.status?.conditions?.find((c) => c.type === type);
  const status = ok ? 'True' : 'False';
  const lastTransitionTime = old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : apiTime(i.now);
  return { type, status, ...(reason ? { reason } : {}), ...(message ? { message } : {}), lastTransitionTime };
}

function initialized(i: StatusInput, phase: string, { init, app }: ContainerStatuses): Verdict {
  // A sidecar that is started anew later on does not take it back.
  const begun = app.some((s) => s.state?.running ?? s.state?.terminated);
  const open = (i.pod.spec?.initContainers ?? [])
    .filter((c, n) => (isSidecar(c) ? !begun && !init[n]?.started : init[n]?.state?.terminated?.exitCode !== 0))
    .map((c) => c.name);
  if (phase === 'Succeeded') return { ok: true, reason: 'PodCompleted' };
  if (open.length === 0) return { ok: true };
  const message = `containers with incomplete status: [${open.join(' ')}]`;
  return { ok: false, reason: 'ContainersNotInitialized', message };
}

function containersReady(i: StatusInput, phase: string, { init, app }: ContainerStatuses): Verdict {
  if (phase === 'Failed') return { ok: false, reason: 'PodFailed' };
  if (phase === 'Succeeded') return { ok: false, reason: 'PodCompleted' };
  const sidecars = init.filter((_, n) => {
    const c = i.pod.spec?.initContainers?.[n];
    return c !== undefined && isSidecar(c);
  });
  const unready = [...sidecars, ...app].filter((s) => !s.ready).map((s) => s.name);
  if (unready.length === 0) return { ok: true };
  return { ok: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

/** Readiness gates: conditions others must set before the pod counts as ready. */
function gated(i: StatusInput, ready: Verdict): Verdict {
  if (!ready.ok) return ready;
  const closed = (i.pod.spec?.readinessGates ?? []).flatMap(({ conditionType: type }) => {
    const c = i.pod.status?.conditions?.find((x) => x.type === type);
    if (c?.status === 'True') return [];
    return c
      ? `the status of pod readiness gate "${type}" is not "True", but ${c.status}`
      : `corresponding condition of pod readiness gate "${type}" does not exist.`;
  });
  return closed.length === 0 ? ready : { ok: false, reason: 'ReadinessGatesNotReady', message: closed.join(', ') };
}

function resizing(i: StatusInput): ReturnType<typeof resizeConditions> {
  const unfinished = allContainers(i.pod).some((c) => {
    const [r] = i.runtime.containers.get(c.name) ?? [];
    return r?.state === 'running' && resizeOf(c, r) !== undefined;
  });
  return resizeConditions(i.pendingResize, unfinished);
}

function disrupted(i: StatusInput): PodCondition[] {
  const { message, disruption } = i.failure ?? {};
  if (!disruption) return [];
  const words = disruption === true ? message : disruption;
  return [condition(i, 'DisruptionTarget', { ok: true, ...DISRUPTED, message: words })];
}

/** The conditions of a pod ("Pod Lifecycle", pod conditions), those of others unchanged behind its own. */
export function conditionsOf(i: StatusInput, phase: string, statuses: ContainerStatuses): PodCondition[] {
  const ready = containersReady(i, phase, statuses);
  const own = [
    condition(i, 'PodReadyToStartContainers', { ok: i.runtime.sandbox?.state === 'running' && i.podIps.length > 0 }),
    condition(i, 'Initialized', initialized(i, phase, statuses)),
    condition(i, 'Ready', gated(i, ready)),
    condition(i, 'ContainersReady', ready),
    ...disrupted(i),
    ...resizing(i).map((c) => condition(i, c.type, { ok: true, ...c })),
  ];
  const said = new Set(own.map((c) => c.type));
  return [...own, ...(i.pod.status?.conditions ?? []).filter((c) => !isOwn(c) && !said.has(c.type))];
}
