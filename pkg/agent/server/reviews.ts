import { createHash } from 'node:crypto';
import { SubjectAccessReviews, TokenReviews } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Access, GateOptions, Identity } from './gate.ts';

export interface ReviewsDeps {
  readonly client: Client;
  readonly clock: Clock;
  /** The node that is accessed. */
  readonly nodeName: string;
}

const TIMEOUT_MS = 10_000;
/** How long answers are believed: the defaults of the kubelet's authentication and authorization webhooks. */
const TOKEN_MS = 120_000;
const ALLOWED_MS = 300_000;
const DENIED_MS = 30_000;
const MAX_KEPT = 1024;

/** Answers that are believed for a while, the newest of them; one question at a time for the same key. */
class Answers<T> {
  readonly #clock: Clock;
  readonly #lifeMs: (value: T) => number;
  readonly #kept = new Map<string, { readonly value: Promise<T>; until: number }>();

  constructor(clock: Clock, lifeMs: (value: T) => number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known && this.#clock.now() < known.until) return known.value;
    this.#kept.delete(key);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= MAX_KEPT) this.#kept.delete(oldest);
    const entry = { value: ask(), until: Number.POSITIVE_INFINITY };
    this.#kept.set(key, entry);
    entry.value.then(
      (value) => {
        entry.until = this.#clock.now() + this.#lifeMs(value);
      },
      // What could not be answered is asked again.
      () => this.#kept.get(key) === entry && this.#kept.delete(key),
    );
    return entry.value;
  }
}

/**
 * Lets the API server say whose a bearer token is and what its owner may do with this node ("Kubelet
 * authentication/authorization"): TokenReview and SubjectAccessReview, whose answers are kept for a while.
 */
export function reviewedAccess({ client, clock, nodeName }: ReviewsDeps): Required<GateOptions> {
  const tokens = new Answers<Identity | null>(clock, () => TOKEN_MS);
  const decisions = new Answers<boolean>(clock, (allowed) => (allowed ? ALLOWED_MS : DENIED_MS));
  return {
    authenticate(token) {
      // Only a digest is kept: what is in memory opens nothing.
      const key = createHash('sha256').update(token).digest('base64');
      return tokens.get(key, () => identityOf(client, token));
    },
    authorize(identity, access) {
      const key = JSON.stringify([identity, access]);
      return decisions.get(key, () => isAllowed(client, identity, { ...access, nodeName }));
    },
  };
}

async function identityOf(client: Client, token: string): Promise<Identity | null> {
  const review = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: { token } };
  const { status } = await client.create(TokenReviews, review, { timeoutMs: TIMEOUT_MS });
  const { username, groups = [], uid, extra } = status?.user ?? {};
  if (!status?.authenticated || !username) return null;
  return { name: username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

async function isAllowed(
  client: Client,
  { name, groups, uid, extra }: Identity,
  { nodeName, verb, subresource }: Access & { readonly nodeName: string },
): Promise<boolean> {
  const review = {
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: {
      user: name,
      groups: [...groups],
      ...(uid ? { uid } : {}),
      ...(extra ? { extra: Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, [...v]])) } : {}),
      resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName },
    },
  };
  const { status } = await client.create(SubjectAccessReviews, review, { timeoutMs: TIMEOUT_MS });
  return status?.allowed === true;
}
