import type { Pod } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { Lister } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import { allContainers } from '../pods/containers.ts';
import type { ImageInfo, Runtime } from '../runtime/types.ts';
import type { DiskUsage } from '../stats/machine.ts';
import { tagged } from './names.ts';

export interface ImageGcDeps {
  readonly runtime: Runtime;
  readonly pods: Lister<Pod>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The image of all sandboxes. */
  readonly pauseImage: string;
  readonly disk: () => Promise<DiskUsage>;
  /** Share of the disk in use, percent, from which on images are removed, and down to which. */
  readonly highPercent: number;
  readonly lowPercent: number;
  /** An image is removed only when it was unused for so long, milliseconds: one that was just pulled is about to be used. */
  readonly minAgeMs: number;
}

const PERIOD_MS = 300_000;
const ALL = 100;

const repository = (name: string): string => name.replace(/(@.*|:[^/:]*)$/, '');

/** Names that were loaded by hand have no digest of a registry: what they name could not be had again. */
function canBePulled({ names }: ImageInfo): boolean {
  const pulled = new Set(names.filter((n) => n.includes('@')).map(repository));
  return names.length > 0 && names.every((n) => pulled.has(repository(n)));
}

/** Images to remove, those unused longest first. Pure. @param idleSince epoch milliseconds by image id */
export const removable = (
  images: readonly ImageInfo[],
  used: ReadonlySet<string>,
  idleSince: ReadonlyMap<string, number>,
): ImageInfo[] =>
  images
    .filter((i) => canBePulled(i) && ![i.id, ...i.names].some((n) => used.has(n)))
    .sort((a, b) => (idleSince.get(a.id) ?? Number.MAX_VALUE) - (idleSince.get(b.id) ?? Number.MAX_VALUE));

/** Removes images nobody uses when the disk fills up ("Garbage Collection", container image lifecycle). */
export class ImageGc {
  readonly #d: ImageGcDeps;
  /** Since when each image is known to be unused, epoch milliseconds by id. */
  #idleSince = new Map<string, number>();

  constructor(deps: ImageGcDeps) {
    this.#d = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, highPercent, lowPercent, minAgeMs } = this.#d;
    while (!signal.aborted) {
      try {
        // Looked through also while there is room: how long each is unused is known when there is none.
        const idle = await this.#idle();
        if ((await this.#percent()) >= highPercent) await this.#collect(idle, lowPercent, minAgeMs);
      } catch (err) {
        logger.warn({ err }, 'images could not be looked through');
      }
      await clock.sleep(PERIOD_MS, signal).catch(() => {});
    }
  }

  /** The disk is nearly full: all that is unused goes. @returns whether that was anything */
  async reclaim(): Promise<boolean> {
    return this.#collect(await this.#idle(), 0, 0);
  }

  async #percent(): Promise<number> {
    const { capacity, available } = await this.#d.disk();
    return capacity === 0 ? 0 : ((capacity - available) * ALL) / capacity;
  }

  /** Images nobody uses, those unused longest first. */
  async #idle(): Promise<ImageInfo[]> {
    const { runtime, clock } = this.#d;
    const idle = removable(await runtime.images(), this.#used(), this.#idleSince);
    const now = clock.now();
    this.#idleSince = new Map(idle.map((i) => [i.id, this.#idleSince.get(i.id) ?? now]));
    return idle;
  }

  async #collect(idle: readonly ImageInfo[], untilPercent: number, minAgeMs: number): Promise<boolean> {
    const { clock, logger } = this.#d;
    const now = clock.now();
    let any = false;
    for (const image of idle) {
      if (now - (this.#idleSince.get(image.id) ?? now) < minAgeMs) continue;
      if (untilPercent > 0 && (await this.#percent()) < untilPercent) break;
      let gone = false;
      for (const name of image.names) gone = (await this.#remove(name)) || gone;
      if (gone) logger.info({ image: image.names[0], bytes: image.sizeBytes }, 'an unused image was removed');
      any ||= gone;
    }
    return any;
  }

  /** One that Docker fails to remove does not keep the others. */
  async #remove(name: string): Promise<boolean> {
    const { runtime, logger } = this.#d;
    return runtime.removeImage(name).catch((err: unknown) => {
      logger.warn({ err, image: name }, 'an unused image could not be removed');
      return false;
    });
  }

  #used(): ReadonlySet<string> {
    const names = [...this.#d.pods.list()].flatMap((p) => allContainers(p).map((c) => c.image ?? ''));
    return new Set([this.#d.pauseImage, ...names].flatMap((n) => [n, tagged(n)]));
  }
}
