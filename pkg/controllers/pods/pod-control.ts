import { type Pod, Pods } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client, EventRecorder } from '#client/types.ts';
import { forEachLimited, slowStart } from '../harness/batches.ts';
import type { RecentWrites } from '../harness/recent-writes.ts';
import { isNamespaceTerminating } from './create-error.ts';

/** Writes in flight at a time for one owner. */
const PARALLEL = 16;

/** Why pods could not be managed in a round. */
export interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

export const messageOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** Creates and deletes the pods of an owner, remembers what the cache cannot show yet, and says so in events. */
export class PodControl {
  readonly #client: Client;
  readonly #recent: RecentWrites<Pod>;
  readonly #events: EventRecorder;

  constructor(client: Client, recent: RecentWrites<Pod>, events: EventRecorder) {
    this.#client = client;
    this.#recent = recent;
    this.#events = events;
  }

  /** Creates `pods` in growing batches. @returns the first failure; none when only the namespace is going away. */
  async create(owner: Stored<KubeObject>, pods: readonly Pod[]): Promise<Failure | undefined> {
    let next = 0;
    const { error } = await slowStart(pods.length, PARALLEL, async () => {
      const made = await this.#client.create(Pods, pods[next++] as Pod);
      this.#recent.created(owner.metadata.uid, made);
      this.#events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
    });
    if (error === undefined || isNamespaceTerminating(error)) return undefined;
    const message = messageOf(error);
    this.#events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${message}`);
    return { reason: 'FailedCreate', message };
  }

  /** Deletes `victims`; those already gone count as deleted. */
  async remove(owner: Stored<KubeObject>, victims: readonly Stored<Pod>[]): Promise<Failure | undefined> {
    try {
      await forEachLimited(victims, PARALLEL, (pod) => this.#delete(owner, pod));
      return undefined;
    } catch (e) {
      const message = messageOf(e);
      this.#events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${message}`);
      return { reason: 'FailedDelete', message };
    }
  }

  async #delete(owner: Stored<KubeObject>, pod: Stored<Pod>): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    let ending: Stored<Pod> | undefined;
    try {
      const options = { preconditions: { uid }, propagationPolicy: 'Background' } as const;
      const answer = (await this.#client.delete(Pods, name, namespace, options)) as Partial<Stored<Pod>>;
      // A pod on a node is there until its containers have ended.
      if (answer.metadata?.uid === uid && answer.metadata.deletionTimestamp) ending = answer as Stored<Pod>;
      this.#events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    this.#recent.deleted(owner.metadata.uid, uid, ending);
  }
}
