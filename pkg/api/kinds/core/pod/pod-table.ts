import type { Column } from '../../../kind.ts';
import { ageColumn, column, NONE, nameColumn, wide } from '../../print/columns.ts';
import { humanDuration } from '../../print/duration.ts';
import { isFinal } from './phase.ts';
import type { Pod } from './pod.ts';
import { isSidecar, lastingContainers } from './sidecars.ts';
import type { ContainerStatus } from './status.ts';

/** What `kubectl get pods` says of a pod in its first columns. */
export interface PodSummary {
  /** "1/2": containers ready of those that keep running. */
  readonly ready: string;
  /** The word in the STATUS column. */
  readonly status: string;
  readonly restarts: number;
  /** End of the last run that was followed by a restart, epoch milliseconds. */
  readonly lastRestart: number | undefined;
}

const isTrue = (pod: Pod, type: string): boolean =>
  pod.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

const ended = (reason: string | undefined, exitCode: number, signal: number | undefined): string =>
  reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);

/** Counts restarts and remembers when the latest run ended. */
class Restarts {
  count = 0;
  last: number | undefined;
  add(s: ContainerStatus): void {
    this.count += s.restartCount;
    const at = s.lastState?.terminated?.finishedAt;
    if (at !== undefined) this.last = Math.max(this.last ?? 0, Date.parse(at));
  }
}

interface InitProgress {
  /** "Init:…" while an init container still has to end, else undefined. */
  readonly status: string | undefined;
  readonly ready: number;
  readonly all: Restarts;
  /** Of the sidecars only: what counts once the pod is initialized. */
  readonly sidecars: Restarts;
}

/** What a single init container holds the pod up with; undefined when it does not. */
function heldUpBy(s: ContainerStatus, sidecar: boolean, position: string): string | undefined {
  const { terminated, waiting } = s.state ?? {};
  if (terminated && terminated.exitCode === 0) return undefined;
  if (sidecar && s.started) return undefined;
  if (terminated) return `Init:${ended(terminated.reason, terminated.exitCode, terminated.signal)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${position}`;
}

function initProgress(pod: Pod): InitProgress {
  const specs = pod.spec?.initContainers ?? [];
  const sidecars = new Set(specs.filter(isSidecar).map((c) => c.name));
  const progress = { all: new Restarts(), sidecars: new Restarts(), ready: 0 };
  for (const [i, s] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecars.has(s.name);
    progress.all.add(s);
    if (sidecar) progress.sidecars.add(s);
    const status = heldUpBy(s, sidecar, `${i}/${specs.length}`);
    if (status !== undefined) return { ...progress, status };
    if (sidecar && s.ready && s.started) progress.ready++;
  }
  return { ...progress, status: undefined };
}

interface MainProgress {
  readonly reason: string | undefined;
  readonly ready: number;
  readonly running: boolean;
}

/** The first container's trouble wins, as it does in kubectl. */
function mainProgress(statuses: readonly ContainerStatus[], restarts: Restarts): MainProgress {
  let reason: string | undefined;
  let ready = 0;
  let running = false;
  for (const s of [...statuses].reverse()) {
    restarts.add(s);
    const { waiting, terminated } = s.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) reason = ended(terminated.reason, terminated.exitCode, terminated.signal);
    else if (s.ready && s.state?.running) {
      running = true;
      ready++;
    }
  }
  return { reason, ready, running };
}

/** The word for a pod that is on its way out, or the given one. */
function whenDeleted(pod: Pod, status: string): string {
  if (!pod.metadata?.deletionTimestamp) return status;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  const over = isFinal(pod.status?.phase);
  return over ? status : 'Terminating';
}

/** READY, STATUS and RESTARTS of a pod. */
export function summarizePod(pod: Pod): PodSummary {
  const init = initProgress(pod);
  const gated = pod.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  let status: string = gated ? 'SchedulingGated' : pod.status?.reason || pod.status?.phase || '';
  let ready = init.ready;
  let restarts = init.all;
  if (init.status !== undefined) status = init.status;
  if (init.status === undefined || isTrue(pod, 'Initialized')) {
    restarts = init.sidecars;
    const main = mainProgress(pod.status?.containerStatuses ?? [], restarts);
    ready += main.ready;
    if (main.reason !== undefined) status = main.reason;
    // Some containers have ended well while others go on.
    if (status === 'Completed' && main.running) status = isTrue(pod, 'Ready') ? 'Running' : 'NotReady';
  }
  return {
    ready: `${ready}/${lastingContainers(pod.spec).length}`,
    status: whenDeleted(pod, status),
    restarts: restarts.count,
    lastRestart: restarts.last,
  };
}

function restartsText(pod: Pod, now: number): string {
  const { restarts, lastRestart } = summarizePod(pod);
  if (restarts === 0 || lastRestart === undefined) return `${restarts}`;
  return `${restarts} (${humanDuration(now - lastRestart)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter((g) => isTrue(pod, g.conditionType)).length}/${gates.length}`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, of all.', (o) => summarizePod(o).ready),
  column('Status', 'What the pod is doing.', (o) => summarizePod(o).status),
  column('Restarts', 'How often containers were restarted, and when last.', restartsText),
  ageColumn,
  wide(column('IP', 'Address of the pod.', (o) => o.status?.podIPs?.[0]?.ip ?? o.status?.podIP ?? NONE)),
  wide(column('Node', 'Node the pod runs on.', (o) => o.spec?.nodeName || NONE)),
  wide(column('Nominated Node', 'Node on which room is being made.', (o) => o.status?.nominatedNodeName || NONE)),
  wide(column('Readiness Gates', 'Readiness gates that are met, of all.', readinessGates)),
];
