import {
  CSIDrivers,
  type Node,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  VolumeAttachments,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import { claimKeys, foreignClaim } from '#api/scheduling/volume-match.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byNode } from '../harness/indexes.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { RecentWrites } from '../harness/recent-writes.ts';
import { podsByClaim } from '../persistentvolume/consumers.ts';
import type { Volume } from '../persistentvolume/match.ts';
import { isTerminal } from '../pods/state.ts';
import { type Attachment, attachmentName, attachmentOf, detachableIn, isExclusive, volumeId } from './plan.ts';

const OF_VOLUME = 'attachments-of-volume';

/** A volume that pods of a node want. */
interface Wanted {
  readonly volume: Volume;
  readonly pods: Stored<Pod>[];
}

const volumeNameOf = ({ spec }: Attachment): string => spec?.source?.persistentVolumeName ?? '';
const isAttached = (a: Attachment): boolean => a.status?.attached === true && !a.metadata.deletionTimestamp;

/**
 * Keeps the books of which CSI volume is attached where: a VolumeAttachment, which the driver's attacher fulfils, for each
 * volume that a pod of a node mounts, and `volumesAttached` in the Node's status. A volume is struck off there before it is
 * detached, by a write of the very Node whose `volumesInUse` was read. Keys are nodes; one worker: two nodes must not
 * get one exclusive volume.
 */
class AttachDetach implements Controller {
  readonly name = 'attachdetach';
  readonly workers = 1;
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #nodes;
  readonly #podsOn;
  readonly #podsOf;
  readonly #claims;
  readonly #volumes;
  readonly #drivers;
  readonly #attachments;
  readonly #attachmentsOn;
  readonly #made;
  readonly #writtenNodes;
  readonly #events;
  /** Since when an attachment is held that nobody wants, epoch milliseconds, by its uid. */
  readonly #heldSince = new Map<string, number>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const { informers, client } = deps;
    const pods = informers.informer(Pods);
    this.#nodes = informers.informer(Nodes);
    this.#podsOn = byNode(pods);
    this.#podsOf = podsByClaim(pods);
    this.#claims = informers.informer(PersistentVolumeClaims);
    this.#volumes = informers.informer(PersistentVolumes);
    this.#drivers = informers.informer(CSIDrivers);
    this.#attachments = informers.informer(VolumeAttachments);
    this.#attachments.addIndex(OF_VOLUME, (a) => [volumeNameOf(a)]);
    this.#attachmentsOn = byNode(this.#attachments);
    this.#made = new RecentWrites(this.#attachments);
    this.#writtenNodes = new KindWrites(client, Nodes);
    this.#events = deps.events('attachdetach-controller');
    this.watches = [
      watching(Nodes, (n, old, gone) => this.#keysOfNode(n, old, gone)),
      watching(Pods, (p) => (p.spec?.nodeName && claimKeys(p).length > 0 ? [p.spec.nodeName] : [])),
      watching(PersistentVolumeClaims, (c) => (c.spec?.volumeName ? this.#nodesOfVolume(c.spec.volumeName) : [])),
      watching(PersistentVolumes, (v) => (v.spec?.csi ? this.#nodesOfVolume(v.metadata.name) : [])),
      watching(CSIDrivers, (d) => this.#nodesOfDriver(d.metadata.name)),
      watching(VolumeAttachments, (a, _old, gone) => this.#keysOfAttachment(a, gone)),
    ];
  }

  #keysOfNode(n: Stored<Node>, old: Stored<Node> | undefined, gone: boolean): string[] {
    if (gone) this.#writtenNodes.forget(n.metadata.uid);
    const facts = (o: Node) => [o.status?.volumesInUse, o.status?.volumesAttached, o.spec?.taints, isReady(o)];
    return old && sameJson(facts(old), facts(n)) ? [] : [n.metadata.name];
  }

  /** Who has the volume, and who wants it. */
  #nodesOfVolume(name: string): string[] {
    const ref = this.#volumes.lister.get(name)?.spec?.claimRef;
    const claim = ref && this.#claims.lister.get(ref.name ?? '', ref.namespace);
    const users = claim ? this.#podsOf(claim) : [];
    const has = this.#attachments.lister.byIndex(OF_VOLUME, name).map((a) => a.spec?.nodeName);
    return [...new Set([...has, ...users.map((p) => p.spec?.nodeName)])].filter((n) => n !== undefined);
  }

  #nodesOfDriver(name: string): string[] {
    const of = [...this.#volumes.lister.list()].filter((v) => v.spec?.csi?.driver === name);
    return [...new Set(of.flatMap((v) => this.#nodesOfVolume(v.metadata.name)))];
  }

  #keysOfAttachment(a: Attachment, gone: boolean): string[] {
    const own = a.spec?.nodeName ? [a.spec.nodeName] : [];
    if (!gone) return own;
    this.#made.gone(volumeNameOf(a), a.metadata.uid);
    this.#heldSince.delete(a.metadata.uid);
    // Another node may have waited for it.
    return [...own, ...this.#nodesOfVolume(volumeNameOf(a))];
  }

  /** The volume behind a claim of the pod, if a driver has to attach it. */
  #attachable(pod: Stored<Pod>, key: string): Volume | undefined {
    const { namespace, name } = splitKey(key);
    const claim = this.#claims.lister.get(name, namespace);
    const volume = claim && this.#volumes.lister.get(claim.spec?.volumeName ?? '');
    if (!volume?.spec?.csi || volume.spec.claimRef?.uid !== claim?.metadata.uid) return undefined;
    if (claim && foreignClaim(pod, claim)) return undefined;
    const isNeeded = this.#drivers.lister.get(volume.spec.csi.driver)?.spec?.attachRequired ?? true;
    return isNeeded ? volume : undefined;
  }

  /** What the pods of a node want, by the name of the attachment. */
  #wantedOn(node: string): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const pod of this.#podsOn(node)) {
      if (isTerminal(pod)) continue;
      for (const volume of claimKeys(pod).flatMap((key) => this.#attachable(pod, key) ?? [])) {
        const name = attachmentName(volume, node);
        const { pods } = wanted.get(name) ?? { pods: [] };
        wanted.set(name, { volume, pods: [...pods, pod] });
      }
    }
    return wanted;
  }

  async reconcile(name: string): Promise<Outcome> {
    const cached = this.#nodes.lister.get(name);
    const node = cached && this.#writtenNodes.freshest(cached);
    const wanted = node ? this.#wantedOn(name) : new Map<string, Wanted>();
    const mine = this.#attachmentsOn(name).filter((a) => this.#isOurs(a));
    const waits = new Map<Attachment, number | undefined>();
    for (const a of mine) {
      if (wanted.has(a.metadata.name)) this.#heldSince.delete(a.metadata.uid);
      else waits.set(a, this.#detachableIn(node, a));
    }
    const going = mine.filter((a) => waits.get(a) === 0 && !a.metadata.deletionTimestamp);
    if (node) await this.#writeAttached(node, { mine: mine.filter((a) => waits.get(a) !== 0), wanted });
    for (const a of going) await this.#detach(a);
    const known = new Set(mine.map((a) => a.metadata.name));
    for (const [attachment, w] of wanted) if (!known.has(attachment)) await this.#attach(name, w);
    for (const a of mine) this.#tellFailure(a, wanted.get(a.metadata.name));
    const times = [...waits.values()].filter((ms) => ms !== undefined && ms > 0) as number[];
    return times.length > 0 ? { afterMs: Math.min(...times) } : undefined;
  }

  /** Those that somebody else has asked for are that one's. */
  #isOurs(a: Attachment): boolean {
    const volume = this.#volumes.lister.get(volumeNameOf(a));
    if (volume) return a.metadata.name === attachmentName(volume, a.spec?.nodeName ?? '');
    return a.metadata.name.startsWith('csi-') && volumeNameOf(a) !== '';
  }

  #detachableIn(node: Stored<Node> | undefined, a: Attachment): number | undefined {
    const now = this.#deps.clock.now();
    const since = this.#heldSince.get(a.metadata.uid) ?? now;
    this.#heldSince.set(a.metadata.uid, since);
    const volume = this.#volumes.lister.get(volumeNameOf(a));
    return detachableIn(node, volume && volumeId(volume), now - since);
  }

  /** The Node says what it may use. */
  async #writeAttached(
    node: Stored<Node>,
    { mine, wanted }: { mine: readonly Attachment[]; wanted: ReadonlyMap<string, Wanted> },
  ): Promise<void> {
    const attached = mine.filter(isAttached).flatMap((a) => {
      const volume = this.#volumes.lister.get(volumeNameOf(a));
      return volume ? [{ attachment: a.metadata.name, id: volumeId(volume), volume: volume.metadata.name }] : [];
    });
    const before = node.status?.volumesAttached ?? [];
    const ids = [...new Set(attached.map((a) => a.id))].sort();
    if (sameJson(ids, before.map((v) => v.name).sort())) return;
    const volumesAttached = ids.map((id) => ({ name: id, devicePath: '' }));
    await this.#writtenNodes.status(node, { ...node.status, volumesAttached });
    for (const { attachment, id, volume } of attached)
      if (!before.some((v) => v.name === id))
        for (const pod of wanted.get(attachment)?.pods ?? []) {
          const message = `AttachVolume.Attach succeeded for volume "${volume}" `;
          this.#events.event(pod, 'Normal', 'SuccessfulAttachVolume', message);
        }
  }

  async #attach(node: string, { volume, pods }: Wanted): Promise<void> {
    const { name } = volume.metadata;
    const all = this.#made.overlay(name, this.#attachments.lister.byIndex(OF_VOLUME, name));
    if (isExclusive(volume) && all.some((a) => a.spec?.nodeName !== node)) {
      const claim = this.#claims.lister.get(volume.spec?.claimRef?.name ?? '', volume.spec?.claimRef?.namespace);
      const users = (claim ? this.#podsOf(claim) : []).filter((p) => p.spec?.nodeName && p.spec.nodeName !== node);
      const why = users.length
        ? `Volume is already used by pod(s) ${users.map((p) => p.metadata.name).join(', ')}`
        : "Volume is already exclusively attached to one node and can't be attached to another";
      for (const pod of pods)
        this.#events.event(pod, 'Warning', 'FailedAttachVolume', `Multi-Attach error for volume "${name}" ${why}`);
      return;
    }
    try {
      this.#made.created(name, await this.#deps.client.create(VolumeAttachments, attachmentOf(volume, node)));
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }

  async #detach(a: Attachment): Promise<void> {
    const { name, uid } = a.metadata;
    try {
      await this.#deps.client.delete(VolumeAttachments, name, undefined, { preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }

  #tellFailure(a: Attachment, wanted: Wanted | undefined): void {
    const { attached, attachError } = a.status ?? {};
    if (attached || !attachError || !wanted) return;
    const message = `AttachVolume.Attach failed for volume "${volumeNameOf(a)}" : ${attachError.message ?? ''}`;
    for (const pod of wanted.pods) this.#events.event(pod, 'Warning', 'FailedAttachVolume', message);
  }
}

export const attachDetachController = (deps: ControllerDeps): Controller => new AttachDetach(deps);
