import type { Kind } from '#api/kind.ts';
import {
  type ConfigMap,
  ConfigMaps,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Secret,
  Secrets,
  ServiceAccounts,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';
import type { Logger } from '#process/logger.ts';
import type { ObjectRef } from './references.ts';
import { WatchedObjects } from './watched-objects.ts';

export interface PodObjectsDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when an object changed that this pod holds. */
  readonly changed: (podUid: string) => void;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
}

const CALL_MS = 10_000;

/** Objects that pods refer to. ConfigMaps and Secrets are watched while a pod holds them, each once for all pods. */
export class PodObjects {
  readonly #client: Client;
  readonly #watched: WatchedObjects;

  constructor(deps: PodObjectsDeps) {
    this.#client = deps.client;
    this.#watched = new WatchedObjects(deps);
  }

  /** From here on changes of these objects are told, and reading them costs nothing. Replaces what the pod held before. */
  hold(podUid: string, refs: readonly ObjectRef[]): void {
    this.#watched.hold(podUid, refs);
  }

  release(podUid: string): void {
    this.#watched.hold(podUid, []);
  }

  /** Ends all watches. */
  close(): void {
    this.#watched.close();
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read<ConfigMap>({ kind: 'ConfigMap', namespace, name }, ConfigMaps);
  }

  secretObject(namespace: string, name: string): Promise<Stored<Secret> | undefined> {
    return this.#read<Secret>({ kind: 'Secret', namespace, name }, Secrets);
  }

  /** Values decoded from base64, as bytes. */
  async secret(namespace: string, name: string): Promise<Record<string, Buffer> | undefined> {
    const secret = await this.secretObject(namespace, name);
    if (!secret) return undefined;
    return Object.fromEntries(Object.entries(secret.data ?? {}).map(([k, v]) => [k, Buffer.from(v, 'base64')]));
  }

  claim(namespace: string, name: string): Promise<Stored<PersistentVolumeClaim> | undefined> {
    return this.#get(PersistentVolumeClaims, name, namespace);
  }

  volume(name: string): Promise<Stored<PersistentVolume> | undefined> {
    return this.#get(PersistentVolumes, name);
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
      { timeoutMs: CALL_MS },
    );
    return { token: answer.status.token, expiresAt: Date.parse(answer.status.expirationTimestamp) };
  }

  async #read<T extends KubeObject>(ref: ObjectRef, kind: Kind<T>): Promise<Stored<T> | undefined> {
    const lister = await this.#watched.lister<T>(ref);
    return lister ? lister.get(ref.name, ref.namespace) : this.#get(kind, ref.name, ref.namespace);
  }

  async #get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<Stored<T> | undefined> {
    try {
      return await this.#client.get(kind, name, namespace, { timeoutMs: CALL_MS });
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }
}
