import { type Pod, type PodStatus, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createLatestWorker, type LatestWorker } from '#async/latest-worker.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';

export interface PublisherDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;

interface Pending {
  readonly pod: Stored<Pod>;
  readonly status: PodStatus;
}

/** Writes pod statuses: only changes, only the newest of each pod, until they are there. */
export class StatusPublisher {
  readonly #deps: PublisherDeps;
  readonly #worker: LatestWorker<Pending>;
  readonly #sent = new Map<string, PodStatus>();

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#worker = createLatestWorker<Pending>({
      run: (_uid, pending, signal) => this.#write(pending, signal),
      onError: (uid, err) => deps.logger.error({ err, uid }, 'status was not written'),
    });
  }

  /** The status last handed over for a pod, which the API may not show yet. */
  last(uid: string): PodStatus | undefined {
    return this.#sent.get(uid);
  }

  publish(pod: Stored<Pod>, status: PodStatus): void {
    const { uid } = pod.metadata;
    const known = this.#sent.get(uid) ?? pod.status;
    if (sameJson(known, status)) return;
    this.#sent.set(uid, status);
    this.#worker.update(uid, { pod, status });
  }

  /**
   * Takes notice of what the API shows. Somebody else may have changed the Ready condition meanwhile (the node controller
   * does, while a node is silent): then what was sent last no longer holds, and the next `publish` writes again.
   */
  seen(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const sent = this.#sent.get(uid);
    if (!sent || this.#worker.has(uid)) return;
    const ready = (s: PodStatus | undefined) => s?.conditions?.find((c) => c.type === 'Ready')?.status;
    if (ready(sent) !== ready(pod.status)) this.#sent.delete(uid);
  }

  forget(uid: string): void {
    this.#sent.delete(uid);
    this.#worker.cancel(uid);
  }

  async #write({ pod, status }: Pending, cancelled: AbortSignal): Promise<void> {
    const { client, clock, signal, logger } = this.#deps;
    const { name, namespace = '', uid } = pod.metadata;
    for (let wait = FIRST_RETRY_MS; !signal.aborted && !cancelled.aborted; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      try {
        await client.patch(
          Pods,
          { name, namespace, subresource: 'status' },
          { type: 'merge', body: { metadata: { uid }, status }, fieldManager: 'kubelet' },
          { timeoutMs: TIMEOUT_MS, signal },
        );
        return;
      } catch (err) {
        if (isNotFound(err) || isConflict(err) || isInvalid(err)) {
          if (isInvalid(err)) logger.error({ err, pod: `${namespace}/${name}` }, 'the status was refused');
          return;
        }
        logger.warn({ err, pod: `${namespace}/${name}` }, 'could not write the status, will retry');
        await clock.sleep(wait, signal).catch(() => {});
      }
    }
  }
}
