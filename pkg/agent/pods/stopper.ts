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
  /** The preStop hooks of sidecars that wait for their turn, and then need no other, by record id. */
  readonly #hooks = new Map<string, Promise<void>>();
  #endingSince = 0;

  constructor(pod: PodContext) {
    this.#pod = pod;
  }

  /** Seconds granted from the first kill on. */
  get #granted(): number {
    const { orphan, pod, failure } = this.#pod;
    const asked = pod.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S;
    const spec = Math.min(asked, failure?.graceSeconds ?? asked);
    // A pod removed by force leaves the API at once, but its processes still get time to end.
    return Math.max(orphan ? 1 : 0, pod.metadata.deletionGracePeriodSeconds ?? spec);
  }

  /** What is left of them, less than none when they are over. */
  get #left(): number {
    const passed = this.#endingSince === 0 ? 0 : this.#pod.deps.clock.now() - this.#endingSince;
    return this.#granted - passed / 1000;
  }

  /** Seconds granted; counted from the first kill on once the pod ends. */
  get graceSeconds(): number {
    const granted = this.#granted;
    return granted === 0 || this.#endingSince === 0 ? granted : Math.max(LEAST_GRACE_MS / 1000, this.#left);
  }

  get graceOver(): boolean {
    return this.#left <= 0;
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

  /** Containers that know of the end of their pod, though it may not be their turn yet. */
  get told(): ReadonlySet<string> {
    return new Set([...this.#deadlines.keys(), ...this.#hooks.keys()]);
  }

  forget(recordId: string): void {
    this.#deadlines.delete(recordId);
    this.#withdrawn.delete(recordId);
    this.#hooks.delete(recordId);
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

  /**
   * Orders the end of containers; their `die` events bring the next look.
   * @param later where the pod ends: sidecars whose turn comes when others are down. Their hooks run with those of the others
   * ("Sidecar Containers", pod termination; the kubelet's termination order).
   */
  kill(targets: readonly Kill[], later?: readonly Kill[]): void {
    const { deps } = this.#pod;
    const now = deps.clock.now();
    const drop = this.#dropDelay(targets);
    if (later && this.#endingSince === 0) {
      this.#endingSince = now;
      // Then nobody waits for anybody any more.
      deps.again(this.#pod.uid, this.#granted * 1000);
    }
    for (const t of later ?? []) {
      this.#tell(t);
      this.#hooks.set(t.record.id, this.#hook(t, { delayMs: drop, deadline: now + t.graceSeconds * 1000 }));
    }
    for (const t of targets) {
      this.#deadlines.set(t.record.id, now + t.graceSeconds * 1000);
      if (!this.#hooks.has(t.record.id)) this.#tell(t);
      this.#stop(t, drop).catch((err: unknown) => {
        this.#deadlines.delete(t.record.id);
        deps.logger.warn({ err, container: t.record.name }, 'stopping failed, will retry');
        deps.again(this.#pod.uid, RETRY_MS);
      });
    }
  }

  #tell({ record, reason }: Kill): void {
    this.#withdraw(record.id);
    const stopping = reason === 'Stopping container';
    this.#pod.event('Normal', 'Killing', stopping ? `Stopping container ${record.name}` : reason);
  }

  /** Milliseconds to hold SIGTERM back so that no new connection is sent to a process that has stopped listening. */
  #dropDelay(targets: readonly Kill[]): number {
    const { terminating, orphan, pod } = this.#pod;
    if (!terminating || this.#endingSince > 0) return 0;
    return !orphan && isReady(pod) && targets.some((t) => t.graceSeconds >= 2) ? ENDPOINTS_DROP_MS : 0;
  }

  async #stop(t: Kill, delayMs: number): Promise<void> {
    const { clock, runtime } = this.#pod.deps;
    const { id } = t.record;
    if (t.graceSeconds === 0) {
      await runtime.kill(id, 'SIGKILL');
      return;
    }
    const deadline = clock.now() + t.graceSeconds * 1000;
    await (this.#hooks.get(id) ?? this.#hook(t, { delayMs, deadline }));
    const left = Math.max(Math.min(LEAST_GRACE_MS, t.graceSeconds * 1000), deadline - clock.now());
    await runtime.stop(id, Math.max(1, Math.round(left / 1000)));
  }

  /** Waits, and then runs the preStop hook of a container if it has one. */
  async #hook(
    { record: { id, name } }: Kill,
    o: { readonly delayMs: number; readonly deadline: number },
  ): Promise<void> {
    const { clock } = this.#pod.deps;
    const container = containerNamed(this.#pod.pod, name);
    const handler = container?.lifecycle?.preStop;
    if (o.delayMs > 0) await clock.sleep(o.delayMs);
    if (!container || !handler) return;
    const r = await runHook(this.#pod, { container, id, handler }, o.deadline - clock.now());
    if (!r.ok) this.#pod.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${r.message}`);
  }
}
