import { type Pod, type PodStatus, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock, Timer } from '#async/clock.ts';
import { createLatestWorker, type LatestWorker } from '#async/latest-worker.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { type OwnStatus, ownPart, statusPatch } from './own.ts';
import { comingUp } from './progress.ts';
import { isReplaced } from './replaced.ts';

export interface PublisherDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called when a status may have to be published anew. */
  readonly stale: (podUid: string) => void;
}

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;
/** A pod that comes up is told of after this if it is not up by then, milliseconds: most are, which saves every watcher two looks. */
const COMING_MS = 1_000;

/** What was handed over last for a pod, and what the API made of it. */
interface Sent {
  readonly own: OwnStatus;
  /** As the API answered to the write, once it did. */
  shown?: { readonly own: OwnStatus; readonly version: bigint };
}

interface Pending {
  readonly pod: Stored<Pod>;
  readonly sent: Sent;
}

/** News that can wait until there is more. */
interface Held {
  pending: Pending;
  readonly timer: Timer;
}

const versionOf = (pod: Stored<Pod>): bigint => BigInt(pod.metadata.resourceVersion || 0);

/** Writes pod statuses: only changes, only the newest of each pod, only what is the node's, until they are there. */
export class StatusPublisher {
  readonly #deps: PublisherDeps;
  readonly #worker: LatestWorker<Pending>;
  readonly #sent = new Map<string, Sent>();
  readonly #held = new Map<string, Held>();
  /** Pods that were seen while a write was under way. */
  readonly #unjudged = new Map<string, Stored<Pod>>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#worker = createLatestWorker<Pending>({
      run: async (uid, pending, signal) => {
        await this.#write(pending, signal);
        if (this.#unjudged.has(uid)) deps.clock.after(0, () => this.#judge(uid));
      },
      onError: (uid, err) => deps.logger.error({ err, uid }, 'status was not written'),
    });
  }

  /** The status of a pod with the node's last word over what the API shows, which may not be there yet. */
  newest(pod: Stored<Pod>): PodStatus {
    const own = this.#sent.get(pod.metadata.uid)?.own;
    if (!own) return pod.status ?? {};
    const foreign = (pod.status?.conditions ?? []).filter((c) => !own.conditions?.some((o) => o.type === c.type));
    return { ...pod.status, ...own, conditions: [...(own.conditions ?? []), ...foreign] };
  }

  publish(pod: Stored<Pod>, status: PodStatus): void {
    const { uid } = pod.metadata;
    const own = ownPart(status);
    if (sameJson(this.#sent.get(uid)?.own ?? ownPart(pod.status ?? {}), own)) return;
    const sent: Sent = { own };
    this.#sent.set(uid, sent);
    const held = this.#held.get(uid);
    if (held) held.pending = { pod, sent };
    else if (comingUp(own)) this.#hold(uid, { pod, sent });
    else this.#worker.update(uid, { pod, sent });
    if (held && !comingUp(own)) this.#letGo(uid);
  }

  #hold(uid: string, pending: Pending): void {
    const timer = this.#deps.clock.after(COMING_MS, () => this.#letGo(uid), { unref: true });
    this.#held.set(uid, { pending, timer });
  }

  #letGo(uid: string): void {
    const held = this.#held.get(uid);
    if (!held) return;
    held.timer.cancel();
    this.#held.delete(uid);
    this.#worker.update(uid, held.pending);
  }

  /**
   * Takes notice of what the API shows. When somebody else changed what is the node's (the node controller does, while a
   * node is silent), then what was sent last no longer holds, and the next `publish` writes again.
   */
  seen(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    if (this.#worker.has(uid)) {
      this.#unjudged.set(uid, pod);
      return;
    }
    const shown = this.#sent.get(uid)?.shown;
    if (!shown || versionOf(pod) <= shown.version) return;
    if (!sameJson(shown.own, ownPart(pod.status ?? {}))) this.#sent.delete(uid);
  }

  #judge(uid: string): void {
    const pod = this.#unjudged.get(uid);
    if (!pod || this.#worker.has(uid)) return;
    this.#unjudged.delete(uid);
    this.seen(pod);
    if (!this.#sent.has(uid)) this.#deps.stale(uid);
  }

  /** Resolves when what was handed over for a pod is written, or never will be. */
  written(uid: string): Promise<void> {
    this.#letGo(uid);
    return this.#worker.settled(uid);
  }

  forget(uid: string): void {
    this.#sent.delete(uid);
    this.#unjudged.delete(uid);
    this.#held.get(uid)?.timer.cancel();
    this.#held.delete(uid);
    this.#worker.cancel(uid);
  }

  async #write({ pod, sent }: Pending, cancelled: AbortSignal): Promise<void> {
    const { client, clock, signal, logger } = this.#deps;
    const { name, namespace = '', uid } = pod.metadata;
    const body = { metadata: { uid }, status: statusPatch(sent.own, pod.status ?? {}) };
    for (let wait = FIRST_RETRY_MS; !signal.aborted && !cancelled.aborted; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        const answer = await client.patch(
          Pods,
          { name, namespace, subresource: 'status' },
          { type: 'strategic', body, fieldManager: 'kubelet' },
          { timeoutMs: TIMEOUT_MS, signal },
        );
        sent.shown = { own: ownPart(answer.status ?? {}), version: versionOf(answer) };
        return;
      } catch (err) {
        if (
          isNotFound(err) ||
          isInvalid(err) ||
          (isConflict(err) && (await isReplaced(client, pod, { timeoutMs: TIMEOUT_MS, signal })))
        ) {
          if (isInvalid(err)) logger.error({ err, pod: `${namespace}/${name}` }, 'the status was refused');
          return;
        }
        logger.warn({ err, pod: `${namespace}/${name}` }, 'could not write the status, will retry');
        await clock.sleep(wait, signal).catch(() => {});
      }
    }
  }
}
