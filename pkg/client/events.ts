import { randomBytes } from 'node:crypto';
import { type Event, Events } from '#api/kinds/core/event.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Client, EventRecorder } from './types.ts';

export interface EventRecorderDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** `source.component`, e.g. "kubelet". */
  readonly component: string;
  readonly host: string;
  readonly logger: Logger;
}

/** Waiting events; more drop the oldest. */
const MAX_BUFFERED = 1000;
/** Written at a time. */
const PARALLEL = 8;
/** Series remembered for counting. */
const MAX_SERIES = 2048;
/** A series not repeated within this starts anew, milliseconds. */
const SERIES_MS = 600_000;
/** Per object: this many at once, then one in five minutes (client-go's spam filter). */
const BURST = 25;
const REFILL_MS = 300_000;
const WRITE_TIMEOUT_MS = 10_000;

type About = Parameters<EventRecorder['event']>[0];

interface Pending {
  readonly event: Event;
  readonly series: string;
}
interface Series {
  name: string;
  namespace: string;
  count: number;
  at: number;
}

const seconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Recreates a Map's order so that the entry is the newest; drops the oldest over `limit`. */
function remember<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value as string);
}

/** See EventRecorder. Repeats of one event become a growing `count` on one object. */
export function createEventRecorder(deps: EventRecorderDeps): EventRecorder {
  return new Recorder(deps);
}

class Recorder implements EventRecorder {
  readonly #deps: EventRecorderDeps;
  readonly #queue: Pending[] = [];
  readonly #series = new Map<string, Series>();
  readonly #tokens = new Map<string, { left: number; at: number }>();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
  }

  event(about: About, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const object = about.metadata.uid ?? `${about.metadata.namespace}/${about.metadata.name}`;
    if (!this.#allowed(`${object} ${reason}`)) return;
    const now = seconds(this.#deps.clock.now());
    const namespace = about.metadata.namespace || 'default';
    const { component, host } = this.#deps;
    const event: Event = {
      metadata: { name: `${about.metadata.name}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: referenceTo(about),
      reason,
      message: message.slice(0, 1024),
      type,
      source: { component, host },
      reportingComponent: component,
      reportingInstance: host,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    if (this.#queue.length >= MAX_BUFFERED) this.#queue.shift();
    this.#queue.push({ event, series: [object, type, reason, message].join('\0') });
    this.#pump();
  }

  #allowed(key: string): boolean {
    const now = this.#deps.clock.now();
    const known = this.#tokens.get(key) ?? { left: BURST, at: now };
    const left = Math.min(BURST, known.left + (now - known.at) / REFILL_MS);
    remember(this.#tokens, key, { left: Math.max(0, left - 1), at: now }, MAX_SERIES);
    return left >= 1;
  }

  #pump(): void {
    while (this.#running.size < PARALLEL) {
      const next = this.#queue.shift();
      if (!next) return;
      const done = this.#write(next)
        .catch((err: unknown) => this.#deps.logger.debug({ err }, 'an event was not written'))
        .finally(() => {
          this.#running.delete(done);
          this.#pump();
        });
      this.#running.add(done);
    }
  }

  async #write({ event, series }: Pending): Promise<void> {
    const now = this.#deps.clock.now();
    const known = this.#series.get(series);
    if (known && now - known.at < SERIES_MS) {
      known.count++;
      known.at = now;
      const body = { count: known.count, lastTimestamp: event.lastTimestamp };
      try {
        await this.#deps.client.patch(Events, known, { type: 'strategic', body }, { timeoutMs: WRITE_TIMEOUT_MS });
        return;
      } catch (e) {
        if (!isNotFound(e)) throw e;
      }
    }
    const { name = '', namespace = '' } = event.metadata ?? {};
    remember(this.#series, series, { name, namespace, count: 1, at: now }, MAX_SERIES);
    await this.#deps.client.create(Events, event, { timeoutMs: WRITE_TIMEOUT_MS });
  }

  async flush(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

const referenceTo = (about: About & KubeObject): Event['involvedObject'] => ({
  ...(about.apiVersion ? { apiVersion: about.apiVersion } : {}),
  ...(about.kind ? { kind: about.kind } : {}),
  name: about.metadata.name,
  ...(about.metadata.namespace ? { namespace: about.metadata.namespace } : {}),
  ...(about.metadata.uid ? { uid: about.metadata.uid } : {}),
  ...('resourceVersion' in about.metadata ? { resourceVersion: String(about.metadata.resourceVersion) } : {}),
});
