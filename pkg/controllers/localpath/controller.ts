import {
  type Node,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  type StorageClass,
  StorageClasses,
  VolumeAttributesClasses,
} from '#api/kinds/index.ts';
import { DEFAULT_STORAGE_CLASS } from '#api/meta/default-class.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { LOCAL_PATH } from '#api/scheduling/local-path.ts';
import {
  claimKeys,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
  storageClassOf,
  storageOf,
} from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  type Enqueue,
  keyOf,
  type Outcome,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { nodeNameFor, podsByClaim } from '../persistentvolume/consumers.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';
import { attributesChange, attributesObstacle } from './attributes.ts';
import {
  hostnameOf,
  isOurs,
  type LocalPathSettings,
  nodeHostname,
  obstacle,
  removedBy,
  remover,
  volumeFor,
  volumeNameOf,
} from './plan.ts';

const CLAIM = 'claim:';
const VOLUME = 'volume:';
const CLASS = 'class:';

export interface LocalPathOptions extends LocalPathSettings {
  /** Name of the default StorageClass that is made when there is none of that name; "": none is. */
  readonly storageClass: string;
}

/**
 * Makes volumes for claims out of folders on the nodes ("Dynamic Volume Provisioning"). The agent of the node makes the folder
 * when a pod mounts it; a pod on that node removes it when the claim is gone and the volume is not to be kept.
 */
class LocalPathProvisioner implements Controller {
  readonly name = 'local-path-provisioner';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #options: LocalPathOptions;
  readonly #claims;
  readonly #volumes;
  readonly #classes;
  readonly #attributes;
  readonly #nodes;
  readonly #pods;
  readonly #podsOf: (claim: Claim) => readonly Stored<Pod>[];
  readonly #events;

  constructor(deps: ControllerDeps, options: LocalPathOptions) {
    this.#deps = deps;
    this.#options = options;
    const { informers } = deps;
    this.#claims = informers.informer(PersistentVolumeClaims);
    this.#volumes = informers.informer(PersistentVolumes);
    this.#classes = informers.informer(StorageClasses);
    this.#attributes = informers.informer(VolumeAttributesClasses);
    this.#nodes = informers.informer(Nodes);
    this.#pods = informers.informer(Pods);
    this.#podsOf = podsByClaim(this.#pods);
    this.#events = deps.events(LOCAL_PATH);
    this.watches = [
      watching(PersistentVolumeClaims, (c, _old, gone) => (gone ? [] : [CLAIM + keyOf(c)])),
      watching(PersistentVolumes, (v, _old, gone) => {
        const { namespace, name } = v.spec?.claimRef ?? {};
        return gone || !isOurs(v) ? [] : [VOLUME + v.metadata.name, `${CLAIM}${namespace}/${name}`];
      }),
      watching(StorageClasses, () => []),
      watching(VolumeAttributesClasses, (c) => this.#claimsNaming(c.metadata.name)),
      watching(Nodes, (n, _old, gone) => (gone ? this.#volumesOn(n) : [])),
      watching(Pods, (p, old) => {
        const removed = removedBy(p);
        if (removed) return [VOLUME + removed];
        return old && p.spec?.nodeName === old.spec?.nodeName ? [] : claimKeys(p).map((key) => CLAIM + key);
      }),
    ];
  }

  start(enqueue: Enqueue): void {
    if (this.#options.storageClass) enqueue(CLASS + this.#options.storageClass);
  }

  #volumesOn(node: Stored<Node>): string[] {
    const on = [...this.#volumes.lister.list()].filter((v) => isOurs(v) && hostnameOf(v) === nodeHostname(node));
    return on.map((v) => VOLUME + v.metadata.name);
  }

  #claimsNaming(attributesClass: string): string[] {
    const naming = [...this.#claims.lister.list()].filter((c) => c.spec?.volumeAttributesClassName === attributesClass);
    return naming.map((c) => CLAIM + keyOf(c));
  }

  #attributesClass = (name: string) => this.#attributes.lister.get(name);

  async reconcile(key: string): Promise<Outcome> {
    try {
      if (key.startsWith(VOLUME)) await this.#syncVolume(key.slice(VOLUME.length));
      else if (key.startsWith(CLAIM)) await this.#syncClaim(key.slice(CLAIM.length));
      else await this.#makeClass(key.slice(CLASS.length));
    } catch (e) {
      // What went away meanwhile needs nothing any more.
      if (!isNotFound(e)) throw e;
    }
    return undefined;
  }

  async #makeClass(name: string): Promise<void> {
    if (this.#classes.lister.get(name)) return;
    await this.#unlessThere(
      this.#deps.client.create(StorageClasses, {
        metadata: { name, annotations: { [DEFAULT_STORAGE_CLASS]: 'true' } },
        provisioner: LOCAL_PATH,
        reclaimPolicy: 'Delete',
        volumeBindingMode: 'WaitForFirstConsumer',
        allowVolumeExpansion: true,
      }),
    );
  }

  /** What another run has made already is as good. @returns whether it was made now */
  async #unlessThere(creation: Promise<unknown>): Promise<boolean> {
    try {
      await creation;
      return true;
    } catch (e) {
      if (isAlreadyExists(e)) return false;
      throw e;
    }
  }

