import { randomUUID } from 'node:crypto';
import { type Event, Events } from '#api/kinds/core/event.ts';
import { isNotFound, StatusError } from '#api/meta/errors.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { RateLimit } from '#async/rate-limit.ts';
import type { Logger } from '#process/logger.ts';
import { ConnectionError } from './connection-error.ts';
import { createSpamFilter, type SpamFilter } from './event-limits.ts';
import type { Client, EventRecorder } from './types.ts';

export interface EventRecorderDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** `source.component`, e.g. "kubelet". */
  readonly component: string;
  readonly host: string;
  readonly logger: Logger;
  /** How often the API is written to; further events wait. */
  readonly rate?: RateLimit;
}

/** Series waiting to be written; more drop the oldest. */
const MAX_WAITING = 1000;
/** Written at a time. */
const PARALLEL = 8;
/** Series remembered for counting. */
const MAX_SERIES = 2048;
/** A series not repeated within this starts anew, milliseconds. */
const SERIES_MS = 600_000;
const MAX_MESSAGE = 1024;
const WRITE_TIMEOUT_MS = 10_000;
/** Tries while the server cannot be reached, with growing pauses: about a minute in all. */
const MAX_TRIES = 6;
const RETRY_MS = 2000;
const MAX_RETRY_MS = 20_000;

type About = Parameters<EventRecorder['event']>[0];

/** 16 hexadecimal digits. UUIDs are made of random bytes that were drawn ahead: drawing eight costs as much as all else here. */
const suffix = (): string => randomUUID().replaceAll('-', '').slice(-16);

/** Equal events, counted into one object. */
interface Series {
  readonly key: string;
  readonly event: Event;
  /** Times it happened, and how many of them are stored. */
  count: number;
  stored: number;
  lastAt: number;
  tries: number;
}

/** Puts the entry last in a Map kept in order of use; drops the first over `limit`. */
function remember<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value as string);
}

/** See EventRecorder. Repeats of one event (object, type, reason, message) become a growing `count` on one object. */
export function createEventRecorder(deps: EventRecorderDeps): EventRecorder {
  return new Recorder(deps);
}

class Recorder implements EventRecorder {
  readonly #deps: EventRecorderDeps;
  readonly #spam: SpamFilter;
  readonly #series = new Map<string, Series>();
  /** Series with something to write, oldest first; never one that is being written. */
  readonly #waiting = new Map<string, Series>();
  readonly #writing = new Map<string, Promise<void>>();
  /** Aborted by `flush`: pauses between tries end, and the next failure is final. */
  #hurry = new AbortController();

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
    this.#spam = createSpamFilter(deps.clock);
  }

  event(about: About, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const object = about.metadata.uid ?? `${about.kind}/${about.metadata.namespace}/${about.metadata.name}`;
    if (!this.#spam.allows(object)) return;
    const now = this.#deps.clock.now();
    const key = [object, type, reason, message].join('\0');
    let series = this.#series.get(key);
    if (series && now - series.lastAt < SERIES_MS) {
      series.count++;
      series.lastAt = now;
    } else {
      const event = this.#compose(about, { type, reason, message });
      series = { key, event, count: 1, stored: 0, lastAt: now, tries: 0 };
    }
    remember(this.#series, key, series, MAX_SERIES);
    this.#enqueue(series);
    this.#pump();
  }

  #compose(about: About, what: { type: string; reason: string; message: string }): Event {
    const { component, host, clock } = this.#deps;
    const { name, namespace, uid, resourceVersion } = about.metadata as About['metadata'] & {
      resourceVersion?: string;
    };
    const now = apiTime(clock.now());
    return {
      metadata: { name: `${name}.${suffix()}`, namespace: namespace || 'default' },
      involvedObject: {
        ...(about.apiVersion ? { apiVersion: about.apiVersion } : {}),
        ...(about.kind ? { kind: about.kind } : {}),
        name,
        ...(namespace ? { namespace } : {}),
        ...(uid ? { uid } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
      },
      reason: what.reason,
      message: what.message.slice(0, MAX_MESSAGE),
      type: what.type,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
  }

  #enqueue(series: Series): void {
    if (this.#writing.has(series.key) || this.#waiting.has(series.key)) return;
    remember(this.#waiting, series.key, series, MAX_WAITING);
  }

  #pump(): void {
    while (this.#writing.size < PARALLEL) {
      const [next] = this.#waiting.values();
      if (!next) return;
      this.#waiting.delete(next.key);
      this.#writing.set(
        next.key,
        this.#write(next).finally(() => {
          this.#writing.delete(next.key);
          // Repeats that came meanwhile, or another series under the same key.
          const newest = this.#series.get(next.key);
          if (newest && newest.stored < newest.count && newest.tries === 0) this.#enqueue(newest);
          this.#pump();
        }),
      );
    }
  }

  /** Writes what is not stored yet; keeps trying while the server cannot be reached. Never rejects. */
  async #write(series: Series): Promise<void> {
    for (;;) {
      // A flush lets nobody wait.
      if (this.#deps.rate) await this.#deps.rate.turn(this.#hurry.signal).catch(() => {});
      const { count } = series;
      try {
        await this.#store(series);
        series.stored = count;
        series.tries = 0;
        return;
      } catch (err) {
        series.tries++;
        if (!isPassing(err) || series.tries >= MAX_TRIES || this.#hurry.signal.aborted) {
          this.#deps.logger.debug({ err, reason: series.event.reason }, 'an event was not written');
          this.#series.delete(series.key);
          return;
        }
        const pause = Math.min(RETRY_MS * 2 ** (series.tries - 1), MAX_RETRY_MS);
        await this.#deps.clock.sleep(pause, this.#hurry.signal).catch(() => {});
      }
    }
  }

  async #store({ event, count, stored, lastAt }: Series): Promise<void> {
    const { client } = this.#deps;
    const call = { timeoutMs: WRITE_TIMEOUT_MS };
    const body = { count, lastTimestamp: apiTime(lastAt) };
    const { name = '', namespace = '' } = event.metadata ?? {};
    if (stored > 0) {
      try {
        await client.patch(Events, { name, namespace }, { type: 'strategic', body }, call);
        return;
      } catch (e) {
        // Expired meanwhile.
        if (!isNotFound(e)) throw e;
      }
    }
    await client.create(Events, { ...event, ...body }, call);
  }

  async flush(): Promise<void> {
    this.#hurry.abort();
    while (this.#writing.size > 0) await Promise.all(this.#writing.values());
    this.#hurry = new AbortController();
  }
}

/** Worth another try: the server was away or busy. A refusal is final. */
const isPassing = (e: unknown): boolean =>
  e instanceof ConnectionError || (e instanceof StatusError && (e.code === 429 || e.code >= 500));
