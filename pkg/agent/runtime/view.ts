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
/** Events are asked for again from a little before the break: repeats are harmless. */
const OVERLAP_MS = 2000;

const newest = (a: ContainerRecord, b: ContainerRecord): number => b.attempt - a.attempt || b.createdAt - a.createdAt;

/**
 * The runtime's state in memory, from one list and the event stream, so that looking at a pod costs no call. A full list
 * every few minutes is the safety net.
 */
export class RuntimeView {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #byPod = new Map<string, Set<ContainerRecord>>();
  readonly #changed: (podUid: string) => void;
  /** What happened before is in the list that was read last. */
  #since = 0;

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
    const begun = this.#clock.now();
    const listed = await this.#runtime.list();
    this.#since = begun;
    const seen = new Set(listed.map((r) => r.id));
    const touched = new Set<string>();
    for (const r of listed) {
      const known = this.#byId.get(r.id);
      if (known) {
        if (known.state !== r.state) touched.add(r.podUid);
        // An event may have overtaken the list: a container never comes back from its end.
        const { oomKilled } = known;
        if (known.state !== 'exited' || r.state === 'exited') Object.assign(known, r);
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

  /** Follows the runtime until the signal aborts; lists again after every break. `load` must have been called. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const stop = new AbortController();
      const onAbort = (): void => stop.abort();
      signal.addEventListener('abort', onAbort, { once: true });
      const relist = this.#clock.after(RELIST_MS, () => stop.abort(), { unref: true });
      try {
        for await (const e of this.#runtime.events(this.#since - OVERLAP_MS, stop.signal)) this.#apply(e);
      } catch (err) {
        this.#logger.warn({ err }, "the runtime's event stream broke");
      }
      relist.cancel();
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) return;
      try {
        await this.load();
      } catch (err) {
        this.#logger.warn({ err }, 'the runtime does not answer');
        await this.#clock.sleep(RETRY_MS, signal).catch(() => {});
      }
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
    }
    this.#changed(record.podUid);
  }

  #add(r: ContainerRecord): void {
    this.#byId.set(r.id, r);
    const pod = this.#byPod.get(r.podUid) ?? new Set<ContainerRecord>();
    this.#byPod.set(r.podUid, pod.add(r));
  }

  #remove(id: string): void {
    const r = this.#byId.get(id);
    if (!r) return;
    this.#byId.delete(id);
    const pod = this.#byPod.get(r.podUid);
    pod?.delete(r);
    if (pod?.size === 0) this.#byPod.delete(r.podUid);
  }
}