  async #syncClaim(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const claim = this.#claims.lister.get(name, namespace);
    if (!claim || claim.metadata.deletionTimestamp) return;
    const storageClass = this.#classes.lister.get(storageClassOf(claim));
    if (claim.spec?.volumeName) await this.#syncBound(claim, claim.spec.volumeName);
    // The binder says so when no volume that is there would do.
    else if (
      claim.metadata.annotations?.[STORAGE_PROVISIONER] === LOCAL_PATH &&
      storageClass?.provisioner === LOCAL_PATH
    )
      await this.#provision(claim, storageClass);
  }

  async #provision(claim: Claim, storageClass: Stored<StorageClass>): Promise<void> {
    const inClass = `volume with StorageClass "${storageClass.metadata.name}"`;
    const failed = (message: string): void =>
      this.#events.event(claim, 'Warning', 'ProvisioningFailed', `failed to provision ${inClass}: ${message}`);
    if (this.#volumes.lister.get(volumeNameOf(claim))) return;
    const nodeName = nodeNameFor(claim, this.#podsOf(claim));
    const node = nodeName === undefined ? undefined : this.#nodes.lister.get(nodeName);
    if (nodeName !== undefined && !node) {
      failed(`node "${nodeName}" not found`);
      // The scheduler looks for another one.
      if (claim.metadata.annotations?.[SELECTED_NODE]) await this.#turnDown(claim);
      return;
    }
    const why = obstacle(claim) ?? attributesObstacle(claim, this.#attributesClass);
    if (!why && !node && storageClass.volumeBindingMode === 'WaitForFirstConsumer') return;
    const begun = `External provisioner is provisioning volume for claim "${keyOf(claim)}"`;
    this.#events.event(claim, 'Normal', 'Provisioning', begun);
    if (why) return failed(why);
    if (!node) return failed('its binding mode must be WaitForFirstConsumer');
    const volume = volumeFor(claim, { dir: this.#options.dir, node, storageClass });
    if (!(await this.#unlessThere(this.#deps.client.create(PersistentVolumes, volume)))) return;
    const message = `Successfully provisioned volume ${volume.metadata?.name}`;
    this.#events.event(claim, 'Normal', 'ProvisioningSucceeded', message);
  }

  async #turnDown({ metadata: { name, namespace = '' } }: Claim): Promise<void> {
    const body = { metadata: { annotations: { [SELECTED_NODE]: null } } };
    await this.#deps.client.patch(PersistentVolumeClaims, { name, namespace }, { type: 'merge', body });
  }

  async #syncBound(claim: Claim, volumeName: string): Promise<void> {
    const volume = this.#volumes.lister.get(volumeName);
    if (!volume || !isOurs(volume) || volume.spec?.claimRef?.uid !== claim.metadata.uid) return;
    await this.#expand(claim, volume);
    await this.#modify(claim, volume);
  }

  async #writeStatus({ metadata: { name, namespace = '' } }: Claim, status: object): Promise<void> {
    const at = { name, namespace, subresource: 'status' };
    await this.#deps.client.patch(PersistentVolumeClaims, at, { type: 'merge', body: { status } });
  }

  async #modify(claim: Claim, volume: Volume): Promise<void> {
    const change = attributesChange(claim, volume, this.#attributesClass);
    if (!change) return;
    const { name } = claim.metadata;
    const vac = claim.spec?.volumeAttributesClassName;
    if (!change.problem)
      this.#events.event(
        claim,
        'Normal',
        'VolumeModify',
        `external resizer is modifying volume ${name} with vac ${vac}`,
      );
    const body = { spec: { volumeAttributesClassName: change.volume } };
    if (change.volume && volume.spec?.volumeAttributesClassName !== change.volume)
      await this.#deps.client.patch(PersistentVolumes, { name: volume.metadata.name }, { type: 'merge', body });
    await this.#writeStatus(claim, change.status);
    if (change.problem) this.#events.event(claim, 'Warning', 'VolumeModifyFailed', change.problem);
    else {
      const message = `external resizer modified volume ${name} with vac ${vac} successfully`;
      this.#events.event(claim, 'Normal', 'VolumeModifySuccessful', message);
    }
  }

  /** A folder has no size of its own: a volume grows by saying so ("Expanding Persistent Volumes Claims"). */
  async #expand(claim: Claim, volume: Volume): Promise<void> {
    const asked = storageOf(claim.spec?.resources?.requests);
    const has = claim.status?.phase === 'Bound' ? claim.status.capacity?.storage : undefined;
    const grows = has !== undefined && compareQuantities(asked, has) > 0;
    const { name } = volume.metadata;
    if (grows) this.#events.event(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
    if (compareQuantities(asked, storageOf(volume.spec?.capacity)) > 0) {
      const body = { spec: { capacity: { storage: asked } } };
      await this.#deps.client.patch(PersistentVolumes, { name }, { type: 'merge', body });
    }
    if (!grows) return;
    await this.#writeStatus(claim, { capacity: { storage: asked } });
    this.#events.event(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  /** Removes the folder of a volume that nobody keeps, then the volume. */
  async #syncVolume(name: string): Promise<void> {
    const volume = this.#volumes.lister.get(name);
    const { phase } = volume?.status ?? {};
    if (!volume || !isOurs(volume) || volume.metadata.deletionTimestamp || phase !== 'Released') return;
    if (volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') return;
    const hostname = hostnameOf(volume);
    const node = [...this.#nodes.lister.list()].find((n) => nodeHostname(n) === hostname);
    // With its node the folder went out of reach for good.
    if (!node || (await this.#removed(volume, node.metadata.name)))
      await this.#deps.client.delete(PersistentVolumes, name, undefined, {
        preconditions: { uid: volume.metadata.uid },
      });
  }

  /** Whether the folder is gone; until then a pod is about to remove it. */
  async #removed(volume: Volume, node: string): Promise<boolean> {
    const pod = this.#pods.lister.get(`remove-${volume.metadata.name}`, 'kube-system');
    if (pod) {
      const { phase, message = phase } = pod.status ?? {};
      if (phase === 'Failed') {
        this.#events.event(volume, 'Warning', 'VolumeFailedDelete', `the folder could not be removed: ${message}`);
        await this.#deps.client.delete(Pods, pod.metadata.name, 'kube-system');
      }
      return phase === 'Succeeded';
    }
    try {
      await this.#unlessThere(this.#deps.client.create(Pods, remover(volume, node, this.#options)));
    } catch (e) {
      if (!(e instanceof RangeError)) throw e;
      this.#events.event(volume, 'Warning', 'VolumeFailedDelete', e.message);
    }
    return false;
  }
}

export const localPathProvisioner = (deps: ControllerDeps, options: LocalPathOptions): Controller =>
  new LocalPathProvisioner(deps, options);
