import type { Container, Pod, Probe } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import type { EventRecorder } from '#client/types.ts';
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
}

const PROBES = [
  ['startup', 'startupProbe'],
  ['liveness', 'livenessProbe'],
  ['readiness', 'readinessProbe'],
] as const;
/** The first readiness look comes at once: a container that is up in no time should not wait a period to be seen. */
const EAGER_MS = 100;

/** Probes of all running containers: one timer each, nothing polled in between ("Configure Liveness, Readiness and Startup Probes"). */
export class Prober {
  readonly #d: ProberDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ProberDeps) {
    this.#d = deps;
  }

  static #key = (record: string, kind: ProbeKind): string => `${record} ${kind}`;

  /** Starts the probes of a running container; harmless to repeat. */
  watch(pod: Stored<Pod>, container: Container, record: ContainerRecord, podIp: string): void {
    for (const [kind, field] of PROBES) {
      const probe = container[field];
      const key = Prober.#key(record.id, kind);
      if (!probe || this.#watched.has(key)) continue;
      const w: Watched = {
        kind,
        probe,
        pod,
        container,
        record,
        podIp,
        result: undefined,
        streak: 0,
        last: undefined,
        timer: undefined,
      };
      this.#watched.set(key, w);
      const delay = (probe.initialDelaySeconds ?? 0) * 1000;
      const age = this.#d.clock.now() - record.startedAt;
      this.#schedule(w, Math.max(EAGER_MS, delay - age));
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
    return !c.readinessProbe || this.#watched.get(Prober.#key(record.id, 'readiness'))?.result === true;
  }

  started(record: ContainerRecord, c: Container): boolean {
    return !c.startupProbe || this.#watched.get(Prober.#key(record.id, 'startup'))?.result === true;
  }

  /** A failed liveness or startup probe: the container must be restarted. */
  unhealthy(record: ContainerRecord): boolean {
    return (['startup', 'liveness'] as const).some(
      (k) => this.#watched.get(Prober.#key(record.id, k))?.result === false,
    );
  }

  #schedule(w: Watched, ms: number): void {
    w.timer = this.#d.clock.after(ms, () => {
      this.#look(w).catch(() => {});
    });
  }

  async #look(w: Watched): Promise<void> {
    const { record, container, probe } = w;
    const alive = (): boolean => this.#watched.get(Prober.#key(record.id, w.kind)) === w;
    const waits = w.kind !== 'startup' && !this.started(record, container);
    if (!waits) {
      const r = await runProbe(probe, container, { containerId: record.id, podIp: w.podIp }, this.#d.runtime);
      if (!alive()) return;
      this.#settle(w, r.ok, r.message);
      // A startup probe has done its work once it succeeded.
      if (w.kind === 'startup' && w.result === true) return;
    }
    const eager = w.kind === 'readiness' && w.result !== true && this.#d.clock.now() - record.startedAt < 2000;
    this.#schedule(w, eager ? EAGER_MS : (probe.periodSeconds ?? 10) * 1000);
  }

  #settle(w: Watched, ok: boolean, message: string): void {
    w.streak = w.last === ok ? w.streak + 1 : 1;
    w.last = ok;
    if (!ok) this.#report(w, message);
    const needed = ok ? (w.probe.successThreshold ?? 1) : (w.probe.failureThreshold ?? 3);
    // Before its first success a container is not ready, whatever the failure threshold.
    if (w.streak < needed || w.result === ok) return;
    w.result = ok;
    this.#d.changed(w.record.podUid);
  }

  #report(w: Watched, message: string): void {
    const name = w.kind[0]?.toUpperCase() + w.kind.slice(1);
    // Failing while still coming up is no news.
    if (w.kind === 'readiness' && w.result === undefined && this.#d.clock.now() - w.record.startedAt < 2000) return;
    this.#d.events.event(
      { ...w.pod, kind: 'Pod', apiVersion: 'v1' },
      'Warning',
      'Unhealthy',
      `${name} probe failed: ${message}`,
    );
  }

  close(): void {
    for (const w of this.#watched.values()) w.timer?.cancel();
    this.#watched.clear();
  }
}
