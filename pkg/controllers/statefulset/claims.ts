import { type PersistentVolumeClaim, PersistentVolumeClaims, type Pod, type StatefulSet } from '#api/kinds/index.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client, EventRecorder, Informer } from '#client/types.ts';
import { messageOf } from '../pods/pod-control.ts';
import { claimName, claimOwners, claimsFor, goesWithPod, ordinalOf, podName, range } from './identity.ts';

/** Makes the claims of a set's pods, and has them go when the set's retention policy says so. */
export class Claims {
  readonly #client: Client;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #events: EventRecorder;

  constructor(o: { client: Client; claims: Informer<PersistentVolumeClaim>; events: EventRecorder }) {
    this.#client = o.client;
    this.#claims = o.claims;
    this.#events = o.events;
  }

  /** For a pod to be made. @throws Error if a claim of that name is on its way out: the pod must not start with it. */
  async ensure(set: Stored<StatefulSet>, ordinal: number): Promise<void> {
    for (const wanted of claimsFor(set, ordinal)) {
      const name = wanted.metadata?.name ?? '';
      const there = this.#claims.lister.get(name, set.metadata.namespace);
      if (there?.metadata.deletionTimestamp) throw new Error(`pvc ${name} is being deleted`);
      // The collector has not come to it yet.
      if (there && goesWithPod(set, there)) throw new Error(`pvc ${name} is to go with the pod that was scaled away`);
      if (!there) await this.#create(set, ordinal, wanted);
    }
  }

  /** Claims that went after their pod was made, and before it could use them, are made anew: it would wait for ever. */
  async restore(set: Stored<StatefulSet>, pods: readonly Stored<Pod>[]): Promise<void> {
    const { start, end } = range(set);
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod) ?? -1;
      if (ordinal < start || ordinal >= end) continue;
      if (pod.metadata.deletionTimestamp || pod.status?.phase !== 'Pending') continue;
      for (const wanted of claimsFor(set, ordinal)) {
        const name = wanted.metadata?.name ?? '';
        const used = pod.spec?.volumes?.some((v) => v.persistentVolumeClaim?.claimName === name);
        if (used && !this.#claims.lister.get(name, set.metadata.namespace)) await this.#create(set, ordinal, wanted);
      }
    }
  }

  async #create(set: Stored<StatefulSet>, ordinal: number, wanted: PersistentVolumeClaim): Promise<void> {
    const what = `Claim ${wanted.metadata?.name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
    try {
      await this.#client.create(PersistentVolumeClaims, wanted);
      this.#events.event(set, 'Normal', 'SuccessfulCreate', `create ${what} success`);
    } catch (e) {
      if (isAlreadyExists(e)) return;
      this.#events.event(set, 'Warning', 'FailedCreate', `create ${what} failed error: ${messageOf(e)}`);
      throw e;
    }
  }

  /** Gives the claims of each pod the owners that the retention policy wants. */
  async retain(set: Stored<StatefulSet>, pods: readonly Stored<Pod>[]): Promise<void> {
    const { start, end } = range(set);
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod);
      if (ordinal === undefined) continue;
      const leaving = ordinal < start || ordinal >= end ? pod : undefined;
      for (const template of set.spec?.volumeClaimTemplates ?? []) {
        const claim = this.#claims.lister.get(claimName(set, template, ordinal), set.metadata.namespace);
        if (claim) await this.#own(set, claim, leaving);
      }
    }
  }

  async #own(set: Stored<StatefulSet>, claim: Stored<PersistentVolumeClaim>, leaving: Stored<Pod> | undefined) {
    const ownerReferences = claimOwners(set, claim, leaving);
    if (!ownerReferences) return;
    const { name, namespace = '', uid, resourceVersion } = claim.metadata;
    const body = { metadata: { uid, resourceVersion, ownerReferences } };
    try {
      await this.#client.patch(PersistentVolumeClaims, { name, namespace }, { type: 'merge', body });
    } catch (e) {
      // The cache was behind. Its event brings the set back, unless its pod is about to go: then it must be settled now.
      if (isNotFound(e) || (isConflict(e) && !leaving)) return;
      throw e;
    }
  }
}
