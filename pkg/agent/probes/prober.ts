import type { Container, Pod, Probe } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import type { EventRecorder } from '#client/types.ts';
import { statusOf } from '../pods/containers.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { runProbe } from './run.ts';

export interface ProberDeps {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: EventRecorder;
  /** Called when a result that matters changed. */
  readonly changed: (podUid: string) => void;
}

type ProbeKind = 'startup' | 'liveness' | 'readiness';

interface Watched {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly pod: Stored<Pod>;
  readonly container: Container;
  readonly record: ContainerRecord;
  readonly podIp: string;
  /** The settled result; undefined before the first. */
  result: boolean | undefined;
  streak: number;
  last: boolean | undefined;
  timer: Timer | undefined;
  /** Nobody looks any more; what was found stays. */
  over: boolean;
}

const PROBES = [
  ['startup', 'startupProbe'],
  ['liveness', 'livenessProbe'],
  ['readiness', 'readinessProbe'],
] as const;
/** The first readiness look comes at once: a container that is up in no time should not wait a period to be seen. */
const EAGER_MS = 50;
const EAGER_EXEC_MS = 250;
const EAGER_FOR_MS = 2000;
const PERIOD_MS = 10_000;

/** Probes of all running containers: one timer each, nothing polled in between ("Configure Liveness, Readiness and Startup Probes"). */
export class Prober {
  readonly #d: ProberDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ProberDeps) {
    this.#d = deps;
  }

  static #key = (record: string, kind: ProbeKind): string => `${record} ${kind}`;

  #result(record: ContainerRecord, kind: ProbeKind): boolean | undefined {
    return this.#watched.get(Prober.#key(record.id, kind))?.result;
  }

  /** Starts the probes of a running container, of a pod that ends that of readiness alone; harmless to repeat. */
  watch(pod: Stored<Pod>, container: Container, record: ContainerRecord, podIp: string): void {
    for (const [kind, field] of PROBES) {
      const probe = container[field];
      const key = Prober.#key(record.id, kind);
      if (!probe || this.#watched.has(key)) continue;
      const told = statusOf(pod, record.name);
      // A container that this agent found running: what the API was told of it holds until a probe says otherwise.
      const adopted = told?.containerID === `docker://${record.id}`;
      const known =
        (adopted && { startup: told.started, readiness: told.ready, liveness: undefined }[kind]) || undefined;
      const over = kind !== 'readiness' && pod.metadata.deletionTimestamp !== undefined;
      const more = { result: known, streak: 0, last: undefined, timer: undefined, over };
      const w: Watched = { kind, probe, pod, container, record, podIp, ...more };
      this.#watched.set(key, w);
      if (over || (kind === 'startup' && known)) continue;
      const delay = (probe.initialDelaySeconds ?? 0) * 1000;
      const age = this.#d.clock.now() - record.startedAt;
      // A restarted agent spreads the probes of all its containers over their periods.
      const spread = adopted && (known === true || kind === 'liveness');
      const first = spread ? Math.random() * periodOf(probe) : EAGER_MS;
      this.#schedule(w, Math.max(first, delay - age));
    }
  }

  /** The pod of a container ends: whether it is ready is still to be known, and nothing else ("Pod Lifecycle", termination). */
  ending(recordId: string): void {
    for (const kind of ['startup', 'liveness'] as const) {
      const w = this.#watched.get(Prober.#key(recordId, kind));
      w?.timer?.cancel();
      if (w) w.over = true;
    }
  }

  /** Ends the probes of a container. */
  forget(recordId: string): void {
    for (const [kind] of PROBES) {
      const key = Prober.#key(recordId, kind);
      this.#watched.get(key)?.timer?.cancel();
      this.#watched.delete(key);
    }
  }

  ready(record: ContainerRecord, c: Container): boolean {
    return !c.readinessProbe || this.#result(record, 'readiness') === true;
  }

  started(record: ContainerRecord, c: Container): boolean {
    return !c.startupProbe || this.#result(record, 'startup') === true;
  }

  /** A failed startup or liveness probe, because of which the container must be restarted. */
  unhealthy(
    record: ContainerRecord,
  ): { readonly reason: string; readonly graceSeconds?: number | undefined } | undefined {
    for (const kind of ['startup', 'liveness'] as const) {
      const w = this.#watched.get(Prober.#key(record.id, kind));
      if (w?.result !== false) continue;
      return { reason: `failed ${kind} probe`, graceSeconds: w.probe.terminationGracePeriodSeconds };
    }
    return undefined;
  }

  #schedule(w: Watched, ms: number): void {
    w.timer = this.#d.clock.after(ms, () => {
      this.#look(w).catch(() => {});
    });
  }

  async #look(w: Watched): Promise<void> {
    const { record, container, probe } = w;
    const alive = (): boolean => !w.over && this.#watched.get(Prober.#key(record.id, w.kind)) === w;
    const waits = w.kind !== 'startup' && !this.started(record, container);
    if (!waits) {
      const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
      const target = { containerId: record.id, podIp: w.podIp, timeoutMs };
      const r = await runProbe(probe, container, target, this.#d.runtime);
      if (!alive()) return;
      this.#settle(w, r.ok, r.message);
      // A startup probe has done its work once it succeeded.
      if (w.kind === 'startup' && w.result === true) return;
    }
    const soon = probe.exec ? EAGER_EXEC_MS : EAGER_MS;
    this.#schedule(w, this.#eager(w) ? Math.min(soon, periodOf(probe)) : periodOf(probe));
  }

  /** While a container comes up, readiness is looked for more often than asked, and failures are no news. */
  #eager(w: Watched): boolean {
    const young = this.#d.clock.now() - w.record.startedAt < EAGER_FOR_MS;
    return w.kind === 'readiness' && w.result !== true && young && (w.probe.successThreshold ?? 1) === 1;
  }

  #settle(w: Watched, ok: boolean, message: string): void {
    w.streak = w.last === ok ? w.streak + 1 : 1;
    w.last = ok;
    if (!ok && !(this.#eager(w) && w.result === undefined)) this.#report(w, message);
    const needed = ok ? (w.probe.successThreshold ?? 1) : (w.probe.failureThreshold ?? 3);
    // Before its first success a container is not ready, whatever the failure threshold.
    if (w.streak < needed || w.result === ok) return;
    w.result = ok;
    this.#d.changed(w.record.podUid);
  }

  #report(w: Watched, message: string): void {
    const name = w.kind[0]?.toUpperCase() + w.kind.slice(1);
    const pod = { ...w.pod, kind: 'Pod', apiVersion: 'v1' };
    this.#d.events.event(pod, 'Warning', 'Unhealthy', `${name} probe failed: ${message}`);
  }

  close(): void {
    for (const w of this.#watched.values()) w.timer?.cancel();
    this.#watched.clear();
  }
}

const periodOf = (probe: Probe): number => (probe.periodSeconds ?? PERIOD_MS / 1000) * 1000;
