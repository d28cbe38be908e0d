import { createHash, randomUUID } from 'node:crypto';
import { type Lease, Leases } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiMicroTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Deleter } from '../registry/deleter.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from './target.ts';

const NAMESPACE = 'kube-system';
const LABEL = 'apiserver.kubernetes.io/identity';
const KUBE_APISERVER = 'kube-apiserver';
const DURATION_SECONDS = 3600;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const HASH_BYTES = 16;

/** RFC 4648, in lower case and without padding. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((b) => b.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((b) => BASE32[Number.parseInt(b.padEnd(5, '0'), 2)]).join('');
}

/** "apiserver-<hash>": the same for every server of this name, so that a new one takes the lease of the one before it over. */
export const identityOf = (hostname: string): string =>
  `apiserver-${base32(createHash('sha256').update(hostname).digest().subarray(0, HASH_BYTES))}`;

export interface IdentityDeps {
  readonly resources: ResourceTable;
  readonly writer: Writer;
  readonly writes: WriteHandlers;
  readonly deleter: Deleter;
  readonly clock: Clock;
}

/** Tells by a lease which API servers there are: "API server identity" in the Kubernetes docs on leases. */
export class ServerIdentity {
  readonly #d: IdentityDeps;
  readonly #hostname: string;
  readonly #holder: string;

  constructor(deps: IdentityDeps, hostname: string) {
    this.#d = deps;
    this.#hostname = hostname;
    this.#holder = `${identityOf(hostname)}_${randomUUID()}`;
  }

  get #resource(): Resource {
    return this.#d.resources.of(Leases) as unknown as Resource;
  }

  /** Takes the lease, or keeps it. @throws when the store cannot be written */
  async renew(): Promise<void> {
    const target = systemTarget(this.#resource, identityOf(this.#hostname), NAMESPACE);
    const labels = { [LABEL]: KUBE_APISERVER, 'kubernetes.io/hostname': this.#hostname };
    const spec = {
      holderIdentity: this.#holder,
      leaseDurationSeconds: DURATION_SECONDS,
      renewTime: apiMicroTime(this.#d.clock.now()),
    };
    try {
      await this.#d.writes.change(target, (old) => {
        const next = copyJson(old) as Stored<KubeObject>;
        return {
          ...next,
          metadata: { ...next.metadata, labels: { ...next.metadata.labels, ...labels } },
          spec,
        } as KubeObject;
      });
    } catch (e) {
      if (!isNotFound(e)) throw e;
      await this.#d.writer
        .create(target, { metadata: { name: target.name, labels }, spec } as KubeObject)
        .catch((err: unknown) => {
          if (!isAlreadyExists(err)) throw err;
        });
    }
  }

  /** Deletes the leases of servers that are no more. */
  async collect(): Promise<void> {
    const now = this.#d.clock.now();
    for (const { object } of this.#resource.cache.list(`${NAMESPACE}/`)) {
      const { metadata, spec } = object as Stored<Lease>;
      if (metadata.labels?.[LABEL] !== KUBE_APISERVER || !spec?.renewTime) continue;
      if (Date.parse(spec.renewTime) + (spec.leaseDurationSeconds ?? 0) * 1000 > now) continue;
      const { uid, resourceVersion } = metadata;
      const target = systemTarget(this.#resource, metadata.name, NAMESPACE);
      // One that was renewed a moment ago is another version.
      await this.#d.deleter.delete(target, { preconditions: { uid, resourceVersion } });
    }
  }
}
