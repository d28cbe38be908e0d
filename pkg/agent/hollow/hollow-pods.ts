import { isFinal } from '#api/kinds/core/pod/phase.ts';
import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import { type Container, type Pod, Pods } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { createLatestWorker, type LatestWorker } from '#async/latest-worker.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';
import { buildStatus } from '../status/build.ts';
import { StatusPublisher } from '../status/publisher.ts';

export interface HollowPodsDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Address that nodes say is theirs. */
  readonly hostIps: readonly string[];
}

/** SIGTERM, as a container ends that is told to. */
const TERMINATED = 143;
const RETRY_MS = 1000;
/** Pod addresses are made up in 10.0.0.0/8. */
const NETWORK = 10 * 2 ** 24;

/** What the node knows of a pod. */
interface Known {
  readonly pod: Stored<Pod>;
  readonly ip: string;
  readonly startedAt: number;
}

const isOver = (pod: Pod): boolean => isFinal(pod.status?.phase);
const address = (n: number): string => [24, 16, 8, 0].map((bits) => ((NETWORK + n) >>> bits) & 255).join('.');

/**
 * The pods of nodes without a container runtime: containers "run" from the moment a pod is bound, and end when the pod is
 * deleted. Everything towards the API is what a real agent does: the same statuses, written by the same publisher.
 */
export class HollowPods {
  readonly #deps: HollowPodsDeps;
  readonly #known = new Map<string, Known>();
  readonly #lanes: LatestWorker<Stored<Pod>>;
  readonly #publisher: StatusPublisher;
  #addresses = 1;

  constructor(deps: HollowPodsDeps) {
    this.#deps = deps;
    const { client, clock, logger, signal } = deps;
    this.#publisher = new StatusPublisher({ client, clock, logger, signal, stale: (uid) => this.#again(uid) });
    this.#lanes = createLatestWorker<Stored<Pod>>({
      run: (_uid, pod) => this.#sync(pod),
      onError: (uid, err) => {
        if (signal.aborted) return;
        logger.warn({ err, uid }, 'pod sync failed, will retry');
        clock.after(RETRY_MS, () => this.#again(uid), { unref: true });
      },
    });
  }

  get size(): number {
    return this.#known.size;
  }

  /** A pod of one of the nodes, as it is now. */
  seen(pod: Stored<Pod>): void {
    this.#publisher.seen(pod);
    this.#lanes.update(pod.metadata.uid, pod);
  }

  gone({ metadata: { uid } }: Stored<Pod>): void {
    this.#publisher.forget(uid);
    this.#lanes.cancel(uid);
    this.#known.delete(uid);
  }

  #again(uid: string): void {
    const known = this.#known.get(uid);
    if (known) this.#lanes.update(uid, known.pod);
  }

  async #sync(pod: Stored<Pod>): Promise<void> {
    const { uid, name, namespace = '', deletionTimestamp } = pod.metadata;
    const before = this.#known.get(uid);
    const known: Known = {
      pod,
      ip: before?.ip ?? pod.status?.podIP ?? address(this.#addresses++),
      startedAt: before?.startedAt ?? this.#deps.clock.now(),
    };
    this.#known.set(uid, known);
    if (isOver(pod) && !deletionTimestamp) return;
    const ending = deletionTimestamp !== undefined;
    if (!isOver(pod)) this.#publisher.publish(pod, this.#status(known, ending));
    if (!ending) return;
    await this.#publisher.written(uid);
    try {
      await this.#deps.client.delete(Pods, name, namespace, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }

  #status({ pod, ip, startedAt }: Known, ending: boolean): NonNullable<Pod['status']> {
    const { now } = this.#deps.clock;
    return buildStatus({
      ...{ pod, runtime: runtimeOf(pod, startedAt, ending ? now() : undefined) },
      ...{ podIps: pod.spec?.hostNetwork ? this.#deps.hostIps : [ip], hostIps: this.#deps.hostIps },
      ...{ now: now(), startedAt, failure: undefined, over: ending },
      waiting: () => undefined,
      message: () => '',
      ready: () => true,
      started: () => true,
      imageId: (image) => `hollow://${image}`,
    });
  }
}

/** What a runtime would show: init containers are done, the others run or, from `endedAt` on, have ended. */
function runtimeOf(pod: Stored<Pod>, startedAt: number, endedAt: number | undefined): PodRuntime {
  const { uid, name: podName, namespace = '' } = pod.metadata;
  const record = (
    c: Pick<Container, 'name' | 'image'>,
    exit: { code: number; at: number } | undefined,
  ): ContainerRecord => ({
    ...{ id: `${uid}-${c.name}`, podUid: uid, namespace, pod: podName, name: c.name, attempt: 0, hash: '' },
    ...{ sandboxId: uid, image: c.image ?? '', oomKilled: false, createdAt: startedAt, startedAt },
    ...{ state: exit ? 'exited' : 'running', exitCode: exit?.code ?? 0, finishedAt: exit?.at ?? 0 },
  });
  const sandbox = record({ name: '' }, endedAt === undefined ? undefined : { code: 0, at: endedAt });
  const ended = endedAt === undefined ? undefined : { code: TERMINATED, at: endedAt };
  const containers = new Map<string, ContainerRecord[]>();
  for (const c of pod.spec?.initContainers ?? []) {
    containers.set(c.name, [record(c, isSidecar(c) ? ended : { code: 0, at: startedAt })]);
  }
  for (const c of pod.spec?.containers ?? []) containers.set(c.name, [record(c, ended)]);
  return { sandbox: { ...sandbox, sandboxId: '' }, staleSandboxes: [], containers };
}
