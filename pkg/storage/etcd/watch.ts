import type { IDuplexStream, IWatchRequest, WatchClient } from 'etcd3';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { StorageError, type StorageEvent, type Watch, type WatchOptions } from '../storage.ts';
import type { Endpoint, Endpoints } from './endpoints.ts';
import { brief } from './failures.ts';
import { prefixEnd } from './keys.ts';
import { type WatchAnswer, watchAnswer } from './messages.ts';

interface WatchDeps {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface WatchTarget extends WatchOptions {
  readonly prefix: string;
  readonly fromRevision: number;
}

type Stream = IDuplexStream<IWatchRequest, WatchAnswer>;
type CallOptions = NonNullable<Parameters<WatchClient['watch']>[0]>;
type Intercepted = ReturnType<NonNullable<CallOptions['interceptors']>[number]>;

const CREATE_TIMEOUT_MS = 3000;
const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 2000;

/**
 * A member that has lost its leader is to end the stream instead of keeping silent. Answers are read by hand: the package
 * takes several times the processor time for them, and one comes for every write.
 */
const HOW: CallOptions = {
  interceptors: [
    (options, nextCall) => {
      options.method_definition.responseDeserialize = watchAnswer;
      const call = nextCall(options);
      const start = call.start.bind(call);
      call.start = (metadata, listener) => {
        metadata.set('hasleader', 'true');
        start(metadata, listener);
      };
      // Declared more narrowly than it is used: any call with these methods will do.
      return call as Intercepted;
    },
  ],
};

/**
 * A watch that outlives its connections. It always asks for the last revision it has seen once more and drops the
 * repetition: were it to ask for the next one only, etcd before 3.4.33 would silently leave out a deletion when that
 * very revision has become the compaction point.
 */
export class EtcdWatch implements Watch {
  readonly done: Promise<void>;
  readonly #deps: WatchDeps;
  readonly #target: WatchTarget;
  /** Everything up to here was handed on. */
  #seen: number;
  /** Events of the newest revision of a fragmented answer: more of them may follow. */
  #held: StorageEvent[] = [];
  #progressed = false;
  #drop: ((reason: Error) => void) | undefined;

  constructor(deps: WatchDeps, target: WatchTarget) {
    this.#deps = deps;
    this.#target = target;
    this.#seen = target.fromRevision - 1;
    this.done = this.#run();
    // The consumer may look at `done` only later.
    this.done.catch(() => {});
  }

  reconnect(): void {
    this.#drop?.(new Error('the consumer is behind'));
  }

  async #run(): Promise<void> {
    const { signal } = this.#target;
    const { endpoints, clock, logger } = this.#deps;
    for (let failures = 0; !signal.aborted; ) {
      const endpoint = endpoints.current;
      this.#progressed = false;
      this.#held = [];
      try {
        await this.#session(endpoint);
      } catch (e) {
        if (e instanceof StorageError) throw e;
        failures = this.#progressed ? 1 : failures + 1;
        logger.info({ member: endpoint.url, revision: this.#seen, reason: brief(e) }, 'etcd watch interrupted');
        endpoints.failed(endpoint, e);
        const pause = failures <= endpoints.count ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** failures, MAX_PAUSE_MS);
        await clock.sleep(pause * (0.5 + Math.random() / 2), signal).catch(() => {});
      }
    }
  }

  /** One connection: resolves when the signal aborts, rejects when the stream is lost. */
  async #session(endpoint: Endpoint): Promise<void> {
    const { signal } = this.#target;
    // What comes is what HOW reads.
    const stream = (await endpoint.streams.watchClient.watch(HOW)) as unknown as Stream;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#deps.clock.after(CREATE_TIMEOUT_MS, () => reject(new Error('no answer to the watch request')));
    const onAbort = (): void => resolve();
    let over = false;
    this.#drop = reject;
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) resolve();
    stream.on('data', (r) => {
      if (over) return;
      if (r.created) timer.cancel();
      try {
        this.#receive(r);
      } catch (e) {
        over = true;
        reject(e);
      }
    });
    stream.on('error', reject);
    stream.on('end', () => reject(new Error('etcd ended the watch stream')));
    stream.write(this.#request());
    try {
      await promise;
    } finally {
      over = true;
      this.#drop = undefined;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      dispose(stream);
    }
  }

  #request(): IWatchRequest {
    const { prefix, previous } = this.#target;
    return {
      create_request: {
        key: Buffer.from(prefix),
        range_end: prefixEnd(prefix),
        start_revision: Math.max(this.#seen, 1),
        prev_kv: previous ?? false,
        fragment: true,
      },
    };
  }

  #receive(r: WatchAnswer): void {
    const { compactRevision } = r;
    if (compactRevision > 0) {
      throw new StorageError('compacted', 'the history to be watched is compacted', { compactRevision });
    }
    if (r.canceled) throw new Error(`etcd cancelled the watch: ${r.reason}`);
    if (r.created) this.#progressed = true;
    const events = this.#held;
    this.#held = [];
    for (const e of r.events) if (e.modRevision > this.#seen) events.push(e);
    const newest = events.at(-1)?.modRevision;
    if (newest === undefined) return;
    if (r.fragment) {
      // A revision cut in two must not count as seen before its second half is here.
      this.#held = events.splice(events.findIndex((e) => e.modRevision === newest));
    }
    const last = events.at(-1);
    if (!last) return;
    this.#seen = last.modRevision;
    this.#target.onEvents(events);
  }
}

/** A cancelled stream still emits its own cancellation as an error. */
function dispose(stream: Stream): void {
  stream.on('error', () => {});
  stream.end();
  stream.cancel();
}
