import {
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { boundVolume } from '#api/scheduling/volume-binding.ts';
import { couldServe, isReachable, SELECTED_NODE } from '#api/scheduling/volume-match.ts';
import type { Clock } from '#async/clock.ts';
import { abortable, timeoutSignal } from '#async/signals.ts';
import { isNewer } from '#client/resource-version.ts';
import type { Client } from '#client/types.ts';
import { isClaimBound } from '../snapshot/storage.ts';
import { type Choice, claimKey } from './choice.ts';
import type { Reservations } from './reservations.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

export interface VolumeWritesDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** As the caches have them. */
  claim(key: string): Claim | undefined;
  volume(name: string): Volume | undefined;
  readonly takers: Reservations<Claim>;
  readonly nodes: Reservations<string>;
}

/** Where a claim's wish stands since when: on the volume that was taken for it, or as a note on itself. */
interface Wish {
  readonly claim: Claim;
  readonly node: Stored<Node>;
  readonly volume?: string;
  readonly version: string;
}

/** Writes which volumes claims get, and waits for those who bind them or make volumes. */
export class VolumeWrites {
  readonly #deps: VolumeWritesDeps;
  /** Called at every change of a claim or volume. */
  readonly #waiting = new Set<() => void>();
  /** Volumes that are being written; pods may share a claim. */
  readonly #ongoing = new Map<string, Promise<string>>();

  constructor(deps: VolumeWritesDeps) {
    this.#deps = deps;
  }

  /** A claim or a volume changed. */
  look(): void {
    for (const w of [...this.#waiting]) w();
  }

  /** @throws Error as `Volumes.bind` */
  async bind(
    { taken, made, node }: Choice & { readonly node: Stored<Node> },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const wishes: Wish[] = [];
    // One after another: after a failure the rest is as it was.
    for (const { claim, volume } of taken) {
      const { name } = volume.metadata;
      wishes.push({ claim, node, volume: name, version: await this.#take(name, claim, signal) });
    }
    for (const claim of made) wishes.push({ claim, node, version: await this.#note(claim, node, signal) });
    const limit = timeoutSignal(this.#deps.clock, timeoutMs, signal);
    try {
      await Promise.all(wishes.map((wish) => this.#bound(wish, limit.signal)));
    } finally {
      limit.dispose();
    }
  }

  /** Writes the claim on the volume. @returns the version of the volume in which it stands there */
  #take(name: string, claim: Claim, signal: AbortSignal): Promise<string> {
    const written = this.#deps.takers.writtenAs(name);
    if (written !== undefined) return Promise.resolve(written);
    const ongoing = this.#ongoing.get(name);
    if (ongoing) return ongoing;
    const write = this.#writeTaker(name, claim, signal).finally(() => this.#ongoing.delete(name));
    this.#ongoing.set(name, write);
    return write;
  }

  async #writeTaker(name: string, claim: Claim, signal: AbortSignal): Promise<string> {
    const volume = this.#deps.volume(name);
    if (!volume || !couldServe(volume, claim)) throw new Error(`persistentvolume "${name}" is not free any more`);
    const next = boundVolume(volume, claim);
    if (next === volume) return volume.metadata.resourceVersion;
    const { metadata } = await this.#deps.client.update(PersistentVolumes, next, { signal });
    this.#deps.takers.wrote(name, metadata.resourceVersion);
    return metadata.resourceVersion;
  }

  /** Asks for a volume for the node. @returns the version of the claim in which that stands there */
  async #note({ metadata: { name, namespace = '' } }: Claim, node: Stored<Node>, signal: AbortSignal): Promise<string> {
    const body = { metadata: { annotations: { [SELECTED_NODE]: node.metadata.name } } };
    const patch = { type: 'merge', body } as const;
    const { metadata } = await this.#deps.client.patch(PersistentVolumeClaims, { name, namespace }, patch, { signal });
    this.#deps.nodes.wrote(`${namespace}/${name}`, metadata.resourceVersion);
    return metadata.resourceVersion;
  }

  async #bound(wish: Wish, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      const outcome = this.#outcome(wish);
      if (outcome === 'bound') resolve();
      else if (outcome !== 'open') reject(outcome);
    };
    this.#waiting.add(check);
    try {
      check();
      await abortable(promise, signal);
    } finally {
      this.#waiting.delete(check);
    }
  }

  #outcome({ claim: wanted, node, volume, version }: Wish): 'bound' | 'open' | Error {
    const key = claimKey(wanted);
    const claim = this.#deps.claim(key);
    if (claim?.metadata.uid !== wanted.metadata.uid) return new Error(`persistentvolumeclaim "${key}" not found`);
    if (isClaimBound(claim)) return this.#reached(claim, node);
    if (volume === undefined) {
      // Whoever makes volumes takes the note away when there can be none for that node; older versions do not have it yet.
      const { annotations, resourceVersion } = claim.metadata;
      const turnedDown = annotations?.[SELECTED_NODE] !== node.metadata.name && !isNewer(version, resourceVersion);
      return turnedDown ? new Error(`no volume for claim "${key}" on node "${node.metadata.name}"`) : 'open';
    }
    const now = this.#deps.volume(volume);
    const isItsOwn = now?.spec?.claimRef?.uid === claim.metadata.uid;
    const lost = !now || (!isItsOwn && !isNewer(version, now.metadata.resourceVersion));
    return lost ? new Error(`persistentvolume "${volume}" is not there for claim "${key}" any more`) : 'open';
  }

  #reached({ spec }: Claim, node: Stored<Node>): 'bound' | 'open' | Error {
    const volume = this.#deps.volume(spec?.volumeName ?? '');
    // It may be heard of later than its claim.
    if (!volume) return 'open';
    if (isReachable(volume, node)) return 'bound';
    const { name } = volume.metadata;
    return new Error(`persistentvolume "${name}" is not reachable from node "${node.metadata.name}"`);
  }
}
