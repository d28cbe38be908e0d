import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, ContainerStatus } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import { statusOf } from '../pods/containers.ts';
import { restarts } from '../pods/plan.ts';
import { resizeOf } from '../pods/resize.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { StatusInput } from './input.ts';

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;
type Waiting = NonNullable<NonNullable<ContainerStatus['state']>['waiting']>;

/** What a container whose command cannot be started is said to have exited with. */
const START_ERROR_CODE = 128;
const LOST_CODE = 137;

export type ContainerRole = 'init' | 'app' | 'ephemeral';

/**
 * Times the API was told of a container. They stay: the runtime's event and its list may give them a moment apart, and an
 * agent that comes back must not tell another story.
 */
function toldTimes(i: StatusInput, r: ContainerRecord): { readonly startedAt?: string; readonly finishedAt?: string } {
  const old = statusOf(i.pod, r.name);
  const id = `docker://${r.id}`;
  const end = [old?.state?.terminated, old?.lastState?.terminated].find((t) => t?.containerID === id);
  return end ?? (old?.containerID === id ? (old.state?.running ?? {}) : {});
}

function terminated(i: StatusInput, r: ContainerRecord): Terminated {
  const told = toldTimes(i, r);
  const ended = r.oomKilled ? 'OOMKilled' : r.exitCode === 0 ? 'Completed' : 'Error';
  const message = r.error ?? i.message(r.id);
  return {
    exitCode: r.error ? START_ERROR_CODE : r.exitCode,
    reason: r.error ? 'StartError' : ended,
    ...(message ? { message } : {}),
    startedAt: told.startedAt ?? apiTime(r.startedAt),
    finishedAt: told.finishedAt ?? apiTime(r.finishedAt),
    containerID: `docker://${r.id}`,
  };
}

/** The API was told that it runs, and now there is no trace of it. */
function lost(old: ContainerStatus | undefined): Terminated | undefined {
  if (!old?.state?.running) return undefined;
  return {
    exitCode: LOST_CODE,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
    ...(old.state.running.startedAt ? { startedAt: old.state.running.startedAt } : {}),
    ...(old.containerID ? { containerID: old.containerID } : {}),
  };
}

/** How it ended the last time before this one; the API remembers what was taken away here. */
function lastState(i: StatusInput, name: string): Pick<ContainerStatus, 'lastState'> {
  const [r, before] = i.runtime.containers.get(name) ?? [];
  const old = statusOf(i.pod, name);
  const told = old?.state?.terminated ?? lost(old) ?? old?.lastState?.terminated;
  const last = before
    ? terminated(i, before)
    : [told, old?.lastState?.terminated].find((t) => t && t.containerID !== (r && `docker://${r.id}`));
  return last ? { lastState: { terminated: last } } : {};
}

const mountsOf = (c: Container): Pick<ContainerStatus, 'volumeMounts'> =>
  c.volumeMounts?.length
    ? {
        volumeMounts: c.volumeMounts.map(({ name, mountPath, readOnly }) => ({
          name,
          mountPath,
          ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' as const } : {}),
        })),
      }
    : {};

/** Resources set aside and in force: those of the spec, unless a change of them is not done. */
function resourcesOf(i: StatusInput, c: Container, r: ContainerRecord): Partial<ContainerStatus> {
  const { requests, limits } = c.resources ?? {};
  if (!requests && !limits) return {};
  const old = statusOf(i.pod, c.name);
  const inForce = { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) };
  const done = resizeOf(c, r) === undefined;
  const given = done || !i.pendingResize ? requests : (old?.allocatedResources ?? requests);
  return { ...(given ? { allocatedResources: given } : {}), resources: done ? inForce : (old?.resources ?? inForce) };
}

function notThere(i: StatusInput, c: Container, role: ContainerRole): ContainerStatus {
  const old = statusOf(i.pod, c.name);
  const [r] = i.runtime.containers.get(c.name) ?? [];
  const gone = lost(old);
  const again = role !== 'ephemeral' && !i.over && restarts(c.restartPolicy ?? i.pod.spec?.restartPolicy, LOST_CODE);
  if (!r && gone && old && !again) return { ...old, ready: false, started: false, state: { terminated: gone } };
  const waiting: Waiting = i.waiting(c.name) ?? {
    reason: role === 'app' && i.pod.spec?.initContainers?.length ? 'PodInitializing' : 'ContainerCreating',
  };
  return {
    name: c.name,
    image: c.image ?? '',
    restartCount: r?.attempt ?? old?.restartCount ?? 0,
    ready: false,
    started: false,
    imageID: '',
    state: { waiting },
    ...lastState(i, c.name),
  };
}

/** What the API is to be told of one container. Pure. */
export function containerStatus(i: StatusInput, c: Container, role: ContainerRole): ContainerStatus {
  const [r] = i.runtime.containers.get(c.name) ?? [];
  const old = statusOf(i.pod, c.name);
  // What ended stays ended, also when its container was taken away.
  if (!r && old?.state?.terminated) return old;
  if (!r || r.state === 'created') return notThere(i, c, role);
  const common = {
    name: c.name,
    image: c.image ?? '',
    restartCount: r.attempt,
    // What was told of it stays: an agent that comes back has not looked at the images yet, and they may be gone.
    imageID: i.imageId(c.image ?? '') || (old?.containerID === `docker://${r.id}` ? (old.imageID ?? '') : ''),
    containerID: `docker://${r.id}`,
    ...resourcesOf(i, c, r),
    ...mountsOf(c),
  };
  if (r.state === 'running') {
    const started = i.started(r, c);
    const ready = started && i.ready(r, c);
    return {
      ...common,
      ready,
      started,
      state: { running: { startedAt: toldTimes(i, r).startedAt ?? apiTime(r.startedAt) } },
      ...lastState(i, c.name),
    };
  }
  const waiting = i.over ? undefined : i.waiting(c.name);
  if (waiting) {
    const { reason, message } = waiting;
    const state = { waiting: { reason, message } };
    return { ...common, ready: false, started: false, state, lastState: { terminated: terminated(i, r) } };
  }
  return {
    ...common,
    ready: role === 'init' && !isSidecar(c) && r.exitCode === 0,
    started: false,
    state: { terminated: terminated(i, r) },
    ...lastState(i, c.name),
  };
}
