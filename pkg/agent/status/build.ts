import type { Container, ContainerStatus, Pod, PodStatus } from '#api/kinds/index.ts';
import { isSidecar, restarts } from '../pods/plan.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';

export interface StatusInput {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly podIp: string;
  readonly hostIp: string;
  readonly now: number;
  readonly startedAt: number;
  /** Why a container waits, when it is not just being created. */
  readonly waiting: (container: string) => { reason: string; message: string } | undefined;
  /** Results of readiness and startup probes by record id; true where there is no probe. */
  readonly ready: (record: ContainerRecord, container: Container) => boolean;
  readonly started: (record: ContainerRecord, container: Container) => boolean;
  readonly imageId: (image: string) => string;
}

const rfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function terminated(r: ContainerRecord) {
  const reason = r.oomKilled ? 'OOMKilled' : r.error ? 'StartError' : r.exitCode === 0 ? 'Completed' : 'Error';
  return {
    exitCode: r.exitCode,
    reason,
    ...(r.error ? { message: r.error } : {}),
    startedAt: rfc3339(r.startedAt),
    finishedAt: rfc3339(r.finishedAt),
    containerID: `docker://${r.id}`,
  };
}

function containerStatus(i: StatusInput, c: Container): ContainerStatus {
  const records = i.runtime.containers.get(c.name) ?? [];
  const [r, before] = records;
  const old = [...(i.pod.status?.initContainerStatuses ?? []), ...(i.pod.status?.containerStatuses ?? [])].find(
    (s) => s.name === c.name,
  );
  // What ended stays ended, also when its container was taken away.
  if (!r && old?.state?.terminated) return old;
  const base = { name: c.name, image: c.image ?? '', restartCount: r?.attempt ?? 0 };
  if (!r || r.state === 'created') {
    const waiting = i.waiting(c.name) ?? {
      reason: i.pod.spec?.initContainers?.length && !isInit(i, c) ? 'PodInitializing' : 'ContainerCreating',
    };
    const last = before ? { lastState: { terminated: terminated(before) } } : {};
    return { ...base, ready: false, started: false, imageID: '', state: { waiting }, ...last } as ContainerStatus;
  }
  const common = { ...base, imageID: i.imageId(c.image ?? ''), containerID: `docker://${r.id}` };
  if (r.state === 'running') {
    const started = i.started(r, c);
    return {
      ...common,
      ready: started && i.ready(r, c),
      started,
      state: { running: { startedAt: rfc3339(r.startedAt) } },
      ...(before ? { lastState: { terminated: terminated(before) } } : {}),
    } as ContainerStatus;
  }
  const waiting = i.waiting(c.name);
  if (waiting)
    return {
      ...common,
      ready: false,
      started: false,
      state: { waiting },
      lastState: { terminated: terminated(r) },
    } as ContainerStatus;
  return {
    ...common,
    ready: isInit(i, c) && r.exitCode === 0,
    started: false,
    state: { terminated: terminated(r) },
    ...(before ? { lastState: { terminated: terminated(before) } } : {}),
  } as ContainerStatus;
}

const isInit = (i: StatusInput, c: Container): boolean => i.pod.spec?.initContainers?.includes(c as never) ?? false;

/** Pending, Running, Succeeded or Failed, from the containers ("Pod Lifecycle", pod phase). */
export function phaseOf(i: Pick<StatusInput, 'pod' | 'runtime'>): NonNullable<PodStatus['phase']> {
  const policy = i.pod.spec?.restartPolicy;
  const latest = (c: Container): ContainerRecord | undefined => i.runtime.containers.get(c.name)?.[0];
  for (const c of i.pod.spec?.initContainers ?? []) {
    const r = latest(c);
    if (isSidecar(c)) {
      if (!r || r.state === 'created') return 'Pending';
      continue;
    }
    if (r?.state === 'exited' && r.exitCode === 0) continue;
    return r?.state === 'exited' && policy === 'Never' ? 'Failed' : 'Pending';
  }
  let failed = 0;
  let ended = 0;
  const containers = i.pod.spec?.containers ?? [];
  for (const c of containers) {
    const r = latest(c);
    if (!r || (r.state === 'created' && r.attempt === 0)) return 'Pending';
    if (r.state !== 'exited' || restarts(policy, r.exitCode)) continue;
    ended++;
    if (r.exitCode !== 0) failed++;
  }
  if (ended < containers.length) return 'Running';
  return failed > 0 ? 'Failed' : 'Succeeded';
}

