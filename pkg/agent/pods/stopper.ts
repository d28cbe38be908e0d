import { isReady } from '#api/meta/readiness.ts';
import { containerNamed } from './containers.ts';
import { runHook } from './hooks.ts';
import type { Kill } from './plan.ts';
import type { PodContext } from './pod-context.ts';

/** Time for the pod to leave the endpoints of its services before its processes are told to end. */
const ENDPOINTS_DROP_MS = 1_000;
const RETRY_MS = 1_000;
/** What SIGTERM gets at least, also when hooks or other containers have used the grace up. */
const LEAST_GRACE_MS = 2_000;
const DEFAULT_GRACE_S = 30;

/** Takes down the containers of one pod, in the time they are granted. */
export class Stopper {
  readonly #pod: PodContext;
  /** When each container being stopped is killed at the latest, by record id. */
  readonly #deadlines = new Map<string, number>();
  /** Those that count as not ready from then on, by record id. */
  readonly #withdrawn = new Set<string>();
  #endingSince = 0;

  constructor(pod: PodContext) {
    this.#pod = pod;
  }

  /** Seconds granted; counted from the first kill on once the pod ends. */
  get graceSeconds(): number {
    const { orphan, pod, deps, failure } = this.#pod;
    const asked = pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S;
    const spec = Math.min(asked, failure?.graceSeconds ?? asked);
    // A pod removed by force leaves the API at once, but its processes still get time to end.
    const granted = Math.max(orphan ? 1 : 0, pod.metadata.deletionGracePeriodSeconds ?? spec);
    if (granted === 0 || this.#endingSince === 0) return granted;
    const left = granted - (deps.clock.now() - this.#endingSince) / 1000;
    return Math.max(LEAST_GRACE_MS / 1000, left);
  }

  /** Containers whose end is ordered. A stop that was granted more time than there is now is to be ordered anew. */
  get stopping(): ReadonlySet<string> {
    const latest = this.#pod.terminating
      ? this.#pod.deps.clock.now() + this.graceSeconds * 1000 + LEAST_GRACE_MS
      : Number.POSITIVE_INFINITY;
    return new Set([...this.#deadlines].filter(([, at]) => at <= latest).map(([id]) => id));
  }

  /** Whether a container was taken out of service when its end was ordered. */
  withdrawn(recordId: string): boolean {
    return this.#withdrawn.has(recordId);
  }

  forget(recordId: string): void {
    this.#deadlines.delete(recordId);
    this.#withdrawn.delete(recordId);
  }

  /**
   * The containers of a deleted pod are ready as long as they say so: who has nobody else still turns to them. Others stop
   * serving at once, as their pod is not seen to end.
   */
  #withdraw(recordId: string): void {
    const { terminating, orphan, failure, deps } = this.#pod;
    if (terminating && !orphan && !failure) {
      deps.prober.ending(recordId);
      return;
    }
    deps.prober.forget(recordId);
    this.#withdrawn.add(recordId);
  }

  /** Orders the end of containers; their `die` events bring the next look. */
  kill(targets: readonly Kill[]): void {
    const { deps } = this.#pod;
    const now = deps.clock.now();
    for (const t of targets) {
      this.#deadlines.set(t.record.id, now + t.graceSeconds * 1000);
      this.#withdraw(t.record.id);
      const stopping = t.reason === 'Stopping container';
      this.#pod.event('Normal', 'Killing', stopping ? `Stopping container ${t.record.name}` : t.reason);
    }
    const drop = this.#dropDelay(targets);
    for (const t of targets) {
      this.#stop(t, drop).catch((err: unknown) => {
        this.#deadlines.delete(t.record.id);
        deps.logger.warn({ err, container: t.record.name }, 'stopping failed, will retry');
        deps.again(this.#pod.uid, RETRY_MS);
      });
    }
  }

  /** Milliseconds to hold SIGTERM back so that no new connection is sent to a process that has stopped listening. */
  #dropDelay(targets: readonly Kill[]): number {
    const { terminating, orphan, pod, deps } = this.#pod;
    if (!terminating || this.#endingSince > 0) return 0;
    this.#endingSince = deps.clock.now();
    return !orphan && isReady(pod) && targets.some((t) => t.graceSeconds >= 2) ? ENDPOINTS_DROP_MS : 0;
  }

  async #stop(t: Kill, delayMs: number): Promise<void> {
    const { clock, runtime } = this.#pod.deps;
    const { id, name } = t.record;
    if (t.graceSeconds === 0) {
      await runtime.kill(id, 'SIGKILL');
      return;
    }
    const deadline = clock.now() + t.graceSeconds * 1000;
    const container = containerNamed(this.#pod.pod, name);
    const preStop = container?.lifecycle?.preStop;
    if (delayMs > 0) await clock.sleep(delayMs);
    if (container && preStop) {
      const r = await runHook(this.#pod, { container, id, handler: preStop }, deadline - clock.now());
      if (!r.ok) this.#pod.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${r.message}`);
    }
    const left = Math.max(Math.min(LEAST_GRACE_MS, t.graceSeconds * 1000), deadline - clock.now());
    await runtime.stop(id, Math.max(1, Math.round(left / 1000)));
  }
}
