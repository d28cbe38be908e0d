import { type ConfigMap, ConfigMaps, type Secret, Secrets, ServiceAccounts } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';

/** ConfigMaps and Secrets are read again after this long, milliseconds. */
const FRESH_MS = 5_000;
const MAX_ENTRIES = 512;

interface Entry {
  readonly at: number;
  readonly value: Promise<unknown>;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
}

/** Objects that pods refer to, read through a short-lived cache so that thirty pods of one template ask once. */
export class PodObjects {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #cache = new Map<string, Entry>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read(`configmap/${namespace}/${name}`, () => this.#client.get(ConfigMaps, name, namespace)) as Promise<
      ConfigMap | undefined
    >;
  }

  /** Values decoded from base64, as bytes. */
  async secret(namespace: string, name: string): Promise<Record<string, Buffer> | undefined> {
    const secret = (await this.#read(`secret/${namespace}/${name}`, () =>
      this.#client.get(Secrets, name, namespace),
    )) as Secret | undefined;
    if (!secret) return undefined;
    return Object.fromEntries(Object.entries(secret.data ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64')]));
  }

  /** A fresh token bound to a pod. */
  async token(
    pod: { namespace: string; name: string; uid: string },
    account: string,
    audience: string | undefined,
    seconds: number,
  ): Promise<IssuedToken> {
    const answer = await this.#client.createSubresource<{ status: { token: string; expirationTimestamp: string } }>(
      ServiceAccounts as never,
      { name: account, namespace: pod.namespace, subresource: 'token' },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience ? [audience] : [],
          expirationSeconds: seconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
        },
      },
    );
    return { token: answer.status.token, expiresAt: Date.parse(answer.status.expirationTimestamp) };
  }

  #read(key: string, fetch: () => Promise<unknown>): Promise<unknown> {
    const now = this.#clock.now();
    const known = this.#cache.get(key);
    if (known && now - known.at < FRESH_MS) return known.value;
    const value = fetch().catch((e: unknown) => {
      this.#cache.delete(key);
      if (isNotFound(e)) return undefined;
      throw e;
    });
    if (this.#cache.size >= MAX_ENTRIES) this.#cache.clear();
    this.#cache.set(key, { at: now, value });
    return value;
  }
}
