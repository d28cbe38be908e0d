import { createHash } from 'node:crypto';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { createBackoff } from '#async/backoff.ts';
import type { Clock } from '#async/clock.ts';
import type { RateLimit } from '#async/rate-limit.ts';
import { createSemaphore } from '#async/semaphore.ts';
import { timeoutSignal } from '#async/signals.ts';
import type { EventRecorder } from '#client/types.ts';
import type { ImageInfo, Runtime } from '../runtime/types.ts';
import type { RegistryCredentials } from './keyring.ts';
import { tagged } from './names.ts';
import type { PullCredentials } from './pull-secrets.ts';

export interface ImagesDeps {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: EventRecorder;
  /** Finds what a pod's image may be pulled with. */
  readonly credentials: (pod: Stored<Pod>, image: string) => Promise<PullCredentials>;
  /** Images pulled at a time; further pulls wait for their turn. */
  readonly parallelPulls: number;
  /** How often the registries are asked; further pulls wait. */
  readonly pullRate: RateLimit;
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

const PULL_TIMEOUT_MS = 600_000;
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 300_000;
/** Images on disk are listed again at most this often, milliseconds. */
const LIST_FRESH_MS = 30_000;
/** How long ErrImagePull stands before it becomes ImagePullBackOff, milliseconds. */
const SHOWN_MS = 1_000;
const MAX_PULLED = 1024;
const MAX_ERRORS = 1024;
/** [host[:port]/]path[:tag][@digest], in lower case. */
const VALID_NAME =
  /^(?:[\w.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@\w+:[0-9a-f]{32,})?$/;

/** Pulls fail for each pod by itself: another one may have better credentials. */
const keyOf = (pod: Stored<Pod>, image: string): string => `${pod.metadata.uid} ${image}`;

interface Pull {
  readonly done: Promise<void>;
  readonly off: AbortController;
  /** How many wait for it. */
  wanted: number;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64');

/** Image presence and pulling, by policy and with back-off ("Images", image pull policy). */
export class Images {
  readonly #d: ImagesDeps;
  readonly #pulls;
  readonly #running = new Map<string, Pull>();
  /** Containers whose image was just pulled for them: with Always that is enough for one start. */
  readonly #pulled = new Set<string>();
  readonly #backoff;
  readonly #lastError = new Map<string, string>();
  #listed: { at: number; images: ImageInfo[]; byName: Map<string, ImageInfo> } | undefined;

  constructor(deps: ImagesDeps) {
    this.#d = deps;
    this.#pulls = createSemaphore(deps.parallelPulls);
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

  #found(image: string): ImageInfo | undefined {
    return this.#listed?.byName.get(tagged(image)) ?? this.#listed?.byName.get(image);
  }

  idOf(image: string): string {
    const found = this.#found(image);
    return found ? `docker://${found.id}` : '';
  }

  async #onDisk(image: string): Promise<boolean> {
    await this.list();
    if (this.idOf(image)) return true;
    await this.list(true);
    return this.idOf(image) !== '';
  }

  /**
   * Whether a container can be made without a pull.
   * @throws ImageError when it must not, or not yet, be pulled
   */
  async present(pod: Stored<Pod>, c: Container): Promise<boolean> {
    const image = c.image ?? '';
    const policy = c.imagePullPolicy ?? 'IfNotPresent';
    if (!VALID_NAME.test(image)) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      this.#event(pod, 'Warning', 'InspectFailed', message);
      throw new ImageError('InvalidImageName', message, MAX_BACKOFF_MS);
    }
    if (this.#pulled.delete(`${pod.metadata.uid} ${c.name}`)) return true;
    const found = await this.#onDisk(image);
    if (policy === 'Never' && !found) {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      throw new ImageError('ErrImageNeverPull', message, FIRST_BACKOFF_MS);
    }
    if (found && policy !== 'Always') {
      this.#event(pod, 'Normal', 'Pulled', `Container image "${image}" already present on machine`);
      return true;
    }
    const wait = this.#backoff.remaining(keyOf(pod, image));
    if (wait > 0) {
      const message = `Back-off pulling image "${image}": ${this.#lastError.get(keyOf(pod, image)) ?? ''}`;
      this.#event(pod, 'Normal', 'BackOff', message);
      throw new ImageError('ImagePullBackOff', message, wait);
    }
    return false;
  }

  /** Pulls the image of a container, together with others that want the same. @throws ImageError */
  async pull(pod: Stored<Pod>, c: Container, signal: AbortSignal): Promise<void> {
    const image = c.image ?? '';
    this.#event(pod, 'Normal', 'Pulling', `Pulling image "${image}"`);
    const started = this.#d.clock.now();
    try {
      const { credentials, missing } = await this.#d.credentials(pod, image);
      if (missing.length > 0) {
        const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
        this.#event(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
      }
      await this.#withAny(image, credentials, signal);
    } catch (e) {
      if (signal.aborted) throw e;
      const message = (e as Error).message;
      this.#backoff.next(keyOf(pod, image));
      if (this.#lastError.size >= MAX_ERRORS) this.#lastError.clear();
      this.#lastError.set(keyOf(pod, image), message);
      this.#event(pod, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      this.#event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
      throw new ImageError('ErrImagePull', message, SHOWN_MS);
    }
    this.#backoff.reset(keyOf(pod, image));
    this.#lastError.delete(keyOf(pod, image));
    await this.list(true);
    if (this.#pulled.size >= MAX_PULLED) this.#pulled.clear();
    this.#pulled.add(`${pod.metadata.uid} ${c.name}`);
    const size = this.#found(image)?.sizeBytes ?? 0;
    const took = `${this.#d.clock.now() - started}ms`;
    this.#event(pod, 'Normal', 'Pulled', `Successfully pulled image "${image}" in ${took}. Image size: ${size} bytes.`);
  }

  /** Tries the credentials one after the other, the last failure counts; without any it is a public image. */
  async #withAny(image: string, credentials: readonly RegistryCredentials[], signal: AbortSignal): Promise<void> {
    let failure: unknown;
    for (const c of credentials.length > 0 ? credentials : [undefined]) {
      try {
        return await this.#shared(image, c, signal);
      } catch (e) {
        if (signal.aborted) throw e;
        failure = e;
      }
    }
    throw failure;
  }

  /** One pull for all who want the image by the same credentials; it is called off when the last of them left. */
  #shared(image: string, credentials: RegistryCredentials | undefined, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const key = credentials ? `${image} ${digest(JSON.stringify(credentials))}` : image;
    let pull = this.#running.get(key);
    if (!pull) {
      const off = new AbortController();
      const done = this.#pulls
        .run(() => this.#inTime(image, credentials, off.signal), off.signal)
        .finally(() => this.#over(key, off));
      pull = { done, off, wanted: 0 };
      this.#running.set(key, pull);
    }
    const { done, off } = pull;
    const entry = pull;
    entry.wanted++;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (--entry.wanted === 0) {
          this.#over(key, off);
          off.abort(new Error('nobody wants the image any more'));
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      done.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  /** Its time begins with its turn. */
  async #inTime(image: string, credentials: RegistryCredentials | undefined, off: AbortSignal): Promise<void> {
    await this.#d.pullRate.turn(off);
    const limit = timeoutSignal(this.#d.clock, PULL_TIMEOUT_MS, off);
    try {
      await this.#d.runtime.pull(tagged(image), limit.signal, credentials);
    } finally {
      limit.dispose();
    }
  }

  /** Who comes now begins anew: one that is called off may take some time to end. */
  #over(key: string, off: AbortController): void {
    if (this.#running.get(key)?.off === off) this.#running.delete(key);
  }

  #event(pod: Stored<Pod>, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#d.events.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
  }
}
