import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { PodObjects } from './objects.ts';

const DEFAULT_SECONDS = 3600;
/** Tokens are renewed when this share of their life is over, or after a day ("Managing Service Accounts"). */
const RENEW_SHARE = 0.8;
const RENEW_MS = 24 * 3_600_000;
const LEAST_MS = 60_000;

interface Kept {
  readonly text: string;
  readonly renewAt: number;
}

/** Service account tokens of pods, asked for once and renewed in time. */
export class Tokens {
  readonly #objects: PodObjects;
  readonly #clock: Clock;
  /** By pod UID, then by audience and lifetime. */
  readonly #kept = new Map<string, Map<string, Kept>>();

  constructor(objects: PodObjects, clock: Clock) {
    this.#objects = objects;
    this.#clock = clock;
  }

  async get(pod: Stored<Pod>, audience: string | undefined, seconds = DEFAULT_SECONDS): Promise<string> {
    const { uid, name, namespace = '' } = pod.metadata;
    const key = `${audience ?? ''} ${seconds}`;
    const now = this.#clock.now();
    const known = this.#kept.get(uid)?.get(key);
    if (known && known.renewAt > now) return known.text;
    const account = pod.spec?.serviceAccountName || 'default';
    const { token: text, expiresAt } = await this.#objects.token({ namespace, name, uid }, account, audience, seconds);
    // However wrong the clocks are, it is not asked for without a pause.
    const renewAt = now + Math.max(LEAST_MS, Math.min((expiresAt - now) * RENEW_SHARE, RENEW_MS));
    this.#kept.set(uid, new Map(this.#kept.get(uid)).set(key, { text, renewAt }));
    return text;
  }

  /** When the next token of a pod is to be renewed, epoch milliseconds. */
  renewAt(uid: string): number | undefined {
    const times = [...(this.#kept.get(uid)?.values() ?? [])].map((t) => t.renewAt);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  forget(uid: string): void {
    this.#kept.delete(uid);
  }
}