type Condition = NonNullable<PodStatus['conditions']>[number];

/** The condition with the time of its last change, kept from the old status where nothing changed. */
function condition(i: StatusInput, type: string, ok: boolean, reason?: string, message?: string): Condition {
  const old = i.pod.status?.conditions?.find((c) => c.type === type);
  const status = ok ? 'True' : 'False';
  const lastTransitionTime = old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : rfc3339(i.now);
  return {
    type,
    status,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    lastTransitionTime,
  } as Condition;
}

function conditions(
  i: StatusInput,
  phase: string,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
): Condition[] {
  const sidecars = init.filter((_, n) => {
    const c = i.pod.spec?.initContainers?.[n];
    return c !== undefined && isSidecar(c);
  });
  const unready = [...sidecars, ...app].filter((s) => !s.ready).map((s) => s.name);
  const notDone = (i.pod.spec?.initContainers ?? [])
    .filter((c, n) => (isSidecar(c) ? !init[n]?.started : init[n]?.state?.terminated?.exitCode !== 0))
    .map((c) => c.name);
  const over = phase === 'Succeeded' || phase === 'Failed';
  const initialized = notDone.length === 0 || phase === 'Succeeded';
  const why = over
    ? phase === 'Failed'
      ? 'PodFailed'
      : 'PodCompleted'
    : unready.length > 0
      ? 'ContainersNotReady'
      : undefined;
  const text = over || unready.length === 0 ? undefined : `containers with unready status: [${unready.join(' ')}]`;
  const gates = (i.pod.spec?.readinessGates ?? []).filter(
    (g) => !i.pod.status?.conditions?.some((c) => c.type === g.conditionType && c.status === 'True'),
  );
  const ready = !over && unready.length === 0;
  const own = [
    condition(i, 'PodReadyToStartContainers', i.runtime.sandbox?.state === 'running'),
    condition(
      i,
      'Initialized',
      initialized,
      initialized ? (phase === 'Succeeded' ? 'PodCompleted' : undefined) : 'ContainersNotInitialized',
      initialized ? undefined : `containers with incomplete status: [${notDone.join(' ')}]`,
    ),
    gates.length > 0 && ready
      ? condition(
          i,
          'Ready',
          false,
          'ReadinessGatesNotReady',
          `corresponding condition of pod readiness gate "${gates[0]?.conditionType}" does not exist.`,
        )
      : condition(i, 'Ready', ready, why, text),
    condition(i, 'ContainersReady', ready, why, text),
  ];
  const names = new Set(own.map((c) => c.type));
  return [...own, ...(i.pod.status?.conditions ?? []).filter((c) => !names.has(c.type))];
}

/** The status of a pod as its node sees it. Pure. */
export function buildStatus(i: StatusInput): PodStatus {
  const init = (i.pod.spec?.initContainers ?? []).map((c) => containerStatus(i, c));
  const app = (i.pod.spec?.containers ?? []).map((c) => containerStatus(i, c));
  const old = i.pod.status ?? {};
  const settled = old.phase === 'Succeeded' || old.phase === 'Failed' ? old.phase : undefined;
  const phase = settled ?? phaseOf(i);
  return {
    ...old,
    phase,
    conditions: conditions(i, phase, init, app),
    hostIP: i.hostIp,
    hostIPs: [{ ip: i.hostIp }],
    ...(i.podIp ? { podIP: i.podIp, podIPs: [{ ip: i.podIp }] } : {}),
    startTime: old.startTime ?? rfc3339(i.startedAt),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: app,
  };
}
