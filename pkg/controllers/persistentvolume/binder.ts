import {
  type Node,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  type StorageClass,
  StorageClasses,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { boundVolume } from '#api/scheduling/volume-binding.ts';
import {
  claimKeys,
  isMeantFor,
  misfit,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
  storageClassOf,
} from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import type { Note } from '../harness/note.ts';
import { nodeNameFor, podsByClaim, waitOf } from './consumers.ts';
import { bestVolume, type Claim, type Volume } from './match.ts';
import { isRecyclable, Recycler, recycledBy } from './recycler.ts';
import {
  awaitsExpansion,
  boundClaim,
  boundStatus,
  freedVolume,
  inPhase,
  isBindingComplete,
  isChosenByUs,
  provisionerOf,
  withoutNode,
} from './state.ts';

const VOLUME_KEY = 'volume:';
const CLAIM_KEY = 'claim:';
const BY_CLAIM = 'volume-of-claim';
const BY_VOLUME = 'claims-naming-volume';
const PROVISIONERS = [STORAGE_PROVISIONER, 'volume.beta.kubernetes.io/storage-provisioner'];
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

const claimKey = (c: { metadata: { name: string; namespace?: string } }): string => `${CLAIM_KEY}${keyOf(c)}`;
const volumeKey = (name: string): string => `${VOLUME_KEY}${name}`;

export interface BinderOptions {
  /** Image of the pods that empty volumes. */
  readonly helperImage: string;
}

/** How often it is asked what happens to a pod that empties a volume, milliseconds. */
const NEWS_MS = 5000;

/**
 * Binds claims to volumes, one to one ("Persistent Volumes", Binding). A binding is written from both sides, first on
 * the volume: whatever is interrupted in between is completed or taken back by the next look at either of them. One
 * worker: two claims must not choose the same volume.
 */
class VolumeBinder implements Controller {
  readonly name = 'persistentvolume-binder';
  readonly workers = 1;
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #claims;
  readonly #volumes;
  readonly #classes;
  readonly #nodes;
  readonly #podsOf: (claim: Claim) => readonly Stored<Pod>[];
  readonly #events;
  /** Growing is another controller's business in Kubernetes. */
  readonly #growth;
  readonly #writtenClaims;
  readonly #writtenVolumes;
  readonly #recycler: Recycler;

  constructor(deps: ControllerDeps, { helperImage }: BinderOptions) {
    this.#deps = deps;
    const { client, informers } = deps;
    this.#writtenClaims = new KindWrites(client, PersistentVolumeClaims);
    this.#writtenVolumes = new KindWrites(client, PersistentVolumes);
    this.#claims = informers.informer(PersistentVolumeClaims);
    this.#volumes = informers.informer(PersistentVolumes);
    this.#classes = informers.informer(StorageClasses);
    this.#nodes = informers.informer(Nodes);
    const pods = informers.informer(Pods);
    this.#podsOf = podsByClaim(pods);
    this.#recycler = new Recycler(client, pods.lister, helperImage);
    this.#events = deps.events('persistentvolume-controller');
    this.#growth = deps.events('volume_expand');
    this.#volumes.addIndex(BY_CLAIM, ({ spec }) =>
      spec?.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : [],
    );
    this.#claims.addIndex(BY_VOLUME, ({ spec }) => (spec?.volumeName ? [spec.volumeName] : []));
    this.watches = [
      watching(PersistentVolumeClaims, (c, _old, gone) => this.#claimKeys(c, gone)),
      watching(PersistentVolumes, (v, old, gone) => this.#volumeKeys(v, old, gone)),
      watching(StorageClasses, (c) => this.#waiting((claim) => storageClassOf(claim) === c.metadata.name)),
      // A claim may have waited for the node of its first pod.
      watching(Pods, (pod, old) => {
        const recycled = recycledBy(pod);
        if (recycled) return [volumeKey(recycled)];
        return old && pod.spec?.nodeName === old.spec?.nodeName
          ? []
          : claimKeys(pod).map((key) => `${CLAIM_KEY}${key}`);
      }),
      // The claim of a pod on a new node may be heard of before the node is.
      watching(Nodes, (n, old, gone) =>
        old || gone ? [] : this.#waiting((c) => this.#nodeNameFor(c) === n.metadata.name),
      ),
    ];
  }

  #waiting(concerns: (c: Claim) => boolean): string[] {
    return [...this.#claims.lister.list()].filter((c) => !isBindingComplete(c) && concerns(c)).map(claimKey);
  }

  #claimKeys(claim: Claim, gone: boolean): string[] {
    if (gone) this.#writtenClaims.forget(claim.metadata.uid);
    const held = this.#volumes.lister.byIndex(BY_CLAIM, keyOf(claim)).map((v) => volumeKey(v.metadata.name));
    const named = claim.spec?.volumeName ? [volumeKey(claim.spec.volumeName)] : [];
    return [...(gone ? [] : [claimKey(claim)]), ...new Set([...held, ...named])];
  }

  #volumeKeys(volume: Volume, old: Volume | undefined, gone: boolean): string[] {
    if (gone) {
      this.#writtenVolumes.forget(volume.metadata.uid);
      this.#recycler.forget(volume.metadata.name);
    }
    const keys = this.#claims.lister.byIndex(BY_VOLUME, volume.metadata.name).map(claimKey);
    if (!gone) keys.push(volumeKey(volume.metadata.name));
    for (const ref of [volume.spec?.claimRef, old?.spec?.claimRef])
      if (ref) keys.push(`${CLAIM_KEY}${ref.namespace}/${ref.name}`);
    const free = volume.status?.phase === 'Available' && old?.status?.phase !== 'Available';
    const changed = free || (old !== undefined && !sameJson(old.spec, volume.spec));
    return changed ? [...keys, ...this.#waiting((c) => storageClassOf(c) === storageClassOf(volume))] : keys;
  }

  async reconcile(key: string): Promise<Outcome> {
    try {
      if (key.startsWith(VOLUME_KEY)) return await this.#syncVolume(key.slice(VOLUME_KEY.length));
      await this.#syncClaim(key.slice(CLAIM_KEY.length));
    } catch (e) {
      // One side went away meanwhile; its event brings the other.
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  #claim(key: string): Claim | undefined {
    const { namespace, name } = splitKey(key);
    const cached = this.#claims.lister.get(name, namespace);
    return cached && this.#writtenClaims.freshest(cached);
  }

  #volume(name: string): Volume | undefined {
    const cached = this.#volumes.lister.get(name);
    return cached && this.#writtenVolumes.freshest(cached);
  }

  async #syncClaim(key: string): Promise<void> {
    const claim = this.#claim(key);
    if (!claim) return;
    if (isBindingComplete(claim)) await this.#keep(claim);
    else if (claim.spec?.volumeName) await this.#bindWanted(claim, claim.spec.volumeName);
    else await this.#find(claim);
  }

  /** A claim that was bound: its volume must still be there, and still its own. */
  async #keep(claim: Claim): Promise<void> {
    const name = claim.spec?.volumeName ?? '';
    // Of a claim and a volume that somebody restores, the volume may be heard of later.
    const volume = this.#volume(name) ?? (await this.#live(name));
    if (!volume) {
      const message = 'Bound claim has lost its PersistentVolume. Data on the volume is lost!';
      return this.#lost(claim, ['Warning', 'ClaimLost', message]);
    }
    if (volume.spec?.claimRef && !isMeantFor(volume, claim)) {
      const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
      return this.#lost(claim, ['Warning', 'ClaimMisbound', message]);
    }
    if (awaitsExpansion(claim, volume)) {
      const message = 'waiting for an external controller to expand this PVC';
      this.#growth.event(claim, 'Normal', 'ExternalExpanding', message);
    }
    await this.#bind(claim, volume);
  }

  async #live(volume: string): Promise<Volume | undefined> {
    try {
      return volume ? await this.#deps.client.get(PersistentVolumes, volume) : undefined;
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  async #lost(claim: Claim, note: Note): Promise<void> {
    if (claim.status?.phase === 'Lost') return;
    this.#events.event(claim, ...note);
    await this.#writtenClaims.status(claim, { ...claim.status, phase: 'Lost' });
  }

  /** The user has named the volume. */
  async #bindWanted(claim: Claim, name: string): Promise<void> {
    const volume = this.#volume(name);
    if (!volume) return;
    if (volume.spec?.claimRef && !isMeantFor(volume, claim)) {
      const message = `volume "${name}" already bound to a different claim.`;
      this.#events.event(claim, 'Warning', 'FailedBinding', message);
      return;
    }
    const problem = misfit(volume, claim);
    if (problem && !volume.spec?.claimRef) {
      this.#events.event(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${name}": ${problem}`);
      return;
    }
    await this.#bind(claim, volume);
  }

  async #find(claim: Claim): Promise<void> {
    const meant = this.#volumes.lister
      .byIndex(BY_CLAIM, keyOf(claim))
      .map((v) => this.#writtenVolumes.freshest(v))
      .find((v) => isMeantFor(v, claim) && !misfit(v, claim));
    const storageClass = this.#classes.lister.get(storageClassOf(claim));
    const node = this.#nodeFor(claim);
    const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
    if (!meant && !node && waits) {
      this.#events.event(claim, 'Normal', ...waitOf(this.#podsOf(claim)));
      return;
    }
    // The scheduler has found no volume that is there already, and counts on them for others.
    const toBeMade = waits && claim.metadata.annotations?.[SELECTED_NODE] !== undefined;
    const all = toBeMade ? [] : [...this.#volumes.lister.list()].map((v) => this.#writtenVolumes.freshest(v));
    const volume = meant ?? bestVolume(claim, all, node);
    if (volume) await this.#bind(claim, volume);
    else await this.#ask(claim, storageClass);
  }

  #nodeNameFor(claim: Claim): string | undefined {
    return nodeNameFor(claim, this.#podsOf(claim));
  }

  #nodeFor(claim: Claim): Stored<Node> | undefined {
    const name = this.#nodeNameFor(claim);
    return name ? this.#nodes.lister.get(name) : undefined;
  }

  /** No volume fits: whoever makes volumes of the class is asked for one. */
  async #ask(claim: Claim, storageClass: StorageClass | undefined): Promise<void> {
    const { provisioner } = storageClass ?? {};
    if (!storageClassOf(claim) || provisioner === NO_PROVISIONER) {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      this.#events.event(claim, 'Normal', 'FailedBinding', message);
      // For the node that was chosen none can be made: the scheduler looks for another one.
      await this.#writtenClaims.update(withoutNode(claim), claim);
      return;
    }
    if (!provisioner) {
      const message = `storageclass.storage.k8s.io "${storageClassOf(claim)}" not found`;
      this.#events.event(claim, 'Warning', 'ProvisioningFailed', message);
      return;
    }
    const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    this.#events.event(claim, 'Normal', 'ExternalProvisioning', message);
    const annotations = { ...claim.metadata.annotations };
    for (const a of PROVISIONERS) annotations[a] = provisioner;
    await this.#writtenClaims.update({ ...claim, metadata: { ...claim.metadata, annotations } }, claim);
  }

  async #bind(claim: Claim, volume: Volume): Promise<void> {
    const named = await this.#writtenVolumes.update(boundVolume(volume, claim), volume);
    await this.#writtenVolumes.status(named, inPhase(named, 'Bound', this.#deps.clock.now()));
    const complete = await this.#writtenClaims.update(boundClaim(claim, named), claim);
    await this.#writtenClaims.status(complete, boundStatus(complete, named));
  }

  async #syncVolume(name: string): Promise<Outcome> {
    const volume = this.#volume(name);
    if (!volume) return undefined;
    const now = this.#deps.clock.now();
    const ref = volume.spec?.claimRef;
    const claim = ref?.uid ? await this.#owner(volume, `${ref.namespace}/${ref.name}`) : undefined;
    if (ref?.uid && !claim) return this.#release(volume);
    // Whoever emptied it may have ended before everything was cleared away.
    await this.#recycler.clear(volume);
    if (!claim) await this.#writtenVolumes.status(volume, inPhase(volume, 'Available', now));
    else if (claim.spec?.volumeName === name) await this.#writtenVolumes.status(volume, inPhase(volume, 'Bound', now));
    // The claim has got another volume meanwhile. One without any yet is about to be bound.
    else if (claim.spec?.volumeName && isChosenByUs(volume))
      await this.#writtenVolumes.update(freedVolume(volume), volume);
    return undefined;
  }

  /** The claim a volume is bound to, if it is still there. Asks live before it says no: a release cannot be taken back. */
  async #owner({ spec }: Volume, key: string): Promise<Claim | undefined> {
    const uid = spec?.claimRef?.uid;
    const cached = this.#claim(key);
    if (cached?.metadata.uid === uid) return cached;
    const { namespace, name } = splitKey(key);
    try {
      const live = await this.#deps.client.get(PersistentVolumeClaims, name, namespace);
      return live.metadata.uid === uid ? live : undefined;
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  /** The claim is gone: the volume is kept for its data, or left to who made it. */
  async #release(volume: Volume): Promise<Outcome> {
    const now = this.#deps.clock.now();
    const policy = volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain';
    const external = provisionerOf(volume) !== undefined || volume.spec?.csi !== undefined;
    if (policy === 'Retain' || (policy === 'Delete' && external)) {
      await this.#writtenVolumes.status(volume, inPhase(volume, 'Released', now));
      return undefined;
    }
    if (policy === 'Recycle' && isRecyclable(volume)) return this.#recycle(volume);
    const message =
      policy === 'Recycle'
        ? 'No recycler plugin found for the volume!'
        : `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`;
    const reason = policy === 'Recycle' ? 'VolumeFailedRecycle' : 'VolumeFailedDelete';
    await this.#giveUp(volume, reason, message);
    return undefined;
  }

  async #giveUp(volume: Volume, reason: string, message: string): Promise<void> {
    if (volume.status?.phase !== 'Failed') this.#events.event(volume, 'Warning', reason, message);
    await this.#writtenVolumes.status(volume, inPhase(volume, 'Failed', this.#deps.clock.now(), message));
  }

  /** Empties the volume and makes it free for the next claim. What failed is left to the user. */
  async #recycle(volume: Volume): Promise<Outcome> {
    if (volume.status?.phase === 'Failed') {
      await this.#recycler.clear(volume);
      return undefined;
    }
    await this.#writtenVolumes.status(volume, inPhase(volume, 'Released', this.#deps.clock.now()));
    const recycling = await this.#recycler.look(volume);
    for (const note of await this.#recycler.news(volume)) this.#events.event(volume, ...note);
    if (recycling === 'going') return { afterMs: NEWS_MS };
    if (recycling === 'done') {
      this.#events.event(volume, 'Normal', 'VolumeRecycled', 'Volume recycled');
      const freshest = this.#writtenVolumes.freshest(volume);
      await this.#writtenVolumes.update(freedVolume(freshest), freshest);
    } else {
      const message = `Recycle failed: ${recycling.failed}`;
      await this.#giveUp(this.#writtenVolumes.freshest(volume), 'VolumeFailedRecycle', message);
    }
    await this.#recycler.clear(volume);
    return undefined;
  }
}

export const volumeBinder = (deps: ControllerDeps, options: BinderOptions): Controller =>
  new VolumeBinder(deps, options);
