import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { createBackoff } from '#async/backoff.ts';
import type { Clock } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import type { EventRecorder } from '#client/types.ts';
import type { ImageInfo, Runtime } from '../runtime/types.ts';

export interface ImagesDeps {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: EventRecorder;
}

/** Why a container waits for its image. */
export class ImageError extends Error {
  readonly reason: 'ErrImagePull' | 'ImagePullBackOff' | 'ErrImageNeverPull' | 'InvalidImageName';
  readonly retryMs: number;
  constructor(reason: ImageError['reason'], message: string, retryMs: number) {
    super(message);
    this.reason = reason;
    this.retryMs = retryMs;
  }
}

const PARALLEL_PULLS = 3;
const PULL_TIMEOUT_MS = 600_000;
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
/** Images on disk are listed again at most this often, milliseconds. */
const LIST_FRESH_MS = 30_000;

/** "busybox" → "busybox:latest": how Docker lists it. */
const tagged = (image: string): string => (/[@:][^/]*$/.test(image) ? image : `${image}:latest`);

/** Image presence and pulling, by policy and with back-off ("Images", image pull policy). */
export class Images {
  readonly #d: ImagesDeps;
  readonly #pulls = createSemaphore(PARALLEL_PULLS);
  readonly #running = new Map<string, Promise<void>>();
  readonly #backoff;
  readonly #lastError = new Map<string, string>();
  #listed: { at: number; images: ImageInfo[]; byName: Map<string, ImageInfo> } | undefined;

  constructor(deps: ImagesDeps) {
    this.#d = deps;
    this.#backoff = createBackoff({
      clock: deps.clock,
      initialMs: FIRST_BACKOFF_MS,
      maxMs: MAX_BACKOFF_MS,
      resetAfterMs: 2 * MAX_BACKOFF_MS,
    });
  }

  /** What is on disk, from memory when it is fresh enough. */
  async list(fresh = false): Promise<ImageInfo[]> {
    const now = this.#d.clock.now();
    if (!this.#listed || fresh || now - this.#listed.at > LIST_FRESH_MS) {
      const images = await this.#d.runtime.images();
      this.#listed = {
        at: now,
        images,
        byName: new Map(images.flatMap((i) => [[i.id, i] as const, ...i.names.map((n) => [n, i] as const)])),
      };
    }
    return this.#listed.images;
  }

  idOf(image: string): string {
    const found = this.#listed?.byName.get(tagged(image)) ?? this.#listed?.byName.get(image);
    return found ? `docker://${found.id}` : '';
  }

  async #present(image: string): Promise<boolean> {
    await this.list();
    if (this.idOf(image)) return true;
    await this.list(true);
    return this.idOf(image) !== '';
  }

  /** Makes sure the image is there. @throws ImageError */
  async ensure(pod: Stored<Pod>, c: Container, signal: AbortSignal): Promise<void> {
    const image = c.image ?? '';
    const policy = c.imagePullPolicy ?? 'IfNotPresent';
    const present = await this.#present(image);
    if (policy === 'Never' && !present) {
      throw new ImageError(
        'ErrImageNeverPull',
        `Container image "${image}" is not present with pull policy of Never`,
        FIRST_BACKOFF_MS,
      );
    }
    if (present && policy !== 'Always') {
      this.#event(pod, 'Normal', 'Pulled', `Container image "${image}" already present on machine`);
      return;
    }
    const wait = this.#backoff.remaining(image);
    if (wait > 0) {
      const message = `Back-off pulling image "${image}": ${this.#lastError.get(image) ?? ''}`;
      this.#event(pod, 'Normal', 'BackOff', message);
      throw new ImageError('ImagePullBackOff', message, wait);
    }
    await this.#pull(pod, image, signal);
  }

  async #pull(pod: Stored<Pod>, image: string, signal: AbortSignal): Promise<void> {
    this.#event(pod, 'Normal', 'Pulling', `Pulling image "${image}"`);
    const started = this.#d.clock.now();
    let pull = this.#running.get(image);
    if (!pull) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(PULL_TIMEOUT_MS)]);
      pull = this.#pulls
        .run(() => this.#d.runtime.pull(tagged(image), limit), signal)
        .finally(() => this.#running.delete(image));
      this.#running.set(image, pull);
    }
    try {
      await pull;
    } catch (e) {
      const message = (e as Error).message;
      const retry = this.#backoff.next(image);
      this.#lastError.set(image, message);
      this.#event(pod, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      throw new ImageError('ErrImagePull', message, retry);
    }
    this.#backoff.reset(image);
    await this.list(true);
    this.#event(pod, 'Normal', 'Pulled', `Successfully pulled image "${image}" in ${this.#d.clock.now() - started}ms`);
  }

  #event(pod: Stored<Pod>, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#d.events.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
  }
}
