import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { ContainerRecord, Runtime, RuntimeEvent } from './types.ts';

/** What runs of one pod. */
export interface PodRuntime {
  /** The newest sandbox. */
  readonly sandbox: ContainerRecord | undefined;
  /** Older sandboxes that were not removed yet. */
  readonly staleSandboxes: readonly ContainerRecord[];
  /** By container name: newest attempt first. */
  readonly containers: ReadonlyMap<string, readonly ContainerRecord[]>;
}

const RELIST_MS = 300_000;
const RETRY_MS = 1000;
/** Docker answers a little before it listens: events are asked for from before that on. Repeats are harmless. */
const OVERLAP_MS = 2000;
/** No container goes back to an earlier one. */
const STATES: readonly ContainerRecord['state'][] = ['created', 'running', 'exited'];

const newest = (a: ContainerRecord, b: ContainerRecord): number => b.attempt - a.attempt || b.createdAt - a.createdAt;

/**
 * The runtime's state in memory, from one list and the event stream, so that looking at a pod costs no call. A full list
 * every few minutes is the safety net. The stream is always there before the list is read: Docker remembers no more than
 * its last 256 events, and the commands of probes are among those, so that what happened in between would be lost.
 */
export class RuntimeView {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #byPod = new Map<string, Set<ContainerRecord>>();
  readonly #changed: (podUid: string) => void;
  /** For each list being read, what was removed meanwhile. */
  readonly #removals = new Set<Set<string>>();

  constructor(deps: { runtime: Runtime; clock: Clock; logger: Logger; changed: (podUid: string) => void }) {
    this.#runtime = deps.runtime;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#changed = deps.changed;
  }

  /** Pods of which the runtime holds anything. */
  podUids(): string[] {
    return [...this.#byPod.keys()];
  }

  /** Any record of the pod, for its name. */
  any(podUid: string): ContainerRecord | undefined {
    return this.#byPod.get(podUid)?.values().next().value;
  }

  pod(podUid: string): PodRuntime {
    const sandboxes: ContainerRecord[] = [];
    const containers = new Map<string, ContainerRecord[]>();
    for (const r of this.#byPod.get(podUid) ?? []) {
      if (r.name === '') sandboxes.push(r);
      else containers.set(r.name, [...(containers.get(r.name) ?? []), r].sort(newest));
    }
    sandboxes.sort(newest);
    return { sandbox: sandboxes[0], staleSandboxes: sandboxes.slice(1), containers };
  }

  /** Addresses of sandboxes that may have them still, whosever they are. */
  addresses(): readonly string[] {
    return [...this.#byId.values()].flatMap((r) => (r.state === 'exited' ? [] : (r.addresses ?? [])));
  }

  byId(id: string): ContainerRecord | undefined {
    return this.#byId.get(id);
  }

  /** Puts in what an own action just did, without waiting for its event. */
  note(record: ContainerRecord): void {
    const known = this.#byId.get(record.id);
    // Its event may have come first, and tells less.
    if (known) known.limits ??= record.limits;
    else this.#add(record);
  }

  /** An own start succeeded. */
  started(id: string, at: number): void {
    const r = this.#byId.get(id);
    if (!r || r.state === 'exited') return;
    r.state = 'running';
    if (r.startedAt === 0) r.startedAt = at;
  }

  /** An own start failed: it counts as an end. */
  failed(id: string, at: number, failure: { readonly exitCode: number; readonly message: string }): void {
    const r = this.#byId.get(id);
    if (r) Object.assign(r, { state: 'exited', exitCode: failure.exitCode, error: failure.message, finishedAt: at });
  }

  /** An own removal succeeded. */
  drop(id: string): void {
    this.#remove(id);
  }

  async load(): Promise<void> {
    const before = new Set(this.#byId.keys());
    const removed = new Set<string>();
    this.#removals.add(removed);
    const all = await this.#runtime.list().finally(() => this.#removals.delete(removed));
    const listed = all.filter((r) => !removed.has(r.id));
    const seen = new Set(listed.map((r) => r.id));
    const touched = new Set<string>();
    for (const r of listed) {
      const known = this.#byId.get(r.id);
      if (known) {
        if (known.state !== r.state) touched.add(r.podUid);
        // An event may have overtaken the list.
        const { oomKilled } = known;
        if (STATES.indexOf(r.state) >= STATES.indexOf(known.state)) Object.assign(known, r);
        // The list does not know of a process that was killed while the container lived on.
        known.oomKilled ||= oomKilled;
      } else {
        this.#add(r);
        touched.add(r.podUid);
      }
    }
    for (const r of [...this.#byId.values()]) {
      // What was made while the list was being read is not in it.
      if (seen.has(r.id) || !before.has(r.id)) continue;
      this.#remove(r.id);
      touched.add(r.podUid);
    }
    for (const uid of touched) this.#changed(uid);
  }

  /** Follows the runtime until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (err) {
        if (signal.aborted) return;
        this.#logger.warn({ err }, 'the runtime cannot be followed, will retry');
        await this.#clock.sleep(RETRY_MS, signal).catch(() => {});
      }
    }
  }

  /** Follows one stream of events until the next list is due. */
  async #follow(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    const relist = this.#clock.after(RELIST_MS, () => stop.abort(), { unref: true });
    try {
      const events = await this.#runtime.events(this.#clock.now() - OVERLAP_MS, stop.signal);
      const applied = async (): Promise<void> => {
        for await (const e of events) this.#apply(e);
        if (!stop.signal.aborted) throw new Error("the runtime's event stream ended");
      };
      await Promise.all([applied(), this.load()]);
    } finally {
      relist.cancel();
      stop.abort();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #apply({ type, record }: RuntimeEvent): void {
    if (type === 'destroy') {
      this.#remove(record.id);
      this.#changed(record.podUid);
      return;
    }
    let known = this.#byId.get(record.id);
    if (!known) {
      if (type !== 'create' && type !== 'start') return;
      this.#add(record);
      known = record;
    }
    if (type === 'start' && known.state === 'created') {
      known.state = 'running';
      known.startedAt = record.startedAt;
    }
    if (type === 'oom') known.oomKilled = true;
    if (type === 'die') {
      known.state = 'exited';
      known.exitCode = record.exitCode;
      known.finishedAt = record.finishedAt;
      known.oomKilled ||= record.oomKilled;
    }
    this.#changed(record.podUid);
  }

  #add(r: ContainerRecord): void {
    this.#byId.set(r.id, r);
    const pod = this.#byPod.get(r.podUid) ?? new Set<ContainerRecord>();
    this.#byPod.set(r.podUid, pod.add(r));
  }

  #remove(id: string): void {
    for (const removed of this.#removals) removed.add(id);
    const r = this.#byId.get(id);
    if (!r) return;
    this.#byId.delete(id);
    const pod = this.#byPod.get(r.podUid);
    pod?.delete(r);
    if (pod?.size === 0) this.#byPod.delete(r.podUid);
  }
}
