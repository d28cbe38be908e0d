import { isNotFound } from '#api/meta/errors.ts';
import type { OwnerReference } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import { NoScale, scaledPlural, scalePath } from '../discovered/scale.ts';

/** How long an answer is believed in, milliseconds: not every kind can be watched. */
export const BELIEVED_MS = 60_000;
/** Answers remembered; the oldest is forgotten first, and asked for again. */
const CAPACITY = 1000;

interface Answer<V> {
  readonly value: Promise<V>;
  /** Epoch milliseconds. */
  readonly until: number;
}

/** Answers of the API by what was asked, so that many who ask cost one request. What failed is asked again. */
class Answers<V> {
  readonly #known = new Map<string, Answer<V>>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string, ask: () => Promise<V>): Promise<V> {
    const known = this.#known.get(key);
    const now = this.#clock.now();
    if (known && now < known.until) return known.value;
    this.#known.delete(key);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= CAPACITY && oldest !== undefined) this.#known.delete(oldest);
    const answer = { value: ask(), until: now + BELIEVED_MS };
    this.#known.set(key, answer);
    answer.value.catch((e: unknown) => {
      // That a kind has no scale is an answer.
      if (!(e instanceof NoScale) && this.#known.get(key) === answer) this.#known.delete(key);
    });
    return answer.value;
  }

  delete(key: string): boolean {
    return this.#known.delete(key);
  }
}

/** All that a reference says, as a user may have written it; objects are watched in a version of their own. */
const keyOf = ({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): string =>
  [groupOf(apiVersion), kind, namespace, name, uid].join('/');
const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');

interface Scale {
  readonly metadata?: { readonly uid?: string };
  readonly spec?: { readonly replicas?: number };
}

/** How many pods controllers want that are not built in, by the scale subresource of their kind. */
export class CustomScales {
  readonly #client: Client;
  readonly #plurals: Answers<string>;
  /** Undefined: there is none, or another one has that name. */
  readonly #replicas: Answers<number | undefined>;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#plurals = new Answers(clock);
    this.#replicas = new Answers(clock);
  }

  /** @returns undefined when the controller is gone. @throws NoScale, or what the API answers */
  replicas(ref: OwnerReference, namespace: string): Promise<number | undefined> {
    return this.#replicas.get(keyOf(ref, namespace), () => this.#ask(ref, namespace));
  }

  async #ask(ref: OwnerReference, namespace: string): Promise<number | undefined> {
    const kind = `${ref.apiVersion}/${ref.kind}`;
    const plural = await this.#plurals.get(kind, () => scaledPlural(this.#client, ref));
    const path = scalePath(plural, { ...ref, namespace });
    const { metadata, spec } = await this.#client.raw<Scale>('GET', path).catch((e: unknown) => {
      if (isNotFound(e)) return {} as Scale;
      throw e;
    });
    return metadata?.uid === ref.uid ? (spec?.replicas ?? 0) : undefined;
  }

  /** What its scale says may have changed. @returns whether somebody had asked for it */
  forget(ref: OwnerReference, namespace: string): boolean {
    return this.#replicas.delete(keyOf(ref, namespace));
  }
}
